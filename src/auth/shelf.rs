//! A file that other programs read and write too, kept as it was last seen.
//!
//! Reading costs one `stat` while the file is unchanged. Changing it is lock, read, modify, replace: two of ours never
//! lose each other's change. The Node program 0.41 takes no lock, but it replaces its files by rename, so what is read is whole.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::AuthError;
use crate::store::{FileError, file, make_private};

/// A file's content, understood.
pub(super) trait Document: Default {
    /// Understands the file.
    ///
    /// # Errors
    /// What is wrong with it; then it is neither used nor changed.
    fn parse(content: &[u8]) -> Result<Self, String>;

    /// Writes the file's text.
    fn render(&self) -> Vec<u8>;
}

/// Which content was seen: a file that is replaced or written has another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    bytes: u64,
    inode: u64,
}

type Seen<D> = Option<(Option<Stamp>, Result<Arc<D>, String>)>;

pub(super) struct Shelf<D> {
    path: PathBuf,
    seen: Mutex<Seen<D>>,
    /// Told when the content is another one than before.
    changed: watch::Sender<()>,
}

impl<D: Document> Shelf<D> {
    pub(super) fn new(path: PathBuf, changed: watch::Sender<()>) -> Self {
        Self {
            path,
            seen: Mutex::new(None),
            changed,
        }
    }

    /// The content as it is now; the default if there is no such file.
    ///
    /// # Errors
    /// The file can't be read or understood. It is tried again only when it has changed.
    pub(super) fn get(&self) -> Result<Arc<D>, AuthError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp()?;
        if let Some((known, content)) = &*seen
            && *known == stamp
        {
            return content.clone().map_err(|why| self.corrupt(why));
        }
        let content = match file::read(&self.path)? {
            Some(content) => D::parse(&content).map(Arc::new),
            None => Ok(Arc::default()),
        };
        if let Err(why) = &content {
            tracing::error!(path = %self.path.display(), why, "this file can't be understood; it is left as it is");
        }
        if seen.replace((stamp, content.clone())).is_some() {
            self.changed.send_replace(());
        }
        content.map_err(|why| self.corrupt(why))
    }

    /// Reads the file again, lets `change` modify it, and writes it if `change` says so.
    ///
    /// # Errors
    /// Those of [`Shelf::get`] and of `change`; the file is then as it was.
    pub(super) fn update<T>(
        &self,
        change: impl FnOnce(&mut D) -> Result<Change<T>, AuthError>,
    ) -> Result<T, AuthError> {
        if let Some(dir) = self.path.parent() {
            make_private(dir).map_err(|e| FileError::new("make the directory of", &self.path, e))?;
        }
        let _lock = file::lock(&self.path)?;
        let mut document = match file::read(&self.path)? {
            Some(content) => D::parse(&content).map_err(|why| self.corrupt(why))?,
            None => D::default(),
        };
        match change(&mut document)? {
            Change::Keep(value) => Ok(value),
            Change::Write(value) => {
                file::replace(&self.path, &document.render())?;
                // Who relies on what was there is told at once, not by the next who looks.
                let _ = self.get();
                Ok(value)
            }
        }
    }

    /// Looks at the file, and takes from others what is none of theirs.
    fn stamp(&self) -> Result<Option<Stamp>, AuthError> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(e)
                if matches!(
                    e.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(e) => return Err(FileError::new("look at", &self.path, e).into()),
        };
        if found.mode() & 0o077 != 0 {
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600))
                .map_err(|e| FileError::new("make private", &self.path, e))?;
            tracing::warn!(path = %self.path.display(), "others could read this file; its mode is now 0600");
        }
        Ok(Some(Stamp {
            modified: (found.mtime(), found.mtime_nsec()),
            bytes: found.size(),
            inode: found.ino(),
        }))
    }

    fn corrupt(&self, why: String) -> AuthError {
        AuthError::Corrupt {
            path: self.path.clone(),
            why,
        }
    }
}

/// What a change made of the file.
pub(super) enum Change<T> {
    /// It stays as it is.
    Keep(T),
    /// It is written.
    Write(T),
}
