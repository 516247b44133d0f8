//! Stopping a turn that runs.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::ActivityState;
use tokio::time::Instant;

use super::{
    super::{
        composer::{Holds, Wanted},
        live::{Live, Stop},
        over::Over,
        picture::Picture,
        view::{Look, watch_for},
    },
    Seat,
};

/// How long an interrupted agent may take to rest.
const INTERRUPTED: Duration = Duration::from_secs(3);

impl Seat {
    /// Stops a turn that runs.
    pub(super) async fn stop(&self, live: &Live, stop: Stop) -> Over {
        if stop == Stop::Cancelled && !live.leaves_running() {
            self.interrupt(live).await;
        }
        Over::stopped(stop)
    }

    /// Interrupts the agent, and takes a prompt that it puts back into its composer out of there.
    async fn interrupt(&self, live: &Live) {
        let Some(agent) = &self.program.agent else { return };
        let typist = self.program.input.claim().await;
        for keys in &agent.interrupt_keys {
            if typist.keys(keys).await.is_err() {
                return;
            }
        }
        let mut pictures = self.oracle.pictures();
        let rests = |picture: &Arc<Picture>| {
            if picture.is(ActivityState::Ready) || picture.has_ended() {
                Look::Found(())
            } else {
                Look::Wait
            }
        };
        watch_for(&mut pictures, Some(Instant::now() + INTERRUPTED), rests).await;
        let wanted = Wanted::new(&live.text);
        let put_back = |picture: &Picture| {
            picture
                .composer
                .as_ref()
                .is_some_and(|composer| wanted.in_composer(composer) == Holds::Prompt)
        };
        let restored = |picture: &Arc<Picture>| {
            if put_back(picture) {
                Look::Found(())
            } else {
                Look::Wait
            }
        };
        let soon = Some(Instant::now() + Duration::from_millis(200));
        if watch_for(&mut pictures, soon, restored).await.is_some() {
            for keys in self.clear_keys() {
                let _ = typist.keys(keys).await;
            }
        }
    }
}
