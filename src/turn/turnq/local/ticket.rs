//! A place in the line of a channel.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::time::{ClockId, clock_gettime};

use super::{super::TurnqError, dir, lock};

const SUFFIX: &str = ".ticket";
/// Others read the pid in it; the old program loops for ever on a lock that it can't read.
const READABLE: u32 = 0o644;

/// A place in the line of a channel; dropping it leaves the line.
pub(super) struct Ticket {
    dir: PathBuf,
    stem: String,
    name: String,
    /// Locked until it is closed.
    file: File,
}

/// What became of an attempt to have the turn.
pub(super) enum Attempt {
    Turn(Turn),
    Wait(Ticket, Blocker),
}

/// Who has the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocker {
    /// Somebody with an earlier ticket.
    Line,
    /// A lock without a ticket: another program's.
    Foreign,
}

/// The turn; dropping it removes the lock, then the ticket.
pub(super) struct Turn {
    ticket: Ticket,
    lock: PathBuf,
}

impl Ticket {
    /// Takes the next ticket of the channel whose files begin with `stem`.
    pub(super) fn take(dir: PathBuf, stem: String) -> Result<Self, TurnqError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // One clock for all processes; a reboot sets it back and ends them all.
        let now = clock_gettime(ClockId::Monotonic);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            "{stem}.{:012}{:09}-{}-{count}{SUFFIX}",
            now.tv_sec,
            now.tv_nsec,
            std::process::id()
        );
        let file = make(&dir, &name)?;
        Ok(Self {
            dir,
            stem,
            name,
            file,
        })
    }

    /// Takes the turn if it is free and this is the first ticket.
    pub(super) fn attempt(mut self) -> Result<Attempt, TurnqError> {
        let path = self.path();
        if !lock::names(&path, &self.file) {
            // Somebody tidied up the directory.
            self.file = make(&self.dir, &self.name)?;
        }
        if self.is_behind()? {
            return Ok(Attempt::Wait(self, Blocker::Line));
        }
        let lock = self.dir.join(format!("{}.lock", self.stem));
        Ok(if lock::take(&lock, &path)? {
            Attempt::Turn(Turn { ticket: self, lock })
        } else {
            Attempt::Wait(self, Blocker::Foreign)
        })
    }

    /// Whether somebody alive has an earlier ticket.
    fn is_behind(&self) -> Result<bool, TurnqError> {
        let fail = |error| TurnqError::file("read", &self.dir, &error);
        let prefix = format!("{}.", self.stem);
        let mut earlier = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&prefix) && name.ends_with(SUFFIX) && *name < *self.name {
                earlier.push(self.dir.join(&*name));
            }
        }
        earlier.sort();
        for path in earlier {
            if !lock::remove_if_dead(&path, |_| Ok(false))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Left behind it is a dead one's, which the next in line removes.
        let _ = lock::remove_if_same(&self.path(), &self.file);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Err(error) = lock::remove_if_same(&self.lock, &self.ticket.file) {
            tracing::warn!(%error, lock = %self.lock.display(), "cannot remove the lock of a turn");
        }
    }
}

/// Makes a file that has its lock and its content from the moment it has its name.
fn make(dir: &Path, name: &str) -> Result<File, TurnqError> {
    dir::open(dir)?;
    let path = dir.join(name);
    let made = || -> io::Result<File> {
        let mut draft = tempfile::Builder::new()
            .prefix(".ticket-")
            .permissions(Permissions::from_mode(READABLE))
            .tempfile_in(dir)?;
        draft.as_file().try_lock()?;
        draft.write_all(lock::content().as_bytes())?;
        Ok(draft.persist(&path)?)
    };
    made().map_err(|error| TurnqError::file("make", &path, &error))
}
