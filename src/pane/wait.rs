//! Waiting for a pane: conditions that are looked at when something happened, never by polling.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::life::{End, Life};
use crate::screen::Screen;

/// Says whether the visible rows are what is waited for, and which part of them showed it.
pub(crate) type Test = Box<dyn Fn(&[Arc<str>]) -> Option<String> + Send>;

/// What to wait for.
pub(crate) enum Condition {
    /// Nothing was printed for so long.
    Quiet(Duration),
    /// The test passed, and went on passing for so long.
    Screen { test: Test, hold: Duration },
    /// Something was printed behind this number.
    OutputPast(u64),
    /// The program ended.
    Ended,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) evidence: String,
    pub(crate) seq: u64,
}

/// Why a wait can't be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WaitError {
    /// The program ended first.
    #[error("the program ended while it was waited for")]
    Ended(End),
    /// The pane is closed.
    #[error("the pane is closed")]
    Closed,
}

pub(super) struct Waiter {
    condition: Condition,
    /// Since when the condition has held, and what showed it.
    since: Option<(Instant, String)>,
    reply: oneshot::Sender<Result<Seen, WaitError>>,
}

/// What waiters look at.
pub(super) struct View<'a> {
    pub(super) screen: &'a Screen,
    pub(super) life: &'a Life,
    pub(super) seq: u64,
    pub(super) last_output: Instant,
}

#[derive(Default)]
pub(super) struct Waiters(Vec<Waiter>);

impl Waiters {
    /// Adds one; to be followed by [`Waiters::check`], for it may hold already.
    pub(super) fn add(&mut self, condition: Condition, reply: oneshot::Sender<Result<Seen, WaitError>>) {
        self.0.push(Waiter {
            condition,
            since: None,
            reply,
        });
    }

    /// When to look again although nothing happened.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0
            .iter()
            .filter_map(|waiter| Some(waiter.since.as_ref()?.0 + waiter.condition.hold()))
            .min()
    }

    /// Answers all whose condition holds, or can't hold any more.
    pub(super) fn check(&mut self, view: &View<'_>) {
        self.0.retain(|waiter| !waiter.reply.is_closed());
        if self.0.is_empty() {
            return;
        }
        let reads = |waiter: &Waiter| matches!(waiter.condition, Condition::Screen { .. });
        let rows = if self.0.iter().any(reads) {
            view.screen.rows()
        } else {
            Vec::new()
        };
        for waiter in &mut self.0 {
            waiter.look(view, &rows);
        }
        let now = Instant::now();
        for waiter in self
            .0
            .extract_if(.., |waiter| waiter.holds(now) || ended(view.life).is_some())
        {
            waiter.answer(view, now);
        }
    }

    /// Tells all that nothing more will come.
    pub(super) fn close(&mut self) {
        for waiter in self.0.drain(..) {
            let _ = waiter.reply.send(Err(WaitError::Closed));
        }
    }
}

impl Condition {
    fn hold(&self) -> Duration {
        match *self {
            Self::Quiet(hold) | Self::Screen { hold, .. } => hold,
            Self::OutputPast(_) | Self::Ended => Duration::ZERO,
        }
    }
}

impl Waiter {
    fn look(&mut self, view: &View<'_>, rows: &[Arc<str>]) {
        let seen = match &self.condition {
            Condition::Quiet(_) => {
                self.since = Some((view.last_output, "quiet".to_owned()));
                return;
            }
            Condition::Screen { test, .. } => test(rows),
            Condition::OutputPast(seq) => (view.seq > *seq).then(|| "output".to_owned()),
            Condition::Ended => ended(view.life).map(|end| exit_evidence(end.code)),
        };
        self.since = match (self.since.take(), seen) {
            (_, None) => None,
            (Some((since, _)), Some(evidence)) => Some((since, evidence)),
            (None, Some(evidence)) => Some((Instant::now(), evidence)),
        };
    }

    /// Whether the condition has held for as long as it must.
    fn holds(&self, now: Instant) -> bool {
        self.since
            .as_ref()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) >= self.condition.hold())
    }

    fn answer(self, view: &View<'_>, now: Instant) {
        let held = self.holds(now);
        let answer = match (self.since, ended(view.life)) {
            (Some((_, evidence)), _) if held => Ok(Seen {
                evidence,
                seq: view.seq,
            }),
            (_, Some(end)) => Err(WaitError::Ended(end.clone())),
            (_, None) => Err(WaitError::Closed),
        };
        let _ = self.reply.send(answer);
    }
}

/// What shows that a program ended: its exit status, where somebody saw it.
pub(crate) fn exit_evidence(code: Option<i32>) -> String {
    code.map_or_else(|| "closed".to_owned(), |code| format!("exit status {code}"))
}

fn ended(life: &Life) -> Option<&End> {
    match life {
        Life::Ended(end) => Some(end),
        Life::Starting | Life::Running => None,
    }
}
