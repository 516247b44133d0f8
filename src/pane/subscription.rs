//! One viewer of a pane.

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Pane, Snapshot,
    ring::{Head, Read, Ring},
    task::Request,
};

/// What a viewer gets.
#[derive(Debug, Clone)]
pub(crate) enum Update<T = Vec<Bytes>> {
    /// The whole screen; forget what was before.
    Snapshot(Snapshot),
    /// Output that continues what was before.
    Output(T),
    /// The pane is closed.
    Closed,
}

/// A viewer's place in a pane's output. It holds no output of its own: memory per viewer is this struct.
pub(crate) struct Subscription {
    pane: Pane,
    /// `None`: needs a snapshot.
    seq: Option<u64>,
    head: watch::Receiver<Head>,
}

impl Subscription {
    pub(super) fn new(pane: Pane, from: Option<u64>) -> Self {
        let head = pane.ring.follow();
        Self {
            pane,
            seq: from,
            head,
        }
    }

    /// The number of the byte that comes next; before the first snapshot, none.
    pub(crate) fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Wants a snapshot next.
    pub(crate) fn resync(&mut self) {
        self.seq = None;
    }

    /// Waits for what comes next. Cancel safe: nothing is consumed before it is returned.
    pub(crate) async fn next(&mut self) -> Update {
        self.advance(Ring::read).await
    }

    /// Waits for what comes next, output as a message of the WebSocket. Cancel safe: nothing is consumed before it is
    /// returned.
    pub(crate) async fn next_message(&mut self) -> Update<Bytes> {
        self.advance(Ring::read_message).await
    }

    async fn advance<T>(&mut self, read: impl Fn(&Ring, u64) -> Read<T>) -> Update<T> {
        loop {
            let Some(seq) = self.seq else {
                return match self.pane.ask(Request::Snapshot).await {
                    Ok(snapshot) => {
                        self.seq = Some(snapshot.seq);
                        Update::Snapshot(snapshot)
                    }
                    Err(_) => Update::Closed,
                };
            };
            // Marked as seen before the ring is read: what comes in between wakes the wait below.
            let closed = self.head.borrow_and_update().closed;
            match read(&self.pane.ring, seq) {
                Read::Behind => self.seq = None,
                Read::Output(output, next) => {
                    self.seq = Some(next);
                    return Update::Output(output);
                }
                Read::UpToDate if closed => return Update::Closed,
                Read::UpToDate => {
                    if self.head.changed().await.is_err() {
                        return Update::Closed;
                    }
                }
            }
        }
    }
}
