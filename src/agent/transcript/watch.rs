//! Directories being watched: one inotify instance for the whole process, because a user has only 128 of them.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use tokio::{
    sync::{Notify, futures::Notified},
    time::timeout,
};

use super::{LOOK_EVERY, layout::nearest};

/// The process's directory watcher. Clones share it; make one.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    /// None where there is no inotify. Held while watches change; the watcher's thread never takes it.
    watcher: Mutex<Option<RecommendedWatcher>>,
    dirs: Arc<Dirs>,
}

/// Who wants to know of which directory. The watcher's thread takes this lock, so nobody waits for that thread under it.
#[derive(Default)]
struct Dirs(Mutex<HashMap<PathBuf, Dir>>);

#[derive(Default)]
struct Dir {
    bells: Vec<Arc<Bell>>,
    /// It was removed or renamed: if it is there again, it is another one.
    stale: bool,
}

impl Watch {
    /// Starts the watcher and its thread. Where that fails, followers look every second instead.
    #[must_use]
    pub fn new() -> Self {
        let dirs = Arc::new(Dirs::default());
        let heard = dirs.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| heard.hear(event));
        if let Err(error) = &watcher {
            tracing::warn!(%error, "cannot watch directories; transcripts are looked at every second");
        }
        Self(Arc::new(Inner {
            watcher: Mutex::new(watcher.ok()),
            dirs,
        }))
    }

    #[cfg(test)]
    pub(super) fn without_inotify() -> Self {
        Self(Arc::new(Inner {
            watcher: Mutex::new(None),
            dirs: Arc::default(),
        }))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.0.dirs.0).len()
    }
}

impl Watch {
    /// Listens to directories that are named later.
    pub(crate) fn listen(&self) -> Listener {
        let bell = Arc::new(Bell::default());
        Listener {
            interest: Interest::new(self, bell.clone()),
            bell,
        }
    }
}

/// Hears of changes in directories.
pub(crate) struct Listener {
    bell: Arc<Bell>,
    interest: Interest,
}

impl Listener {
    /// Listens to exactly these directories, or the nearest ones above them that are there. What happened before is not
    /// heard. Blocks on the disk.
    pub(crate) fn set<'a>(&mut self, dirs: impl IntoIterator<Item = &'a Path>) {
        let there = dirs.into_iter().filter_map(nearest).collect();
        self.interest.set(&there);
    }

    /// Waits for a change. Cancel safe: a change is kept until it is waited for.
    pub(crate) async fn changed(&self) {
        let heard = self.bell.notified();
        if self.interest.blind {
            let _ = timeout(LOOK_EVERY, heard).await;
        } else {
            heard.await;
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Dirs {
    fn hear(&self, event: notify::Result<Event>) {
        match event {
            // Reading is an access, too: hearing of it would make every look cause the next.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) if !event.need_rescan() => match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    event.paths.iter().for_each(|path| self.written(path));
                }
                kind => {
                    let moved = matches!(
                        kind,
                        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
                    );
                    event.paths.iter().for_each(|path| self.changed(path, moved));
                }
            },
            // Events were lost.
            _ => lock(&self.0).values().for_each(Dir::ring),
        }
    }

    /// A file got other content.
    fn written(&self, path: &Path) {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        if let Some(dir) = lock(&self.0).get(dir) {
            dir.bells.iter().for_each(|bell| bell.ring_for(name));
        }
    }

    fn changed(&self, path: &Path, moved: bool) {
        let mut dirs = lock(&self.0);
        for near in [Some(path), path.parent()].into_iter().flatten() {
            dirs.get(near).into_iter().for_each(Dir::ring);
        }
        if moved {
            for (_, dir) in dirs.iter_mut().filter(|(dir, _)| dir.starts_with(path)) {
                dir.stale = true;
                dir.ring();
            }
        }
    }
}

impl Dir {
    fn ring(&self) {
        self.bells.iter().for_each(|bell| bell.ring());
    }
}

/// Rings for one follower.
#[derive(Default)]
pub(super) struct Bell {
    notify: Notify,
    /// Only the content of files that it knows has changed since it looked around.
    is_around: AtomicBool,
    known: Mutex<Known>,
}

/// What a follower has found.
#[derive(Default)]
pub(super) struct Known {
    /// The names of its files.
    pub(super) names: BTreeSet<OsString>,
    /// No file that is there already can come to be its own: of many conversations in one directory, each is written
    /// all the time.
    pub(super) no_more: bool,
}

impl Bell {
    /// Rings for something new.
    pub(super) fn ring(&self) {
        self.is_around.store(false, Ordering::Release);
        self.notify.notify_one();
    }

    fn ring_for(&self, name: &OsStr) {
        let known = lock(&self.known);
        if known.names.contains(name) {
            self.notify.notify_one();
        } else if !known.no_more {
            self.ring();
        }
    }

    /// Waits until it rings.
    pub(super) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    /// To be called before a follower looks around: what comes from here on is new.
    pub(super) fn look_around(&self) {
        self.is_around.store(true, Ordering::Release);
    }

    /// Makes the next look one around.
    pub(super) fn look_again(&self) {
        self.is_around.store(false, Ordering::Release);
    }

    /// Whether a follower need not look around.
    pub(super) fn is_around(&self) -> bool {
        self.is_around.load(Ordering::Acquire)
    }

    /// To be called when a follower has found its files, before it reads them.
    pub(super) fn know(&self, known: Known) {
        *lock(&self.known) = known;
    }
}

/// One follower's directories, and the bell that rings when something in them changes.
pub(super) struct Interest {
    watch: Watch,
    pub(super) bell: Arc<Bell>,
    dirs: BTreeSet<PathBuf>,
    /// A directory could not be watched: there will be no bell for it.
    pub(super) blind: bool,
}

impl Interest {
    pub(super) fn new(watch: &Watch, bell: Arc<Bell>) -> Self {
        Self {
            watch: watch.clone(),
            bell,
            dirs: BTreeSet::new(),
            blind: false,
        }
    }

    /// Watches exactly these directories. Tells whether one is new: what happened in it before was not heard.
    pub(super) fn set(&mut self, wanted: &BTreeSet<PathBuf>) -> bool {
        let inner = self.watch.0.clone();
        let mut watcher = lock(&inner.watcher);
        let Some(watcher) = watcher.as_mut() else {
            self.blind = true;
            return false;
        };
        let (mut fresh, mut watched) = (false, BTreeSet::new());
        for dir in wanted {
            let (joined, unwatched) = self.join(dir);
            if unwatched {
                // One of that name that went away may still be in the watcher's books.
                let _ = watcher.unwatch(dir);
                if let Err(error) = watcher.watch(dir, RecursiveMode::NonRecursive) {
                    tracing::debug!(dir = %dir.display(), %error, "cannot watch a directory");
                    self.leave(dir);
                    continue;
                }
            }
            fresh |= joined || unwatched;
            watched.insert(dir.clone());
        }
        for dir in self.dirs.difference(&watched) {
            if self.leave(dir) {
                let _ = watcher.unwatch(dir);
            }
        }
        self.blind = watched.len() < wanted.len();
        self.dirs = watched;
        fresh
    }

    /// Hangs the bell up; tells whether it is new there, and whether nobody watches the directory yet.
    fn join(&self, path: &Path) -> (bool, bool) {
        let mut dirs = lock(&self.watch.0.dirs.0);
        let dir = dirs.entry(path.to_owned()).or_default();
        let unwatched = dir.bells.is_empty() || dir.stale;
        dir.stale = false;
        let joined = !dir.bells.iter().any(|bell| Arc::ptr_eq(bell, &self.bell));
        if joined {
            dir.bells.push(self.bell.clone());
        }
        (joined, unwatched)
    }

    /// Takes the bell down; tells whether it was the last.
    fn leave(&self, path: &Path) -> bool {
        let mut dirs = lock(&self.watch.0.dirs.0);
        let Some(dir) = dirs.get_mut(path) else {
            return false;
        };
        dir.bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
        let last = dir.bells.is_empty();
        if last {
            dirs.remove(path);
        }
        last
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.set(&BTreeSet::new());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
