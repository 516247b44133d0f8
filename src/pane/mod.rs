//! One pane: its screen, its numbered output, and everyone who follows or waits for it.

mod life;
mod observer;
mod ring;
mod subscription;
mod task;
mod wait;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use llmux_protocol::api::socket::{HEAD_BYTES, Kind, write_terminal};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::{
    life::{End, Life},
    observer::{Looked, Observation, Observer},
    subscription::{Subscription, Update},
    wait::{Condition, Seen, WaitError, exit_evidence},
};
use self::{
    ring::Ring,
    task::{Request, Task, Tellers},
};
use crate::{
    screen::{Cursor, Modes, Screen, Size},
    tmux::FeedReader,
};

/// Requests that wait for a pane's task.
const REQUEST_QUEUE: usize = 64;

/// The pane's task is gone, which it only is when the program shuts down.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the pane is no longer followed")]
pub(crate) struct PaneGone;

/// A screen as bytes that draw it in a fresh terminal, and the number of the output that follows.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) seq: u64,
    pub(crate) size: Size,
    /// As a message of the WebSocket; all who ask at the same time share it.
    pub(crate) message: Bytes,
}

impl Snapshot {
    /// Draws the screen of `screen`, whose next byte of output has the number `seq`.
    fn draw(screen: &Screen, seq: u64) -> Self {
        Self {
            seq,
            size: screen.size(),
            message: write_terminal(Kind::Snapshot, seq, [screen.snapshot().as_ref()]),
        }
    }

    /// What draws it.
    pub(crate) fn bytes(&self) -> Bytes {
        self.message.slice(HEAD_BYTES..)
    }
}

/// A screen as text.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) seq: u64,
    pub(crate) size: Size,
    pub(crate) rows: Vec<Arc<str>>,
    pub(crate) cursor: Cursor,
    pub(crate) modes: Modes,
    pub(crate) title: String,
}

/// A handle on a pane. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pane {
    requests: mpsc::Sender<Request>,
    ring: Arc<Ring>,
    life: watch::Receiver<Life>,
    size: watch::Receiver<Size>,
    key: Arc<str>,
    epoch: Arc<str>,
}

impl Pane {
    /// Follows a pane that was just made: its reader gives everything it ever printed. The wrapper in it signs its
    /// messages with `key`.
    pub(crate) fn made(feed: FeedReader, size: Size, key: &str) -> Self {
        Self::start(feed, size, Life::Starting, key)
    }

    /// Follows a pane that was found running: its reader begins with a capture.
    pub(crate) fn found(feed: FeedReader, size: Size, key: &str) -> Self {
        Self::start(feed, size, Life::Running, key)
    }

    fn start(feed: FeedReader, size: Size, life: Life, key: &str) -> Self {
        let (requests, inbox) = mpsc::channel(REQUEST_QUEUE);
        let (life_sender, life) = watch::channel(life);
        let (size_sender, size) = watch::channel(size);
        let ring = Arc::new(Ring::new());
        tokio::spawn(
            Task::new(
                feed,
                inbox,
                ring.clone(),
                Tellers {
                    life: life_sender,
                    size: size_sender,
                },
                key.to_owned(),
            )
            .run(),
        );
        Self {
            requests,
            ring,
            life,
            size,
            key: key.into(),
            epoch: new_epoch(),
        }
    }

    /// Names this numbering of its output: no other has the same, of another daemon or for another program.
    pub(crate) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// With what its wrapper signs; empty if it has none.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The life of its program, kept up to date.
    pub(crate) fn life(&self) -> watch::Receiver<Life> {
        self.life.clone()
    }

    /// Its size now.
    pub(crate) fn size(&self) -> Size {
        *self.size.borrow()
    }

    /// The number of the next byte of output.
    pub(crate) fn seq(&self) -> u64 {
        self.ring.end()
    }

    /// The screen as text.
    pub(crate) async fn look(&self) -> Result<Look, PaneGone> {
        self.ask(Request::Look).await
    }

    /// Subscribes: a snapshot and everything after it, with no gap and no byte twice. With `from`, the number a viewer
    /// reached before, the snapshot is left out if all output since is still kept.
    pub(crate) fn subscribe(&self, from: Option<u64>) -> Subscription {
        Subscription::new(self.clone(), from)
    }

    /// Observes the pane: its screen after each change, and all its program says beside the screen. Costs nothing while
    /// nobody waits for the next observation.
    pub(crate) fn observe(&self) -> Observer {
        Observer::new(self.clone())
    }

    /// Waits for a condition. Cancel safe.
    ///
    /// # Errors
    /// When the program ends or the pane closes first.
    pub(crate) async fn wait(&self, condition: Condition) -> Result<Seen, WaitError> {
        self.ask(|reply| Request::Wait(condition, reply))
            .await
            .unwrap_or(Err(WaitError::Closed))
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, PaneGone> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| PaneGone)?;
        answer.await.map_err(|_| PaneGone)
    }
}

/// The time in nanoseconds since 1970, and a count.
fn new_epoch() -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("{nanos:x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}
