//! Following what a pane shows and says, at the observer's own pace.

use tokio::{sync::oneshot, time::Instant};

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
    /// Counts what happened to the pane.
    pub(super) number: u64,
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

/// What an observer asks the pane's task.
pub(super) struct Asked {
    /// The last observation that it has.
    pub(super) seen: Option<u64>,
    /// The number of the last thing that was said to it.
    pub(super) heard: u64,
    /// Whether it waits where nothing has happened since; else it is told so.
    pub(super) waits: bool,
    pub(super) reply: oneshot::Sender<Option<Observation>>,
}

/// An observer of one pane. However fast the pane prints, it costs one look for each time it asks; what is *said* in
/// between is kept for it, up to a bound.
pub(crate) struct Observer {
    pane: Pane,
    seen: Option<u64>,
    heard: u64,
    /// The answer that is waited for.
    next: Option<oneshot::Receiver<Option<Observation>>>,
}

impl Observer {
    pub(super) fn new(pane: Pane) -> Self {
        Self {
            pane,
            seen: None,
            heard: 0,
            next: None,
        }
    }

    /// Waits until something happened since the last observation; `None` when nothing more can. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Observation> {
        loop {
            if self.next.is_none() {
                self.next = Some(self.ask(true).await?);
            }
            let answer = self.next.as_mut()?.await;
            self.next = None;
            if let Some(observation) = answer.ok()? {
                return Some(self.note(observation));
            }
        }
    }

    /// Looks without waiting; `None` when the pane is gone. Cancel safe.
    pub(crate) async fn look(&mut self) -> Option<Looked> {
        // An answer that is on its way is older.
        self.next = None;
        let answer = self.ask(false).await?.await.ok()?;
        Some(match answer {
            Some(observation) => Looked::New(Box::new(self.note(observation))),
            None => Looked::Same,
        })
    }

    async fn ask(&self, waits: bool) -> Option<oneshot::Receiver<Option<Observation>>> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            seen: self.seen,
            heard: self.heard,
            waits,
            reply,
        };
        self.pane.requests.send(Request::Observe(asked)).await.ok()?;
        Some(answer)
    }

    fn note(&mut self, observation: Observation) -> Observation {
        self.seen = Some(observation.number);
        if let Some(said) = observation.said.last() {
            self.heard = said.number;
        }
        observation
    }
}

/// What a look has found.
pub(crate) enum Looked {
    New(Box<Observation>),
    /// Nothing has happened since the last observation.
    Same,
}
