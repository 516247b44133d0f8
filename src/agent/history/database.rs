//! An agent's `SQLite` database, read beside the agent that writes it.

use std::{io, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, Row, types::FromSql};

use super::lines;

/// How long to wait for a writer that holds the database.
const PATIENCE: Duration = Duration::from_millis(250);

/// Opens a database for reading only; nothing is made if it is not there.
pub(super) fn open(path: &Path) -> io::Result<Connection> {
    lines::regular(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(io::Error::other)?;
    database.busy_timeout(PATIENCE).map_err(io::Error::other)?;
    Ok(database)
}

/// A column that this version of the agent may not have.
pub(super) fn optional<T: FromSql>(row: &Row<'_>, name: &str) -> Option<T> {
    row.get::<_, Option<T>>(name).ok().flatten()
}

/// Runs a query over the conversations of each working directory.
pub(super) fn listed<T>(
    path: &Path,
    cwds: &[std::path::PathBuf],
    query: &str,
    read: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> io::Result<Vec<T>> {
    let database = open(path)?;
    let mut found = Vec::new();
    let mut run = || -> rusqlite::Result<()> {
        let mut query = database.prepare(query)?;
        for cwd in cwds {
            let mut rows = query.query([cwd.to_string_lossy()])?;
            while let Some(row) = rows.next()? {
                found.extend(read(row)?);
            }
        }
        Ok(())
    };
    run().map_err(io::Error::other)?;
    Ok(found)
}
