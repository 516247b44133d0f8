//! What was learnt of files, kept while they stay as they are.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    fs, io,
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

/// A file, and the working directory whose conversations it was read for.
type Document = (PathBuf, PathBuf);

/// Reads the conversations of all agents, and remembers what it saw of their files.
#[derive(Debug, Default)]
pub struct History {
    scans: Mutex<HashMap<PathBuf, Scan>>,
    documents: Mutex<HashMap<Document, (Version, Vec<Conversation>)>>,
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

    /// What `read` makes of a document for one working directory, as long as the document does not change; nothing if it is
    /// not there.
    pub(super) fn remember<R: IntoIterator<Item = Conversation>>(
        &self,
        path: &Path,
        cwd: &Path,
        read: impl FnOnce() -> io::Result<R>,
    ) -> Vec<Conversation> {
        let Ok(found) = lines::regular(path).inspect_err(|error| self.warn(path, error)) else {
            return Vec::new();
        };
        let version = (Identity::of(&found), found.len(), found.modified().ok());
        let key = (path.to_owned(), cwd.to_owned());
        let known = lock(&self.documents).get(&key).cloned();
        if let Some((seen, told)) = known
            && seen == version
        {
            return told;
        }
        let told: Vec<Conversation> = match read() {
            Ok(told) => told.into_iter().collect(),
            Err(error) => {
                self.warn(path, &error);
                Vec::new()
            }
        };
        let mut documents = lock(&self.documents);
        if documents.len() >= MAX_FILES {
            documents.clear();
        }
        documents.insert(key, (version, told.clone()));
        told
    }

    /// What a directory holds under a name that is wanted. One that can't be read is warned of once.
    pub(super) fn entries(&self, dir: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.warn(dir, &error);
                }
                return Vec::new();
            }
        };
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(wanted))
            .map(|entry| entry.path())
            .collect()
    }

    /// The directories in one whose names are numbers, the newest first.
    pub(super) fn numbered(&self, dir: &Path) -> Vec<PathBuf> {
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let mut dirs = self.entries(dir, &is_number);
        dirs.sort_unstable_by(|a, b| b.cmp(a));
        dirs
    }

    /// What was warned of.
    #[cfg(test)]
    pub(super) fn warned(&self) -> Vec<PathBuf> {
        lock(&self.warned).iter().cloned().collect()
    }

    /// Warns of a file that can't be read, once. One that is not there is nothing to warn of.
    pub(super) fn warn(&self, path: &Path, error: &dyn Display) {
        // One that is not there may be tomorrow.
        let is_there = path
            .symlink_metadata()
            .map_or_else(|e| e.kind() != io::ErrorKind::NotFound, |_| true);
        if is_there && lock(&self.warned).insert(path.to_owned()) {
            tracing::warn!(path = %path.display(), %error, "cannot read an agent's conversations");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
