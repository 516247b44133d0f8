//! Files that are never seen half-written: replaced whole by rename, under an advisory lock beside them.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Readable and writable by the owner alone.
const PRIVATE: u32 = 0o600;

/// Says which file could not be handled, and how.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a whole file; none if there is no such file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let fail = |e| FileError::new("read", path, e);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fail(e)),
    };
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(fail)?;
    Ok(Some(content))
}

/// Replaces a file's content, or makes the file, mode 0600.
///
/// A reader sees the old content or the new, also after a crash or power loss: the new content is written and synced
/// under another name in the same directory, then renamed. A symbolic link is followed, not replaced.
///
/// # Errors
///
/// The file is unchanged unless the error is about syncing its directory.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = target
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let fail = |e| FileError::new("write", path, e);
    let mut draft = tempfile::Builder::new()
        .prefix(".llmux-")
        .permissions(Permissions::from_mode(PRIVATE))
        .tempfile_in(dir)
        .map_err(fail)?;
    draft.write_all(content).map_err(fail)?;
    draft.as_file().sync_all().map_err(fail)?;
    draft.persist(&target).map_err(|e| fail(e.error))?;
    sync_dir(dir)
}

/// Makes a rename in `dir` survive a power loss.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| FileError::new("sync", dir, e))
}

/// Opens a file for appending, making it with mode 0600.
pub fn append(path: &Path) -> Result<File, FileError> {
    private()
        .append(true)
        .open(path)
        .map_err(|e| FileError::new("open", path, e))
}

/// An exclusive advisory lock; the kernel releases it when this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Waits for the exclusive lock of `path`, which lives in a file of its own (`PATH.lock`) that survives `path`'s replacement.
///
/// Blocks as long as another process or thread holds it.
pub fn lock(path: &Path) -> Result<Lock, FileError> {
    let (file, beside) = open_lock(path)?;
    file.lock().map_err(|e| FileError::new("lock", &beside, e))?;
    Ok(Lock { _file: file })
}

/// Takes the exclusive lock of `path`, as [`lock`] does, if it is free now; none if somebody else holds it.
pub fn try_lock(path: &Path) -> Result<Option<Lock>, FileError> {
    let (file, beside) = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(e)) => Err(FileError::new("lock", &beside, e)),
    }
}

fn open_lock(path: &Path) -> Result<(File, PathBuf), FileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    match private().read(true).write(true).truncate(false).open(&beside) {
        Ok(file) => Ok((file, beside)),
        Err(e) => Err(FileError::new("open", &beside, e)),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(PRIVATE);
    options
}

/// Renames a file to `FILE.corrupt-<UTC time>`; never over another one.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, FileError> {
    let stamp: String = super::time::now()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".corrupt-{stamp}"));
    let mut aside = PathBuf::from(aside);
    while aside.symlink_metadata().is_ok() {
        aside.as_mut_os_string().push("+");
    }
    match fs::rename(path, &aside) {
        Ok(()) => Ok(aside),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(aside),
        Err(e) => Err(FileError::new("set aside", path, e)),
    }
}

/// What [`set_aside`] has made of a file and its user has not removed yet, oldest first.
#[must_use]
pub(crate) fn kept_aside(path: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let prefix = format!("{name}.corrupt-");
    let is_aside = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        // A database has files beside it, which belong to it.
        name.is_some_and(|name| {
            name.starts_with(&prefix) && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(is_aside).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_replaced_file_is_private_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_symbolic_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn an_absent_file_reads_as_none_and_an_unreadable_one_names_itself() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&dir.path().join("absent")).unwrap().is_none());
        let error = read(dir.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", dir.path().display()));
    }

    #[test]
    fn a_write_that_fails_says_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no/such/dir/x");
        let error = replace(&path, b"x").unwrap_err();
        assert_eq!(error.path(), path);
    }

    #[test]
    fn a_lock_is_exclusive_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let held = lock(&path).unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
