//! Stopping a turn that runs.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::ActivityState;
use tokio::time::{Instant, sleep};

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
use crate::session::Typist;

/// How long the screen may take to show that the agent took the prompt.
const TAKEN: Duration = Duration::from_millis(500);
/// How far apart the keys are that interrupt an agent: two Esc at once are another key to some.
const APART: Duration = Duration::from_millis(150);
/// How often an agent that works on is interrupted.
const TRIES: usize = 3;
/// How long it may take to rest after each.
const RESTS: Duration = Duration::from_secs(1);
/// How long it must rest to count. Keys that came sooner could be read as one with Esc.
const STANDS: Duration = Duration::from_millis(200);
/// How often the keys that clear the composer are typed, and how long they may take to show: some delete only a line, and
/// some are lost while the agent settles.
const CLEARS: usize = 4;
const CLEARED: Duration = Duration::from_secs(1);

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
        self.note_interrupted(&live.text);
        let wanted = Wanted::new(&live.text);
        // The agent has it: a screen that still shows it in the composer is late, and says nothing.
        let taken = |picture: &Arc<Picture>| match held(&wanted, picture) {
            Some((Holds::Prompt, _)) => Look::Wait,
            _ => Look::Found(()),
        };
        watch_for(&mut self.oracle.pictures(), Some(Instant::now() + TAKEN), taken).await;
        for _ in 0..TRIES {
            for (count, keys) in agent.interrupt_keys.iter().enumerate() {
                if count > 0 {
                    sleep(APART).await;
                }
                if typist.keys(keys).await.is_err() {
                    return false;
                }
            }
            if self.rests().await.is_none() {
                // What does not look like work is no reason to type it again.
                if self.oracle.last().is(ActivityState::Busy) {
                    continue;
                }
                return false;
            }
            self.take_back(&wanted, &typist).await;
            return true;
        }
        false
    }

    /// Takes the prompt out of the composer, if it stands there again.
    async fn take_back(&self, wanted: &Wanted, typist: &Typist) {
        let mut pictures = self.oracle.pictures();
        let Some((Holds::Prompt, mut text)) = held(wanted, &self.oracle.last()) else {
            return;
        };
        for _ in 0..CLEARS {
            for keys in self.clear_keys() {
                let _ = typist.keys(keys).await;
            }
            let is_other = |picture: &Arc<Picture>| match held(wanted, picture) {
                Some((_, now)) if now == text => Look::Wait,
                held => Look::Found(held),
            };
            match watch_for(&mut pictures, Some(Instant::now() + CLEARED), is_other).await {
                Some(Some((Holds::Prompt | Holds::Part, now))) => text = now,
                Some(_) => return,
                None => {}
            }
        }
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

/// What the composer holds of a prompt, and its text.
fn held(wanted: &Wanted, picture: &Picture) -> Option<(Holds, String)> {
    let composer = picture.composer.as_ref()?;
    Some((wanted.in_composer(composer), composer.text.clone()))
}
