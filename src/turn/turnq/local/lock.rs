//! The lock file of a channel, in the form of the old program.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::super::TurnqError;

/// Ends the content of our locks: unlike another program's, they are alive only while their `flock` is held, so their pid may be a
/// stranger's by now. The old program trims it away.
const SIGNATURE: &str = " \n";
/// How long a lock without a pid may be one that is being written.
const UNREADABLE_IS_STALE: Duration = Duration::from_secs(30);
/// How often a lock that goes while it is looked at is tried for anew; then a change is waited for.
const TRIES: usize = 3;

/// What the lock of this program holds.
pub(super) fn content() -> String {
    format!("{}{SIGNATURE}", std::process::id())
}

/// Tries to give `ticket` the name `path`, removing the lock of a dead program; false if somebody holds it.
pub(super) fn take(path: &Path, ticket: &Path) -> Result<bool, TurnqError> {
    for _ in 0..TRIES {
        match fs::hard_link(ticket, path) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !remove_if_dead(path, is_held)? {
                    return Ok(false);
                }
            }
            Err(error) => return Err(TurnqError::file("make", path, &error)),
        }
    }
    Ok(false)
}

/// Removes a file that nobody has an `flock` on and that is not `alive` otherwise; true if it is gone.
///
/// It is locked meanwhile, so that no other of our programs judges it at the same time.
pub(super) fn remove_if_dead(path: &Path, alive: fn(&File) -> io::Result<bool>) -> Result<bool, TurnqError> {
    let fail = |action, error| TurnqError::file(action, path, &error);
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(fail("open", error)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(fail("lock", error)),
    }
    if alive(&file).map_err(|error| fail("read", error))? {
        return Ok(false);
    }
    remove_if_same(path, &file).map_err(|error| fail("remove", error))?;
    Ok(true)
}

/// Removes `path` if it still names `file`.
pub(super) fn remove_if_same(path: &Path, file: &File) -> io::Result<()> {
    if !names(path, file) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether `path` names `file`, and not another that was made since.
pub(super) fn names(path: &Path, file: &File) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Opens what another program made, and never waits for it: a stranger may have made a link or a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Whether the program that made a lock without an `flock` holds it still.
fn is_held(file: &File) -> io::Result<bool> {
    let mut content = Vec::new();
    file.take(64).read_to_end(&mut content)?;
    let content = String::from_utf8_lossy(&content);
    if content.ends_with(SIGNATURE) {
        return Ok(false);
    }
    match content.trim().parse::<u64>() {
        Ok(pid) if pid > 0 => Ok(is_running(pid)),
        _ => {
            // One from the future is new.
            let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
            Ok(age <= UNREADABLE_IS_STALE)
        }
    }
}

fn is_running(pid: u64) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // This program's locks have an `flock`: one without was a former process's, of the same number.
    pid != rustix::process::getpid() && test_kill_process(pid) != Err(Errno::SRCH)
}
