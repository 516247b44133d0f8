//! The database: its file, its schema, and each question that it is asked.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params};

use super::{
    JournalError, Retention, file,
    row::{COLUMNS, Row},
    worker::Write,
};
use crate::store::time;

/// The database and the connection to it.
pub(super) struct Database {
    path: PathBuf,
    /// None until it is used, and after it was found corrupt.
    connection: Option<Connection>,
}

impl Database {
    /// Opens the database, making it if need be; a corrupt one is set aside.
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        let mut database = Self {
            path: path.to_owned(),
            connection: None,
        };
        database.with(|_| Ok(()))?;
        Ok(database)
    }

    /// Writes all or nothing.
    pub(super) fn write(&mut self, writes: &[Write]) -> Result<(), JournalError> {
        self.with(|connection| {
            let transaction = begin(connection)?;
            for write in writes {
                match write {
                    Write::Put(row) => row.write(&transaction)?,
                    Write::Rename { from, to } => rename(&transaction, from, to)?,
                }
            }
            transaction.commit()
        })
    }

    pub(super) fn get(&mut self, id: &str) -> Result<Option<Row>, JournalError> {
        self.with(|connection| one(connection, "WHERE id = ?1", [id]))
    }

    pub(super) fn by_key(&mut self, session: &str, key: &str) -> Result<Option<Row>, JournalError> {
        let rest = "WHERE session = ?1 AND key = ?2 ORDER BY id DESC LIMIT 1";
        self.with(|connection| one(connection, rest, [session, key]))
    }

    pub(super) fn of_session(
        &mut self,
        session: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<Row>, JournalError> {
        // To SQLite a blob, even an empty one, is greater than any text.
        let rest = "WHERE session = ?1 AND id < ifnull(?2, x'') ORDER BY id DESC LIMIT ?3";
        let limit = whole(limit);
        self.with(|connection| all(connection, rest, params![session, before, limit]))
    }

    pub(super) fn unfinished(&mut self) -> Result<Vec<Row>, JournalError> {
        self.with(|connection| all(connection, "WHERE final = 0 ORDER BY id", []))
    }

    /// The sessions that have turns.
    pub(super) fn sessions(&mut self) -> Result<BTreeSet<String>, JournalError> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT session FROM turns")?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect()
        })
    }

    /// Forgets final turns: of all sessions the old ones, of these the ones beyond their number.
    pub(super) fn prune(
        &mut self,
        retention: Retention,
        sessions: &BTreeSet<String>,
    ) -> Result<(), JournalError> {
        let oldest = SystemTime::now()
            .checked_sub(retention.max_age)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let oldest = time::rfc3339(oldest);
        let keep = whole(retention.turns_per_session);
        self.with(|connection| {
            let transaction = begin(connection)?;
            transaction.execute("DELETE FROM turns WHERE final AND queued_at < ?1", [&oldest])?;
            for session in sessions {
                transaction.execute(
                    "DELETE FROM turns WHERE session = ?1 AND final AND id <= (
                         SELECT id FROM turns WHERE session = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                    params![session, keep],
                )?;
            }
            transaction.commit()
        })
    }

    /// Does something with the connection. If that finds the database corrupt, it is done again with a new database.
    pub(super) fn with<R>(
        &mut self,
        work: impl Fn(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, JournalError> {
        match self.attempt(&work) {
            Err(error) if error.is_corrupt() => {
                // Closed first: the last to close a database removes the write-ahead log of that name.
                self.connection = None;
                let aside = file::set_aside(&self.path)?;
                tracing::warn!(
                    aside = %aside.display(),
                    cause = ?error,
                    "the journal of turns was corrupt; it was set aside and a new one begun"
                );
                self.attempt(&work)
            }
            outcome => outcome,
        }
    }

    fn attempt<R>(&mut self, work: impl Fn(&Connection) -> rusqlite::Result<R>) -> Result<R, JournalError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => file::connect(&self.path)?,
        };
        work(self.connection.insert(connection)).map_err(|source| JournalError::database(&self.path, source))
    }
}

/// Begins a transaction that will write: it waits for another writer here, not in the middle.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

fn rename(connection: &Connection, from: &str, to: &str) -> rusqlite::Result<()> {
    connection.execute("UPDATE turns SET session = ?2 WHERE session = ?1", [from, to])?;
    Ok(())
}

fn one(connection: &Connection, rest: &str, params: impl Params) -> rusqlite::Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM turns {rest}"))?;
    statement.query_row(params, Row::read).optional()
}

fn all(connection: &Connection, rest: &str, params: impl Params) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM turns {rest}"))?;
    let rows = statement.query_map(params, Row::read)?;
    rows.collect()
}

/// A count as `SQLite` takes it.
fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
