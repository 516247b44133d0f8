//! Changing a file of somebody else's: whole, by rename, and only if it still is what was read.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::Why;

/// How often a file that changes meanwhile is read anew.
const TRIES: usize = 10;

/// Replaces a file's text by what `edit` makes of it; by nothing if that is none. No file is an empty one.
///
/// A symbolic link is followed, the mode stays. The agent itself may write the file at any time, and knows no lock of
/// ours: the file is compared right before the rename, which leaves it no more than microseconds.
pub(super) fn edit(path: &Path, edit: impl Fn(&str) -> Result<Option<String>, Why>) -> Result<(), Why> {
    let target = real(path)?;
    for _ in 0..TRIES {
        let before = read(&target)?;
        let text = before.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|error| Why::Text(error.to_string()))?;
        let Some(after) = edit(text)? else { return Ok(()) };
        let draft = draft(&target, after.as_bytes())?;
        if read(&target)? == before {
            draft.persist(&target).map_err(|error| error.error)?;
            return Ok(());
        }
    }
    Err(Why::Contended)
}

/// The file behind a link. One that leads nowhere is somebody's plan that is not ours to guess.
fn real(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(_) => fs::canonicalize(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The new content under another name in the same directory.
fn draft(target: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let dir = target.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mode = fs::metadata(target).map_or(0o600, |found| found.permissions().mode() & 0o7777);
    let mut draft = tempfile::Builder::new().prefix(".llmux-").tempfile_in(dir)?;
    draft.write_all(content)?;
    // Not at its making, where the umask has its say.
    draft.as_file().set_permissions(Permissions::from_mode(mode))?;
    draft.as_file().sync_all()?;
    Ok(draft)
}
