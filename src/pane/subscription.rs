//! One viewer of a pane.

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Pane, Snapshot,
    ring::{Head, Read},
    task::Request,
};

/// What a viewer gets.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    /// The whole screen; forget what was before.
    Snapshot(Snapshot),
    /// Output that continues what was before.
    Output(Vec<Bytes>),
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

    /// Waits for what comes next. Cancel safe: nothing is consumed before it is returned.
    pub(crate) async fn next(&mut self) -> Update {
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
            match self.pane.ring.read(seq) {
                Read::Behind => self.seq = None,
                Read::Output(pieces) => {
                    let length: usize = pieces.iter().map(Bytes::len).sum();
                    self.seq = Some(seq + length as u64);
                    return Update::Output(pieces);
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
