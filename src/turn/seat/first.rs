//! Init prompts while somebody's half-typed text is in the composer: they wait until it is gone.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
};

use llmux_protocol::api::{ActivityState, Origin, Source, Step, TurnState};

use super::{
    super::{
        live::{Live, evidence},
        over::Over,
        picture::Picture,
        view::{Look, watch_for},
    },
    Seat, lock,
};

impl Seat {
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
        // The session takes other prompts: nobody has to wait for these.
        self.init.send_replace(0);
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
    live.now().origin == Origin::Init
}

fn is_free(picture: &Picture) -> bool {
    let composer = picture.composer.as_ref();
    picture.is(ActivityState::Ready) && composer.is_none_or(|composer| composer.text.trim().is_empty())
}
