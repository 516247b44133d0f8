//! What is done when the database's files are deleted or replaced under the daemon: `SQLite` would write on into files
//! that nobody finds again. As long as they are open, all that is in them can still be read.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, config::DbConfig};

use super::{
    JournalError,
    database::begin,
    file::{make_private, migrate, with_suffix},
};
use crate::store::FileError;

/// Which files have the names of a database: device and inode of itself, its log, and its index of that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files([Option<(u64, u64)>; 3]);

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        Self(["", "-wal", "-shm"].map(|suffix| {
            let found = fs::symlink_metadata(with_suffix(path, suffix)).ok()?;
            Some((found.dev(), found.ino()))
        }))
    }
}

/// Writes all that a connection sees into a file beside the database, where [`take_back`] finds it.
pub(super) fn save(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let (part, whole) = (with_suffix(path, ".rescuing"), rescued(path));
    remove(&part)?;
    make_private(&part).map_err(|e| FileError::new("open", &part, e))?;
    connection
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(|source| JournalError::database(&part, source))?;
    let keep = || {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, &whole)
    };
    keep().map_err(|e| FileError::new("write", &whole, e).into())
}

/// Takes over what was saved, if anything was. It is newer than what a file holds that somebody put there.
pub(super) fn take_back(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let saved = rescued(path);
    if !saved.exists() {
        return Ok(());
    }
    merge(connection, &saved).map_err(|source| JournalError::database(path, source))?;
    remove(&saved)
}

fn merge(connection: &Connection, saved: &Path) -> rusqlite::Result<()> {
    // Left by a daemon that was killed, it may have the schema of an older one.
    migrate(&Connection::open(saved)?)?;
    connection.execute("ATTACH DATABASE ?1 AS saved", [saved.to_string_lossy()])?;
    let copied = begin(connection).and_then(|transaction| {
        transaction.execute_batch(
            "REPLACE INTO main.turns (id, session, state, final, key, queued_at, turn)
                 SELECT id, session, state, final, key, queued_at, turn FROM saved.turns;
             REPLACE INTO main.texts (id, prompt, request, pane)
                 SELECT id, prompt, request, pane FROM saved.texts;",
        )?;
        transaction.commit()
    });
    connection.execute("DETACH DATABASE saved", [])?;
    copied
}

/// Closes a connection whose files are no longer those of its name, and leaves what has that name now.
pub(super) fn close(connection: Connection, files: &Files, path: &Path) -> Result<(), JournalError> {
    // The last to close a database removes the write-ahead log of that name.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(connection);
    let (Files([was, logs @ ..]), Files([is, left @ ..])) = (files, Files::of(path));
    if *was != is {
        // The log of a database that is gone would be taken for the log of the one that has its place.
        for (suffix, (log, left)) in ["-wal", "-shm"].iter().zip(logs.iter().zip(left)) {
            if left.is_some() && *log == left {
                remove(&with_suffix(path, suffix))?;
            }
        }
    }
    Ok(())
}

fn rescued(path: &Path) -> PathBuf {
    with_suffix(path, ".rescued")
}

fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::new("remove", path, e).into()),
        _ => Ok(()),
    }
}
