//! Where each pane's output goes.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use llmux_protocol::PaneId;

use super::feed::{Feed, FeedItem};
use crate::screen::Size;

/// Panes with a reader. Routes outlive a connection; their phases do not.
#[derive(Default)]
pub(super) struct Routes(HashMap<PaneId, Route>);

impl Deref for Routes {
    type Target = HashMap<PaneId, Route>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Routes {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

pub(super) struct Route {
    pub(super) feed: Arc<Feed>,
    pub(super) phase: Phase,
    /// As the reader knows it.
    pub(super) size: Option<Size>,
    /// Output of the present read, so that a pane's many short lines become one piece.
    pub(super) batch: Batch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Output goes to the reader.
    Live,
    /// Output is dropped until tmux confirms the pause.
    Pausing,
    /// Output is newer than the capture that is on its way, and goes to the reader, who holds it back.
    Capturing,
    /// The capture failed; the next look at all panes says why and starts another.
    Failed,
}

#[derive(Default)]
pub(super) enum Batch {
    #[default]
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Batch {
    pub(super) fn push(&mut self, data: Bytes) {
        *self = match std::mem::take(self) {
            Self::Empty => Self::One(data),
            Self::One(first) => {
                let mut many = BytesMut::with_capacity((first.len() + data.len()).next_power_of_two());
                many.extend_from_slice(&first);
                many.extend_from_slice(&data);
                Self::Many(many)
            }
            Self::Many(mut many) => {
                many.extend_from_slice(&data);
                Self::Many(many)
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<Bytes> {
        match std::mem::take(self) {
            Self::Empty => None,
            // A slice of what was read: kept as it is, a few bytes would keep the whole read alive in the ring.
            Self::One(data) => Some(Bytes::copy_from_slice(&data)),
            Self::Many(data) => Some(data.freeze()),
        }
    }
}

impl Routes {
    /// Tells every reader that output is being lost, and forgets who reads no more.
    pub(super) fn disconnected(&mut self) {
        self.0.retain(|_, route| !route.feed.is_abandoned());
        for route in self.0.values_mut() {
            route.batch = Batch::Empty;
            route.phase = Phase::Failed;
            route.feed.push(FeedItem::Resync);
        }
    }

    /// Tells every reader that its pane is closed: the server it lived on is gone.
    pub(super) fn close_all(&mut self) {
        for pane in self.0.keys().copied().collect::<Vec<_>>() {
            self.close(pane);
        }
    }

    pub(super) fn is_live(&self, pane: PaneId) -> bool {
        self.0.get(&pane).is_some_and(|route| route.phase == Phase::Live)
    }

    pub(super) fn close(&mut self, pane: PaneId) {
        if let Some(mut route) = self.0.remove(&pane) {
            if let Some(data) = route.batch.take() {
                route.feed.output(data);
            }
            route.feed.push(FeedItem::Gone);
        }
    }
}

impl Route {
    pub(super) fn new(feed: Arc<Feed>, phase: Phase, size: Option<Size>) -> Self {
        Self {
            feed,
            phase,
            size,
            batch: Batch::Empty,
        }
    }
}
