//! Init prompts: what became of them, and what happens while somebody's half-typed text is in the composer. Then they wait
//! until it is gone.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
};

use llmux_protocol::api::{ActivityState, Origin, Source, Step, Turn, TurnState};
use tokio::sync::watch;

use super::{
    super::{
        live::{Live, evidence},
        over::Over,
        picture::Picture,
        view::{Look, watch_for},
    },
    Seat, lock,
};

/// What is known of the init prompts of one start.
#[derive(Debug, Clone, Default)]
pub(in crate::turn) struct Init {
    /// How many are waited for.
    pub(in crate::turn) pending: usize,
    /// The first that did not end well.
    pub(in crate::turn) failed: Option<Box<Turn>>,
}

impl Seat {
    /// Follows what becomes of the init prompts.
    pub(in crate::turn) fn init(&self) -> watch::Receiver<Init> {
        self.init.subscribe()
    }

    /// Notes that one more init prompt is waited for.
    pub(in crate::turn) fn init_waits(&self) {
        self.init.send_modify(|init| init.pending += 1);
    }

    /// Notes the end of a turn, if it is an init prompt.
    pub(in crate::turn) fn init_over(&self, live: &Live) {
        let turn = live.now();
        if turn.origin != Origin::Init {
            return;
        }
        self.init.send_modify(|init| {
            init.pending = init.pending.saturating_sub(1);
            if turn.state.is_final() && turn.state != TurnState::Ended {
                init.failed.get_or_insert_with(|| Box::new(turn));
            }
        });
    }

    /// Puts an init prompt back into its place: `over` says what is in its way.
    pub(super) async fn put_off(&self, live: &Arc<Live>, over: &Over) {
        let why = over.error.as_ref().map_or("", |error| &error.message);
        // Not what stands there: it may be a secret.
        tracing::warn!(
            session = self.name(),
            "the init prompts wait until the composer is free"
        );
        live.note(|turn| {
            let waits = format!("it waits until the composer is free: {why}");
            turn.state = TurnState::Queued;
            turn.evidence.push(evidence(Step::Ready, Source::Screen, waits));
        })
        .await;
        self.put_off.store(true, Ordering::Relaxed);
        lock(&self.queue).turns.push_front(live.clone());
        // The session takes other prompts: nobody has to wait for these, but who does is told that they are not typed.
        let mut turn = live.now();
        turn.state = TurnState::Refused;
        turn.error = over.error.as_deref().cloned();
        self.init.send_modify(|init| {
            init.pending = 0;
            init.failed.get_or_insert_with(|| Box::new(turn));
        });
    }

    /// Whether the init prompts must be passed over.
    pub(super) fn passes_init(&self) -> bool {
        if self.put_off.load(Ordering::Relaxed) && is_free(&self.oracle.last()) {
            self.put_off.store(false, Ordering::Relaxed);
        }
        self.put_off.load(Ordering::Relaxed)
    }

    /// Waits until init prompts that were put off can be typed. Cancel safe.
    pub(super) async fn freed(&self) {
        let waits = lock(&self.queue).turns.iter().any(|live| is_init(live));
        if !waits {
            return pending().await;
        }
        let look = |picture: &Arc<Picture>| {
            if is_free(picture) {
                Look::Found(())
            } else {
                Look::Wait
            }
        };
        watch_for(&mut self.oracle.pictures(), None, look).await;
    }
}

/// Whether a turn is an init prompt.
pub(super) fn is_init(live: &Live) -> bool {
    live.origin() == Origin::Init
}

fn is_free(picture: &Picture) -> bool {
    let composer = picture.composer.as_ref();
    picture.is(ActivityState::Ready) && composer.is_none_or(|composer| composer.text.trim().is_empty())
}
