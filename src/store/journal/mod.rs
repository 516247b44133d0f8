//! The journal of turns: `turns.db`, an `SQLite` database, so that no turn is forgotten or typed twice when the daemon dies.
//!
//! One thread owns the database. All puts that wait for it are committed together.
mod database;
mod error;
mod file;
mod rescue;
mod row;
mod worker;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use llmux_protocol::api::{Turn, TurnRequest};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::{
    database::Database,
    row::{Change, EntryRow, Text, TurnRow},
    worker::{Job, Write},
};
use crate::config;

pub(crate) use error::JournalError;

/// How many jobs wait for the thread; each may hold a prompt of 1 MiB.
const QUEUE: usize = 256;
/// How many notices are kept.
const NOTICES: usize = 8;
/// How long the disk may take before that is worth a notice.
const ANSWER: Duration = Duration::from_secs(2);

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
    notices: Notices,
    _thread: Joined,
}

/// What the user should know of, the last of it. Logged when it happens.
#[derive(Debug, Clone, Default)]
struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    fn add(&self, notice: String) {
        tracing::warn!("{notice}");
        let mut notices = self.lock();
        if notices.len() == NOTICES {
            notices.remove(0);
        }
        notices.push(notice);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// A corrupt one is set aside, which is noted, and a new one begun. So is one that is deleted or replaced while it is
    /// open; what it held is kept.
    pub(crate) fn open(path: &Path, retention: Retention) -> Result<Self, JournalError> {
        let notices = Notices::default();
        let database = Database::open(path, notices.clone())?;
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let thread = worker::spawn(database, retention, inbox)?;
        let inner = Inner {
            jobs,
            notices,
            _thread: Joined(Some(thread)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Writes an entry, over the one of the same turn if there is one; returns when it is committed.
    pub(crate) async fn put(&self, entry: Entry) -> Result<(), JournalError> {
        let put = Text::of(entry)?;
        self.write(Write::Put(Box::new(put))).await.map(drop)
    }

    /// Writes what has changed of a turn whose entry was put; returns when it is committed, and whether the turn is
    /// there: with a database that was set aside, it is gone. Its session stays as [`Journal::rename`] left it.
    pub(crate) async fn update(&self, turn: &Turn) -> Result<bool, JournalError> {
        self.write(Write::Update(Box::new(Change::of(turn)?))).await
    }

    /// [`Journal::update`] that returns when the change is queued: it is committed soon, and before all that is written
    /// later.
    pub(crate) async fn update_soon(&self, turn: &Turn) -> Result<(), JournalError> {
        let write = Write::Update(Box::new(Change::of(turn)?));
        self.send(Job::Write(write, None)).await
    }

    /// Reads a turn.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Turn>, JournalError> {
        let id = id.to_owned();
        let row = self.read(move |database| database.get(&id)).await?;
        row.map(TurnRow::decode).transpose()
    }

    /// Reads the newest turn of a session whose sender gave it this key.
    pub(crate) async fn by_key(&self, session: &str, key: &str) -> Result<Option<Turn>, JournalError> {
        let (session, key) = (session.to_owned(), key.to_owned());
        let row = self.read(move |database| database.by_key(&session, &key)).await?;
        row.map(TurnRow::decode).transpose()
    }

    /// Reads the newest turns of a session, newest first; with `before`, those older than that turn.
    pub(crate) async fn of_session(
        &self,
        session: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<Vec<Turn>, JournalError> {
        let (session, before) = (session.to_owned(), before.map(str::to_owned));
        let rows = self
            .read(move |database| database.of_session(&session, limit, before.as_deref()))
            .await?;
        Ok(readable(rows, TurnRow::decode))
    }

    /// Reads the entries whose turn is not final, oldest first.
    pub(crate) async fn unfinished(&self) -> Result<Vec<Entry>, JournalError> {
        let rows = self.read(Database::unfinished).await?;
        Ok(readable(rows, EntryRow::decode))
    }

    /// Keeps so much from now on, and forgets the rest soon.
    pub(crate) async fn retain(&self, retention: Retention) -> Result<(), JournalError> {
        self.send(Job::Retain(retention)).await
    }

    /// What the user should know of: that the database was corrupt, deleted or replaced, or can't be used now.
    pub(crate) async fn notices(&self) -> Vec<String> {
        // It may have happened since it was used last.
        let looked = self.read(|database| {
            database.with(|_| Ok(()))?;
            Ok(database.kept_aside())
        });
        let looked = timeout(ANSWER, looked).await;
        let mut notices = self.inner.notices.lock().clone();
        match looked {
            Ok(Ok(aside)) => {
                // Those that this journal has not told of were found by another daemon.
                let told = notices.concat();
                let earlier = aside
                    .iter()
                    .filter(|path| !told.contains(&*path.to_string_lossy()));
                notices.extend(earlier.map(|path| corrupt_journal_notice(path)));
            }
            Ok(Err(error)) => notices.push(format!("{error}; {}", error.hint())),
            Err(_) => notices.push("the journal of turns does not answer: its disk may be stuck".to_owned()),
        }
        notices
    }

    /// Gives all turns of a session to another name.
    ///
    /// A later put of an entry that still has the old name takes that turn back.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), JournalError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(Write::Rename { from, to }).await.map(drop)
    }

    async fn write(&self, write: Write) -> Result<bool, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Write(write, Some(reply))).await?;
        answer.await.map_err(|_| JournalError::Gone)?
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
        self.send(job).await?;
        answer.await.map_err(|_| JournalError::Gone)?
    }

    async fn send(&self, job: Job) -> Result<(), JournalError> {
        self.inner.jobs.send(job).await.map_err(|_| JournalError::Gone)
    }
}

/// What a person is told of a journal that was set aside, for as long as it is there.
#[must_use]
pub fn corrupt_journal_notice(aside: &Path) -> String {
    format!(
        "the journal of turns was corrupt; it is kept as {} and a new one was begun (delete it when you have what you need)",
        aside.display()
    )
}

/// What can be read of some rows: one that can't be does not hide the others.
fn readable<Row, T>(rows: Vec<Row>, decode: impl Fn(Row) -> Result<T, JournalError>) -> Vec<T> {
    let read = |row| {
        let read = decode(row);
        read.inspect_err(|error| tracing::warn!(%error, "a turn is left out"))
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests;
