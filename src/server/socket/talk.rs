//! What the parts of one connection tell each other. The writer does what is due between two messages.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use llmux_protocol::api::{ApiError, socket::ToViewer};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::End;

/// After how long a silence the viewer is told that all is well.
pub(super) const TICK: Duration = Duration::from_secs(10);
/// How often it is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// How long it may say nothing at all.
const DEAF: Duration = Duration::from_mins(1);
/// Refusals that wait for a slow viewer; those behind are dropped.
const REFUSALS: usize = 8;

/// What is due.
#[derive(Default)]
pub(super) struct Due {
    pub(super) end: Option<End>,
    /// The answer to the last ping: the earlier ones need none.
    pub(super) pong: Option<Bytes>,
    pub(super) ping: bool,
    pub(super) tick: bool,
    pub(super) resync: bool,
    /// All before this number is drawn.
    pub(super) ack: Option<u64>,
    pub(super) refusals: VecDeque<ToViewer>,
}

struct State {
    due: Due,
    /// When the viewer was last told something.
    spoke: Instant,
    /// When it last said something; none while it is we who do not listen.
    heard: Option<Instant>,
}

/// What the parts of one connection tell each other.
pub(super) struct Talk {
    state: Mutex<State>,
    news: Notify,
}

impl Talk {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                due: Due::default(),
                spoke: now,
                heard: Some(now),
            }),
            news: Notify::new(),
        }
    }

    /// Makes something due.
    pub(super) fn ask(&self, change: impl FnOnce(&mut Due)) {
        change(&mut self.lock().due);
        self.news.notify_one();
    }

    /// Tells the viewer that what it asked for was refused.
    pub(super) fn refuse(&self, error: ApiError) {
        self.ask(|due| {
            if due.refusals.len() < REFUSALS {
                due.refusals.push_back(ToViewer::Error {
                    code: error.code,
                    error: error.error,
                    hint: error.hint,
                });
            }
        });
    }

    /// Takes what is due.
    pub(super) fn take(&self) -> Due {
        std::mem::take(&mut self.lock().due)
    }

    /// Waits until something is due. Cancel safe.
    pub(super) async fn due(&self) {
        self.news.notified().await;
    }

    /// Notes that the viewer was told something.
    pub(super) fn spoke(&self) {
        self.lock().spoke = Instant::now();
    }

    /// Notes that the viewer said something.
    pub(super) fn heard(&self) {
        self.lock().heard = Some(Instant::now());
    }

    /// Notes that nobody listens to the viewer until it is [`Talk::heard`] again.
    pub(super) fn deaf(&self) {
        self.lock().heard = None;
    }

    /// Watches over the silence of both sides; returns when the viewer has said nothing for too long.
    pub(super) async fn watch(&self) -> End {
        let mut pinged = Instant::now();
        loop {
            let now = Instant::now();
            let (spoke, heard) = {
                let state = self.lock();
                (state.spoke, state.heard.unwrap_or(now))
            };
            if heard + DEAF <= now {
                return End::Gone;
            }
            if pinged + PING <= now {
                pinged = now;
                self.ask(|due| due.ping = true);
            }
            let is_silent = spoke + TICK <= now;
            if is_silent {
                self.ask(|due| due.tick = true);
            }
            let tick = if is_silent { now } else { spoke } + TICK;
            sleep_until(tick.min(pinged + PING).min(heard + DEAF)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
