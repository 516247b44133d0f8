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

/// How long the screen may take to show that the agent took the prompt.
const TAKEN: Duration = Duration::from_millis(500);
/// How often an agent that works on is interrupted.
const TRIES: usize = 3;
/// How long it may take to rest after each.
const RESTS: Duration = Duration::from_secs(1);
/// How long it must rest to count. Keys that came sooner could be read as one with Esc.
const STANDS: Duration = Duration::from_millis(200);

impl Seat {
    /// Stops a turn that runs.
    pub(super) async fn stop(&self, live: &Live, stop: Stop) -> Over {
        let over = Over::stopped(stop);
        if stop == Stop::TimedOut || live.leaves_running() || self.interrupt(live).await {
            return over;
        }
        tracing::warn!(
            session = self.name(),
            "the agent was interrupted, but does not look ready"
        );
        over.hint("the agent was interrupted, but does not look ready; `llmux session explain NAME` shows what it does")
    }

    /// Interrupts the agent, and takes a prompt that it puts back into its composer out of there; says whether it rests.
    async fn interrupt(&self, live: &Live) -> bool {
        let agent = self.program.agent.as_ref();
        let Some(agent) = agent.filter(|agent| !agent.interrupt_keys.is_empty()) else {
            return true;
        };
        let typist = self.program.input.claim().await;
        let wanted = Wanted::new(&live.text);
        let is_held = |picture: &Picture| {
            let composer = picture.composer.as_ref();
            composer.is_some_and(|composer| wanted.in_composer(composer) == Holds::Prompt)
        };
        // The agent has it: a screen that still shows it in the composer is late, and says nothing.
        let taken = |picture: &Arc<Picture>| {
            if is_held(picture) {
                Look::Wait
            } else {
                Look::Found(())
            }
        };
        watch_for(&mut self.oracle.pictures(), Some(Instant::now() + TAKEN), taken).await;
        for _ in 0..TRIES {
            for keys in &agent.interrupt_keys {
                if typist.keys(keys).await.is_err() {
                    return false;
                }
            }
            let Some(picture) = self.rests().await else {
                // What does not look like work is no reason to type it again.
                if self.oracle.last().is(ActivityState::Busy) {
                    continue;
                }
                return false;
            };
            if is_held(&picture) {
                for keys in self.clear_keys() {
                    let _ = typist.keys(keys).await;
                }
            }
            return true;
        }
        false
    }

    /// Waits until the agent rests, or has ended.
    async fn rests(&self) -> Option<Arc<Picture>> {
        let begun = Instant::now();
        let look = |picture: &Arc<Picture>| {
            let stands = picture.belief.since.max(begun) + STANDS;
            match picture.is(ActivityState::Ready) {
                _ if picture.has_ended() => Look::Found(picture.clone()),
                true if Instant::now() >= stands => Look::Found(picture.clone()),
                true => Look::Until(stands),
                false => Look::Wait,
            }
        };
        watch_for(&mut self.oracle.pictures(), Some(begun + RESTS), look).await
    }
}
