//! Following what a pane shows and says, at the observer's own pace.

use tokio::{sync::watch, time::Instant};

use super::{Life, Pane, task::Request};
use crate::screen::{Page, Signal, Size};

/// Something the program said beside its screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Counts from 1.
    pub(crate) number: u64,
    /// When it came.
    pub(crate) at: Instant,
    pub(crate) signal: Signal,
}

/// A pane at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    /// When its program last printed something.
    pub(crate) printed_at: Instant,
    /// The number of the output that follows.
    pub(crate) seq: u64,
    pub(crate) life: Life,
    pub(crate) size: Size,
    pub(crate) title: String,
    pub(crate) page: Page,
    /// What was said since the observation before, oldest first.
    pub(crate) said: Vec<Said>,
}

/// An observer of one pane. However fast the pane prints, it costs one look for each time it asks; what is *said* in
/// between is kept for it, up to a bound.
pub(crate) struct Observer {
    pane: Pane,
    changes: watch::Receiver<u64>,
    /// Whether something has changed that was not looked at.
    due: bool,
    /// The number of the last thing that was said to it.
    heard: u64,
}

impl Observer {
    pub(super) fn new(pane: Pane) -> Self {
        Self {
            changes: pane.changes.clone(),
            pane,
            // The first look.
            due: true,
            heard: 0,
        }
    }

    /// Waits until something happened since the last observation; `None` when nothing more can. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Observation> {
        if !self.due {
            self.changes.changed().await.ok()?;
            self.due = true;
        }
        self.look().await
    }

    /// Looks without waiting for a change. Cancel safe.
    pub(crate) async fn look(&mut self) -> Option<Observation> {
        let heard = self.heard;
        // What happens from here on may be missed by this look.
        self.changes.mark_unchanged();
        self.due = true;
        let observation = self.pane.ask(|reply| Request::Observe(heard, reply)).await.ok()?;
        self.due = false;
        self.heard = observation.said.last().map_or(heard, |said| said.number);
        Some(observation)
    }
}
