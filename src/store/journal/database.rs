//! The database: its file, its schema, and each question that it is asked.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params};

use super::{
    JournalError, Notices, Retention, file,
    rescue::{self, Files},
    row::{ENTRY, EntryRow, TURN, TurnRow},
    worker::Write,
};
use crate::store::{file::kept_aside, time};

/// The database and the connection to it.
pub(super) struct Database {
    path: PathBuf,
    /// None until it is used, and after it was found corrupt or gone.
    open: Option<Open>,
    notices: Notices,
}

struct Open {
    connection: Connection,
    /// The files that it has open.
    files: Files,
}

impl Database {
    /// Opens the database, making it if need be; a corrupt one is set aside.
    pub(super) fn open(path: &Path, notices: Notices) -> Result<Self, JournalError> {
        let mut database = Self {
            path: path.to_owned(),
            open: None,
            notices,
        };
        database.with(|_| Ok(()))?;
        Ok(database)
    }

    /// Writes all or nothing; says of each whether what it changes is there.
    pub(super) fn write(&mut self, writes: &[Write]) -> Result<Vec<bool>, JournalError> {
        self.with(|connection| {
            let transaction = begin(connection)?;
            let write = |write: &Write| match write {
                Write::Put(put) => put.0.put(&put.1, &transaction).map(|()| true),
                Write::Update(change) => change.update(&transaction),
                Write::Rename { from, to } => rename(&transaction, from, to).map(|()| true),
            };
            let found = writes.iter().map(write).collect::<rusqlite::Result<_>>()?;
            transaction.commit()?;
            Ok(found)
        })
    }

    pub(super) fn get(&mut self, id: &str) -> Result<Option<TurnRow>, JournalError> {
        self.with(|connection| one(connection, "WHERE id = ?1", [id]))
    }

    pub(super) fn by_key(&mut self, session: &str, key: &str) -> Result<Option<TurnRow>, JournalError> {
        let rest = "WHERE session = ?1 AND key = ?2 ORDER BY id DESC LIMIT 1";
        self.with(|connection| one(connection, rest, [session, key]))
    }

    pub(super) fn of_session(
        &mut self,
        session: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<TurnRow>, JournalError> {
        // To SQLite a blob, even an empty one, is greater than any text.
        let rest = "WHERE session = ?1 AND id < ifnull(?2, x'') ORDER BY id DESC LIMIT ?3";
        let limit = whole(limit);
        let query = format!("SELECT {TURN} FROM turns {rest}");
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&query)?;
            let rows = statement.query_map(params![session, before, limit], TurnRow::read)?;
            rows.collect()
        })
    }

    pub(super) fn unfinished(&mut self) -> Result<Vec<EntryRow>, JournalError> {
        self.with(|connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT {ENTRY} FROM turns JOIN texts USING (id) WHERE final = 0 ORDER BY turns.id"
            ))?;
            let rows = statement.query_map([], EntryRow::read)?;
            rows.collect()
        })
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

    /// Those that were corrupt and are still kept.
    pub(super) fn kept_aside(&self) -> Vec<PathBuf> {
        kept_aside(&self.path)
    }

    /// Does something with the connection. If that finds the database corrupt, it is done again with a new database.
    pub(super) fn with<R>(
        &mut self,
        work: impl Fn(&Connection) -> rusqlite::Result<R>,
    ) -> Result<R, JournalError> {
        self.check()?;
        match self.attempt(&work) {
            Err(error) if error.is_corrupt() => {
                // Closed first: the last to close a database removes the write-ahead log of that name.
                self.open = None;
                let aside = file::set_aside(&self.path)?;
                self.notices.add(format!(
                    "the journal of turns was corrupt ({}); it was set aside as {} and a new one begun",
                    error.reason(),
                    aside.display()
                ));
                self.attempt(&work)
            }
            outcome => outcome,
        }
    }

    /// Notices that its files were deleted or replaced, and saves what they held for the connection to the next.
    ///
    /// # Errors
    ///
    /// It could not be saved. The files are kept as long as they are open, so it is tried again.
    pub(super) fn check(&mut self) -> Result<(), JournalError> {
        let Some(open) = self.open.take_if(|open| open.files != Files::of(&self.path)) else {
            return Ok(());
        };
        match rescue::save(&open.connection, &self.path) {
            Ok(()) => self.notices.add(format!(
                "the journal of turns {} was deleted or replaced while the daemon ran; \
                 what the daemon had of it was written there again",
                self.path.display()
            )),
            Err(error) if error.is_corrupt() => self.notices.add(format!(
                "the journal of turns {} was deleted or replaced, and what was left of it is corrupt",
                self.path.display()
            )),
            Err(error) => {
                self.open = Some(open);
                return Err(error);
            }
        }
        rescue::close(open.connection, &open.files, &self.path)
    }

    fn attempt<R>(&mut self, work: impl Fn(&Connection) -> rusqlite::Result<R>) -> Result<R, JournalError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open {
                connection: file::connect(&self.path)?,
                files: Files::of(&self.path),
            },
        };
        let open = self.open.insert(open);
        work(&open.connection).map_err(|source| JournalError::database(&self.path, source))
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

fn one(connection: &Connection, rest: &str, params: impl Params) -> rusqlite::Result<Option<TurnRow>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {TURN} FROM turns {rest}"))?;
    statement.query_row(params, TurnRow::read).optional()
}

/// A count as `SQLite` takes it.
fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
