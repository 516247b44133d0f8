//! The registry, read at most once for each time it was written, by whomever.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use tokio::sync::{Notify, watch};

use super::{SessionError, lock};
use crate::store::{Registry, SessionRecord};

type Map = BTreeMap<String, SessionRecord>;

/// The registry and what was read from it last.
#[derive(Clone)]
pub(super) struct Records(Arc<Inner>);

struct Inner {
    registry: Registry,
    path: PathBuf,
    cached: Mutex<Option<(Stamp, Arc<Map>)>>,
    lost: Notify,
    /// Changed when a session may have.
    touched: watch::Sender<()>,
}

/// What changes whenever the file does.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Records {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner {
            registry: Registry::new(path.clone()),
            path,
            cached: Mutex::default(),
            lost: Notify::new(),
            touched: watch::Sender::new(()),
        }))
    }

    /// All records as they are on disk now.
    pub(super) async fn all(&self) -> Result<Arc<Map>, SessionError> {
        let stamp = self.stamp();
        if let Some((_, map)) = lock(&self.0.cached)
            .as_ref()
            .filter(|(cached, _)| *cached == stamp)
        {
            return Ok(map.clone());
        }
        let this = self.clone();
        let loaded = blocking(move || this.0.registry.load()).await?;
        if let Some(aside) = &loaded.set_aside {
            tracing::error!(aside = %aside.display(), "the session registry was corrupt; it is kept aside and a new one begun");
            self.0.lost.notify_one();
        }
        if !loaded.unreadable.is_empty() {
            tracing::warn!(names = ?loaded.unreadable, "some sessions can't be read; they stay in the file as they are");
        }
        let map = Arc::new(loaded.records);
        // Stamped before it was read: a write in between makes the next reader read again.
        *lock(&self.0.cached) = Some((stamp, map.clone()));
        self.touch();
        Ok(map)
    }

    /// Changes the records on disk; no other writer gets between.
    pub(super) async fn update<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Map) -> R + Send + 'static,
    ) -> Result<R, SessionError> {
        let this = self.clone();
        let result = blocking(move || this.0.registry.update(change)).await?;
        *lock(&self.0.cached) = None;
        self.touch();
        Ok(result)
    }

    /// Says that a session may have changed.
    pub(super) fn touch(&self) {
        self.0.touched.send_replace(());
    }

    /// Follows when sessions may have changed.
    pub(super) fn touched(&self) -> watch::Receiver<()> {
        self.0.touched.subscribe()
    }

    /// Waits until a corrupt registry was set aside. For one listener.
    pub(super) async fn lost(&self) {
        self.0.lost.notified().await;
    }

    /// How many there were at the last look.
    pub(super) fn known(&self) -> usize {
        lock(&self.0.cached).as_ref().map_or(0, |(_, map)| map.len())
    }

    fn stamp(&self) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(&self.0.path).ok();
        Stamp {
            modified: found.as_ref().and_then(|found| found.modified().ok()),
            length: found.as_ref().map_or(0, fs::Metadata::len),
            inode: found.as_ref().map_or(0, MetadataExt::ino),
        }
    }
}

/// Runs what touches the disk where it delays no task.
async fn blocking<R: Send + 'static, E: Into<SessionError> + Send + 'static>(
    work: impl FnOnce() -> Result<R, E> + Send + 'static,
) -> Result<R, SessionError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(SessionError::ShuttingDown),
    }
}
