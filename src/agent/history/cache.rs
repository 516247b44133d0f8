//! What was learnt of files, kept while they stay as they are.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::SystemTime,
};

use super::{
    Conversation, Store, lines,
    scan::{Scan, Summary},
};
use crate::agent::transcript::tail::Identity;

/// How many files are remembered; above, all is forgotten and learnt anew.
const MAX_FILES: usize = 20_000;
/// From how many files on a list is made by several threads, and by how many at most.
const PARALLEL: usize = 32;
const MAX_THREADS: usize = 4;

/// What changes when a file does.
type Version = (Identity, u64, Option<SystemTime>);

/// Reads the conversations of all agents, and remembers what it saw of their files.
#[derive(Debug, Default)]
pub struct History {
    scans: Mutex<HashMap<PathBuf, Scan>>,
    documents: Mutex<HashMap<PathBuf, (Version, Option<Conversation>)>>,
    warned: Mutex<HashSet<PathBuf>>,
}

impl History {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at a file of lines, and answers what `tell` makes of it.
    pub(super) fn scan<T>(&self, store: Store, path: &Path, tell: impl FnOnce(&Summary) -> T) -> Option<T> {
        // Taken out while it is worked on: a big file holds up nobody else.
        let mut scan = lock(&self.scans).remove(path).unwrap_or_default();
        let told = match scan.update(store, path) {
            Ok(summary) => tell(summary),
            Err(error) => {
                self.warn(path, &error);
                return None;
            }
        };
        let mut scans = lock(&self.scans);
        if scans.len() >= MAX_FILES {
            scans.clear();
        }
        scans.insert(path.to_owned(), scan);
        Some(told)
    }

    /// Looks at many files, and gives what `tell` makes of each.
    pub(super) fn scanned<T: Send>(
        &self,
        store: Store,
        files: &[PathBuf],
        tell: impl Fn(&Path, &Summary) -> Option<T> + Sync,
    ) -> Vec<T> {
        let one = |path: &PathBuf| self.scan(store, path, |summary| tell(path, summary)).flatten();
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_THREADS);
        let is_known = |path: &PathBuf| lock(&self.scans).contains_key(path);
        if threads < 2 || files.len() < PARALLEL || files.iter().all(is_known) {
            return files.iter().filter_map(one).collect();
        }
        let share = files.len().div_ceil(threads);
        thread::scope(|scope| {
            let workers: Vec<_> = files
                .chunks(share)
                .map(|files| scope.spawn(move || files.iter().filter_map(one).collect::<Vec<_>>()))
                .collect();
            let shares = workers.into_iter().filter_map(|worker| worker.join().ok());
            shares.flatten().collect()
        })
    }

    /// What `read` makes of a document, as long as that does not change; none if it is not there.
    pub(super) fn remember(
        &self,
        path: &Path,
        read: impl FnOnce() -> Option<Conversation>,
    ) -> Option<Conversation> {
        let found = lines::regular(path).ok()?;
        let version = (Identity::of(&found), found.len(), found.modified().ok());
        let known = lock(&self.documents).get(path).cloned();
        if let Some((seen, told)) = known
            && seen == version
        {
            return told;
        }
        let told = read();
        let mut documents = lock(&self.documents);
        if documents.len() >= MAX_FILES {
            documents.clear();
        }
        documents.insert(path.to_owned(), (version, told.clone()));
        told
    }

    /// Warns of a file that can't be read, once. One that is not there is nothing to warn of.
    pub(super) fn warn(&self, path: &Path, error: &dyn Display) {
        let is_new = lock(&self.warned).insert(path.to_owned());
        if is_new && path.exists() {
            tracing::warn!(path = %path.display(), %error, "cannot read an agent's conversations");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
