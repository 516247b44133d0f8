//! The thread that owns the database.

use std::{
    collections::BTreeSet,
    mem, slice,
    thread::{self, JoinHandle},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    JournalError, QUEUE, Retention,
    database::Database,
    row::{Change, Text},
};

/// After how many writes old turns are looked for.
const PRUNE_EVERY: usize = 1000;

/// Something to do for a caller.
pub(super) enum Job {
    /// Writes and says how it went, if somebody wants to know.
    Write(Write, Option<Reply>),
    /// Keeps so much from now on.
    Retain(Retention),
    /// Reads and answers by itself.
    Read(Box<dyn FnOnce(&mut Database) + Send>),
}

/// Hears whether what a write changes was there.
pub(super) type Reply = oneshot::Sender<Result<bool, JournalError>>;

/// A change.
pub(super) enum Write {
    /// A turn and its text.
    Put(Box<(Change, Text)>),
    /// A turn whose text is there.
    Update(Box<Change>),
    /// Of all turns of a session.
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
}

impl Write {
    /// The session that may have more turns after it.
    fn session(&self) -> &str {
        match self {
            Self::Put(put) => &put.0.row.session,
            Self::Update(change) => &change.row.session,
            Self::Rename { to, .. } => to,
        }
    }
}

/// Forgets what is old, then starts the thread. It ends when nobody can send it anything and all is done.
pub(super) fn spawn(
    mut database: Database,
    retention: Retention,
    mut inbox: mpsc::Receiver<Job>,
) -> Result<JoinHandle<()>, JournalError> {
    let mut worker = Worker::new(retention);
    worker.recent = database.sessions()?;
    worker.prune(&mut database);
    let run = move || {
        let mut jobs = Vec::with_capacity(QUEUE);
        while inbox.blocking_recv_many(&mut jobs, QUEUE) > 0 {
            worker.work(&mut database, jobs.drain(..));
        }
        // The last chance to save what it holds.
        if let Err(error) = database.with(|_| Ok(())) {
            tracing::warn!(%error, cause = ?error, "the journal of turns can't be used any more");
        }
    };
    thread::Builder::new()
        .name("journal".into())
        .spawn(run)
        .map_err(JournalError::Thread)
}

/// What the thread remembers.
pub(super) struct Worker {
    retention: Retention,
    writes: usize,
    /// Sessions that may have more turns than are kept.
    recent: BTreeSet<String>,
}

impl Worker {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            writes: 0,
            recent: BTreeSet::new(),
        }
    }

    /// Does all jobs that wait: first the writes in their order, then the reads, which see them.
    pub(super) fn work(&mut self, database: &mut Database, jobs: impl Iterator<Item = Job>) {
        let (mut writes, mut replies, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Write(write, reply) => {
                    writes.push(write);
                    replies.push(reply);
                }
                Job::Retain(retention) => {
                    self.retention = retention;
                    // Those of all sessions may be too many now.
                    self.recent.extend(database.sessions().unwrap_or_default());
                    self.writes = PRUNE_EVERY;
                }
                Job::Read(read) => reads.push(read),
            }
        }
        for (answer, reply) in commit(database, &writes).into_iter().zip(replies) {
            match (reply, answer) {
                // A caller that went away wants no answer.
                (Some(reply), answer) => drop(reply.send(answer)),
                (None, Err(error)) => tracing::error!(%error, "cannot write down a turn"),
                (None, Ok(_)) => {}
            }
        }
        for read in reads {
            read(database);
        }
        self.count(&writes);
        if self.writes >= PRUNE_EVERY {
            self.prune(database);
        }
    }

    fn count(&mut self, writes: &[Write]) {
        self.writes += writes.len();
        for write in writes {
            if !self.recent.contains(write.session()) {
                self.recent.insert(write.session().to_owned());
            }
        }
    }

    fn prune(&mut self, database: &mut Database) {
        self.writes = 0;
        let sessions = mem::take(&mut self.recent);
        if let Err(error) = database.prune(self.retention, &sessions) {
            tracing::warn!(%error, cause = ?error, "old turns could not be forgotten");
        }
    }
}

/// Writes all in one transaction; if that fails, each in its own, so that only the bad ones fail.
fn commit(database: &mut Database, writes: &[Write]) -> Vec<Result<bool, JournalError>> {
    if writes.len() > 1 {
        match database.write(writes) {
            Ok(found) => return found.into_iter().map(Ok).collect(),
            Err(error) => {
                if let Some(answers) = writes.iter().map(|_| error.busy().map(Err)).collect() {
                    return answers;
                }
            }
        }
    }
    writes
        .iter()
        .map(|write| Ok(database.write(slice::from_ref(write))? == [true]))
        .collect()
}
