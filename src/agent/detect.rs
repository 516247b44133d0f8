//! Whether a program is installed: a walk over `PATH`, which is repeated when a directory there changed.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustix::fs::{Access, access};

use crate::config::Environment;

/// A directory that changed more lately can change again without another time stamp.
const SETTLED: Duration = Duration::from_secs(1);

/// Finds programs as the user's shell would, and remembers them.
#[derive(Debug)]
pub struct ProgramSearch {
    dirs: Vec<PathBuf>,
    /// Where installers of single users put programs.
    data: PathBuf,
    seen: Mutex<Seen>,
}

/// What was seen in the directories when they had these stamps.
#[derive(Debug, Default)]
struct Seen {
    stamps: Vec<Option<Stamp>>,
    settled: bool,
    /// By name, whatever files bear it: whether one runs can change without its directory.
    files: HashMap<String, Vec<PathBuf>>,
}

/// What changes whenever an entry of a directory comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    modified: SystemTime,
}

impl ProgramSearch {
    /// Reads `PATH`. Under WSL, directories of Windows (`/mnt` and below) are left out: what is there can't run in a pane.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        Self::with_wsl(env, is_wsl())
    }

    fn with_wsl(env: &Environment, wsl: bool) -> Self {
        let path = env.os("PATH").unwrap_or_default();
        let usable = |dir: &PathBuf| dir.is_absolute() && !(wsl && dir.starts_with("/mnt"));
        Self {
            dirs: std::env::split_paths(path).filter(usable).collect(),
            data: env.xdg("XDG_DATA_HOME", ".local/share"),
            seen: Mutex::default(),
        }
    }

    /// Forgets what it remembers if a directory of `PATH` has changed since.
    #[must_use]
    pub fn refreshed(&self) -> &Self {
        let stamps: Vec<_> = self.dirs.iter().map(|dir| Stamp::of(dir)).collect();
        let now = SystemTime::now();
        let is_settled = |stamp: &Stamp| now.duration_since(stamp.modified).is_ok_and(|age| age >= SETTLED);
        let settled = stamps.iter().flatten().all(is_settled);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.settled || seen.stamps != stamps {
            *seen = Seen {
                stamps,
                settled,
                files: HashMap::new(),
            };
        }
        self
    }

    /// Returns the file of a program named by a bare word or an absolute path: a regular file that may be executed.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return Some(PathBuf::from(program)).filter(|path| path.is_absolute() && runs(path));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let files = seen.files.entry(program.to_owned()).or_insert_with(|| {
            let files = self.dirs.iter().map(|dir| dir.join(program));
            files
                .filter(|file| !program.is_empty() && file.symlink_metadata().is_ok())
                .collect()
        });
        files.iter().find(|file| runs(file)).cloned()
    }

    /// Returns a program below the user's data directory; with `*` as its name, the newest version there.
    pub(super) fn find_elsewhere(&self, place: &str) -> Option<PathBuf> {
        let path = self.data.join(place);
        if path.file_name()? != "*" {
            return Some(path).filter(|path| runs(path));
        }
        let entries = fs::read_dir(path.parent()?).ok()?.flatten();
        let versions = entries.map(|entry| entry.path()).filter(|path| runs(path));
        versions.max_by_key(|path| version(path))
    }
}

impl Stamp {
    fn of(dir: &Path) -> Option<Self> {
        let found = fs::metadata(dir).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            modified: found.modified().ok()?,
        })
    }
}

/// The numbers in a file's name: 2.1.9 is older than 2.1.10.
fn version(path: &Path) -> Vec<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let numbers = name.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

fn is_wsl() -> bool {
    let version = fs::read_to_string("/proc/version")
        .unwrap_or_default()
        .to_lowercase();
    version.contains("microsoft") || version.contains("wsl")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_an_executable_regular_file_counts() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("1"), root.path().join("2"));
        fs::create_dir_all(first.join("agent")).unwrap();
        fs::create_dir(&second).unwrap();
        program(&first.join("text"), 0o644);
        program(&second.join("agent"), 0o755);
        let path = format!("{}:relative::{}", first.display(), second.display());
        let env = Environment::new(root.path(), root.path(), [("PATH", path.as_str())]);
        let search = ProgramSearch::with_wsl(&env, false);
        assert_eq!(search.find("agent"), Some(second.join("agent")));
        assert_eq!(
            search.find(second.join("agent").to_str().unwrap()),
            Some(second.join("agent"))
        );
        for absent in ["text", "none", "", "./agent", "..", "2/agent"] {
            assert_eq!(search.find(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn windows_directories_are_left_out_under_wsl_only() {
        let env = Environment::new(
            Path::new("/"),
            Path::new("/"),
            [("PATH", "/mnt/c/bin:/mnt:/mntx:/bin")],
        );
        assert_eq!(
            ProgramSearch::with_wsl(&env, true).dirs,
            [Path::new("/mntx"), Path::new("/bin")]
        );
        assert_eq!(ProgramSearch::with_wsl(&env, false).dirs.len(), 4);
    }

    #[test]
    fn a_change_of_path_is_seen_at_the_next_look() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("1"), root.path().join("2"));
        let path = format!("{}:{}", first.display(), second.display());
        let env = Environment::new(root.path(), root.path(), [("PATH", path.as_str())]);
        let search = ProgramSearch::with_wsl(&env, false);
        let found = || search.refreshed().find("agent");
        assert_eq!(found(), None);
        fs::create_dir(&second).unwrap();
        program(&second.join("agent"), 0o644);
        settle(&second, 100);
        assert_eq!(found(), None);
        // Its directory has no new stamp.
        fs::set_permissions(second.join("agent"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(found(), Some(second.join("agent")));
        fs::create_dir(&first).unwrap();
        program(&first.join("agent"), 0o755);
        assert_eq!(found(), Some(first.join("agent")));
        fs::remove_file(first.join("agent")).unwrap();
        assert_eq!(found(), Some(second.join("agent")));
    }

    #[test]
    fn what_is_known_is_looked_for_once() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().to_str().unwrap();
        let env = Environment::new(root.path(), root.path(), [("PATH", path)]);
        let search = ProgramSearch::with_wsl(&env, false);
        settle(root.path(), 100);
        assert_eq!(search.refreshed().find("agent"), None);
        program(&root.path().join("agent"), 0o755);
        settle(root.path(), 100);
        assert_eq!(search.refreshed().find("agent"), None);
        settle(root.path(), 99);
        assert!(search.refreshed().find("agent").is_some());
    }

    #[test]
    fn the_newest_version_that_runs_is_the_one() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::new(home.path(), home.path(), []);
        let search = ProgramSearch::with_wsl(&env, false);
        let versions = home.path().join(".local/share/claude/versions");
        let found = || search.find_elsewhere("claude/versions/*");
        assert_eq!(found(), None);
        fs::create_dir_all(versions.join("3.0.0")).unwrap();
        program(&versions.join("2.1.11"), 0o644);
        assert_eq!(found(), None);
        program(&versions.join("2.1.9"), 0o755);
        program(&versions.join("2.1.10"), 0o755);
        assert_eq!(found(), Some(versions.join("2.1.10")));
        assert_eq!(search.find_elsewhere("claude/versions/2.1.11"), None);
        assert_eq!(
            search.find_elsewhere("claude/versions/2.1.9"),
            Some(versions.join("2.1.9"))
        );
    }

    /// Gives a directory a stamp of some seconds ago.
    fn settle(dir: &Path, seconds: u64) {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - seconds);
        fs::File::open(dir).unwrap().set_modified(then).unwrap();
    }
}
