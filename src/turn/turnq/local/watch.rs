//! Tells those who wait that the directory has changed.

use std::{
    ffi::OsStr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::timeout,
};

use super::ticket::Blocker;

/// File names that wait to be looked at; who is slower looks at the directory anyway.
const QUEUE: usize = 256;
/// How long a lost change may go unnoticed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long the death of a program without an `flock` may go unnoticed: the kernel tells nobody.
const LOOK_FOR_DEATH: Duration = Duration::from_millis(250);
/// As often as the old program, where changes can't be watched.
const LOOK_BLINDLY: Duration = Duration::from_millis(50);

/// The watch of the directory, which exists while somebody waits.
pub(super) struct Watches {
    dir: PathBuf,
    current: Mutex<Weak<Watch>>,
}

struct Watch {
    _watcher: RecommendedWatcher,
    /// Names of files that were removed or closed; empty for any.
    changed: broadcast::Sender<String>,
}

/// The changes since it was made.
pub(super) struct Changes(Option<(Arc<Watch>, broadcast::Receiver<String>)>);

impl Watches {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            current: Mutex::default(),
        }
    }

    pub(super) fn watch(&self) -> Changes {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = current.upgrade().or_else(|| self.start());
        *current = watch.as_ref().map(Arc::downgrade).unwrap_or_default();
        Changes(watch.map(|watch| {
            let receiver = watch.changed.subscribe();
            (watch, receiver)
        }))
    }

    fn start(&self) -> Option<Arc<Watch>> {
        let (changed, _) = broadcast::channel(QUEUE);
        let tell = changed.clone();
        let started = notify::recommended_watcher(move |event: notify::Result<Event>| {
            for name in names(event) {
                // Nobody may wait any more.
                let _ = tell.send(name);
            }
        })
        .and_then(|mut watcher| {
            watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match started {
            Ok(watcher) => Some(Arc::new(Watch {
                _watcher: watcher,
                changed,
            })),
            Err(error) => {
                tracing::debug!(%error, "cannot watch the turns; looking at them instead");
                None
            }
        }
    }
}

impl Changes {
    /// Waits until a file that begins with `stem` may have changed. Cancel safe.
    pub(super) async fn next(&mut self, stem: &str, blocker: Blocker) {
        let Some((_, receiver)) = &mut self.0 else {
            return tokio::time::sleep(LOOK_BLINDLY).await;
        };
        let patience = match blocker {
            Blocker::Line => LOOK_AGAIN,
            Blocker::Foreign => LOOK_FOR_DEATH,
        };
        let changed = async {
            loop {
                match receiver.recv().await {
                    Ok(name) if name.is_empty() || is_of(stem, &name) => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                }
            }
        };
        // Either way it is looked at.
        let _ = timeout(patience, changed).await;
    }
}

fn is_of(stem: &str, name: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

/// The files whose change may let somebody in. Opening one does not, and those who look open them.
fn names(event: notify::Result<Event>) -> Vec<String> {
    let Ok(event) = event else {
        return vec![String::new()];
    };
    match event.kind {
        EventKind::Remove(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From))
        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            let name = |path: &PathBuf| {
                path.file_name()
                    .map(|name| OsStr::to_string_lossy(name).into_owned())
            };
            event.paths.iter().filter_map(name).collect()
        }
        _ if event.need_rescan() => vec![String::new()],
        _ => Vec::new(),
    }
}
