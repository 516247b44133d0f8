//! The database's file: made private, brought to our schema, or set aside.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{JournalError, database::begin, rescue};
use crate::store::{FileError, time};

/// The version of the schema, `PRAGMA user_version`. A change is a step added to [`migrate`], never an edit of one.
const SCHEMA: i64 = 2;
/// How long another process, such as the daemon that hands over to us, may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// To what size, in bytes, the write-ahead log is cut when a burst is over.
const WAL_BYTES: i64 = 16 << 20;

const VERSION_1: &str = "
    CREATE TABLE turns (
        id TEXT PRIMARY KEY NOT NULL,
        session TEXT NOT NULL,
        state TEXT NOT NULL,
        final INTEGER NOT NULL,
        key TEXT,
        queued_at TEXT NOT NULL,
        turn TEXT NOT NULL,
        prompt TEXT NOT NULL,
        request TEXT NOT NULL,
        pane TEXT NOT NULL
    );
    CREATE INDEX turns_of_session ON turns (session, id);
    CREATE INDEX turns_by_key ON turns (session, key, id) WHERE key IS NOT NULL;
    CREATE INDEX turns_unfinished ON turns (id) WHERE final = 0;
    CREATE INDEX turns_by_age ON turns (queued_at);
    PRAGMA user_version = 1;
";

/// What is written once, and may be long, apart from what changes: `SQLite` writes a row anew with each change.
const VERSION_2: &str = "
    CREATE TABLE texts (
        id TEXT PRIMARY KEY NOT NULL,
        prompt TEXT NOT NULL,
        request TEXT NOT NULL,
        pane TEXT NOT NULL
    );
    INSERT INTO texts SELECT id, prompt, request, pane FROM turns;
    ALTER TABLE turns DROP COLUMN prompt;
    ALTER TABLE turns DROP COLUMN request;
    ALTER TABLE turns DROP COLUMN pane;
    CREATE TRIGGER turns_forgotten AFTER DELETE ON turns BEGIN
        DELETE FROM texts WHERE id = old.id;
    END;
    PRAGMA user_version = 2;
";

/// Each step from one version to the next.
const STEPS: [&str; 2] = [VERSION_1, VERSION_2];

/// Connects to the database, making it if need be, mode 0600.
pub(super) fn connect(path: &Path) -> Result<Connection, JournalError> {
    make_private(path).map_err(|e| FileError::new("open", path, e))?;
    let fail = |source| JournalError::database(path, source);
    let connection = open(path).map_err(fail)?;
    let found = migrate(&connection).map_err(fail)?;
    if found > SCHEMA {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA,
        });
    }
    rescue::take_back(&connection, path)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    Ok(connection)
}

/// Brings an older database to our schema; says which version it has now.
pub(super) fn migrate(connection: &Connection) -> rusqlite::Result<i64> {
    let version = || connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let found = version()?;
    if found >= SCHEMA {
        return Ok(found);
    }
    let transaction = begin(connection)?;
    // Asked again: another daemon may have been faster.
    let known = usize::try_from(version()?).unwrap_or(0);
    for step in STEPS.iter().skip(known) {
        transaction.execute_batch(step)?;
    }
    let now = version()?;
    transaction.commit()?;
    Ok(now)
}

/// Makes the file, or takes it from others; `SQLite` gives the mode to the files beside it.
///
/// An existing file is not opened: closing it would end the locks that `SQLite` holds on it for another connection.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o600))
        }
        made => made.map(drop),
    }
}

/// Renames the database to `FILE.corrupt-<UTC time>`, never over another one, and the files beside it alike.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, FileError> {
    let stamp: String = time::now().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let mut aside = with_suffix(path, &format!(".corrupt-{stamp}"));
    while aside.symlink_metadata().is_ok() {
        aside.as_mut_os_string().push("+");
    }
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (with_suffix(path, suffix), with_suffix(&aside, suffix));
        match fs::rename(&from, to) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::new("set aside", &from, e));
            }
            _ => {}
        }
    }
    Ok(aside)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
