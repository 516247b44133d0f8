//! The journal of turns: `turns.db`, an `SQLite` database, so that no turn is forgotten or typed twice when the daemon dies.
//!
//! One thread owns the database. All puts that wait for it are committed together.
mod database;
mod error;
mod file;
mod row;
mod worker;

use std::{path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use llmux_protocol::api::{Turn, TurnRequest};
use tokio::sync::{mpsc, oneshot};

use self::{
    database::Database,
    row::Row,
    worker::{Job, Write},
};
use crate::config;

pub(crate) use error::JournalError;

/// How many jobs wait for the thread; each may hold a prompt of 1 MiB.
const QUEUE: usize = 256;

/// A turn with what is needed to go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The turn and its receipt.
    pub(crate) turn: Turn,
    /// What was asked for, with the prompt's text.
    pub(crate) request: TurnRequest,
    /// What identifies the running program.
    pub(crate) pane: String,
}

/// How much is kept. A turn that is not final is kept whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Of each session, the newest.
    pub(crate) turns_per_session: usize,
    /// Since they were queued.
    pub(crate) max_age: Duration,
}

impl From<&config::Retention> for Retention {
    fn from(kept: &config::Retention) -> Self {
        Self {
            turns_per_session: kept.turns,
            max_age: Duration::from_secs(kept.days.saturating_mul(24 * 60 * 60)),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::from(&config::Retention::default())
    }
}

/// A handle on the journal. Dropping the last one waits until all that is queued is written.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    inner: Arc<Inner>,
}

/// The fields are dropped in this order: the queue ends, so the thread does, which is waited for.
#[derive(Debug)]
struct Inner {
    jobs: mpsc::Sender<Job>,
    _thread: Joined,
}

/// A thread that is waited for.
#[derive(Debug)]
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the journal's thread has panicked");
        }
    }
}

impl Journal {
    /// Opens the database, making it if need be, and forgets what `retention` does not keep. Blocks on the disk.
    ///
    /// A corrupt one is set aside, which is logged, and a new one begun.
    pub(crate) fn open(path: &Path, retention: Retention) -> Result<Self, JournalError> {
        let database = Database::open(path)?;
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let thread = worker::spawn(database, retention, inbox)?;
        let inner = Inner {
            jobs,
            _thread: Joined(Some(thread)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Writes an entry, over the one of the same turn if there is one; returns when it is committed.
    pub(crate) async fn put(&self, entry: Entry) -> Result<(), JournalError> {
        self.write(Write::Put(Box::new(Row::encode(entry)?))).await
    }

    /// Reads the entry of a turn.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Entry>, JournalError> {
        let id = id.to_owned();
        self.read_one(move |database| database.get(&id)).await
    }

    /// Reads the newest entry of a session whose sender gave it this key.
    pub(crate) async fn by_key(&self, session: &str, key: &str) -> Result<Option<Entry>, JournalError> {
        let (session, key) = (session.to_owned(), key.to_owned());
        self.read_one(move |database| database.by_key(&session, &key))
            .await
    }

    /// Reads the newest entries of a session, newest first; with `before`, those older than that turn.
    pub(crate) async fn of_session(
        &self,
        session: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<Entry>, JournalError> {
        let (session, before) = (session.to_owned(), before.map(str::to_owned));
        self.read_all(move |database| database.of_session(&session, limit, before.as_deref()))
            .await
    }

    /// Reads the entries whose turn is not final, oldest first.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Entry>, JournalError> {
        self.read_all(Database::unfinished).await
    }

    /// Gives all turns of a session to another name.
    ///
    /// A later put of an entry that still has the old name takes that turn back.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(Write::Rename { from, to }).await
    }

    async fn write(&self, write: Write) -> Result<(), JournalError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Write(write, reply), answer).await
    }

    async fn read_one<F>(&self, query: F) -> Result<Option<Entry>, JournalError>
    where
        F: FnOnce(&mut Database) -> Result<Option<Row>, JournalError> + Send + 'static,
    {
        self.read(query).await?.map(Row::decode).transpose()
    }

    /// One entry that can't be read does not hide the others.
    async fn read_all<F>(&self, query: F) -> Result<Vec<Entry>, JournalError>
    where
        F: FnOnce(&mut Database) -> Result<Vec<Row>, JournalError> + Send + 'static,
    {
        let rows = self.read(query).await?;
        let entries = rows.into_iter().filter_map(|row| {
            let entry = Row::decode(row);
            entry
                .inspect_err(|error| tracing::warn!(%error, "a turn is left out"))
                .ok()
        });
        Ok(entries.collect())
    }

    async fn read<R, F>(&self, query: F) -> Result<R, JournalError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Database) -> Result<R, JournalError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job::Read(Box::new(move |database| {
            // A caller that went away wants no answer.
            let _ = reply.send(query(database));
        }));
        self.ask(job, answer).await
    }

    async fn ask<R>(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<R, JournalError>>,
    ) -> Result<R, JournalError> {
        let sent = self.inner.jobs.send(job).await;
        sent.map_err(|_| JournalError::Gone)?;
        answer.await.map_err(|_| JournalError::Gone)?
    }
}

#[cfg(test)]
mod tests;
