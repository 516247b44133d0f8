//! Handing a prompt in, with proof: look, paste, see it in the composer, Enter, see it accepted.
//!
//! Nothing is typed into what is not known to be ready. A paste is only repeated after keys that clear the composer, and
//! Enter only while the composer still shows the prompt: so nothing is ever submitted twice.

mod enter;
mod paste;
mod ready;

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{Source, Step, TurnState};
use tokio::{sync::watch, time::Instant};

use super::{
    composer::Wanted,
    conversation::Conversation,
    live::{Live, Stop, evidence},
    over::Over,
    picture::Picture,
    seat::Seat,
};
use crate::{
    session::{SessionError, Typist},
    tmux::RunError,
};

/// How long something strange in the composer may stand there before it counts as somebody's.
const STRANGE: Duration = Duration::from_millis(700);
const DRAFT: &str = "somebody's half-typed text is in the composer";

/// How handing in ended.
pub(super) enum Submitted {
    /// The agent has it; what the end is told by.
    Accepted(Accepted),
    /// It is over already.
    Over(Over),
}

/// What is known when a prompt was accepted.
pub(super) struct Accepted {
    /// The last report before Enter.
    pub(super) heard: u64,
    /// The conversation before Enter.
    pub(super) before: Arc<Conversation>,
    /// When Enter was typed first: what was said before is about something else.
    pub(super) entered: Instant,
    /// When it was accepted.
    pub(super) at: Instant,
}

/// The state of one submission.
pub(super) struct Submission<'a> {
    seat: &'a Seat,
    live: &'a Live,
    pictures: watch::Receiver<Arc<Picture>>,
    wanted: Wanted,
}

impl<'a> Submission<'a> {
    pub(super) fn new(seat: &'a Seat, live: &'a Live) -> Self {
        Self {
            seat,
            live,
            pictures: seat.oracle.pictures(),
            wanted: Wanted::new(&live.text),
        }
    }

    /// Whether it is to be stopped, at this very moment: a timer may come a little late.
    fn check_not_stopped(&self) -> Result<(), Over> {
        let is_late = |ms| self.live.queued + Duration::from_millis(ms) <= Instant::now();
        if self.live.is_cancelled() {
            Err(Over::not_typed(Stop::Cancelled))
        } else if self.live.request.timeout_ms.is_some_and(is_late) {
            Err(Over::not_typed(Stop::TimedOut))
        } else {
            Ok(())
        }
    }

    /// Hands the prompt in. What it types is typed by `typist` only; it can't be stopped in the middle.
    pub(super) async fn hand_in(mut self, typist: &Typist, ready: &Picture) -> Submitted {
        match self.try_hand_in(typist, ready).await {
            Ok(accepted) => Submitted::Accepted(accepted),
            Err(over) => Submitted::Over(over),
        }
    }

    async fn try_hand_in(&mut self, typist: &Typist, ready: &Picture) -> Result<Accepted, Over> {
        // Others may have typed for a while.
        self.check_not_stopped()?;
        let begun = Instant::now();
        let written = self
            .live
            .change(|turn| {
                turn.state = TurnState::Submitting;
                turn.place = None;
                turn.stages.started = Some(self.live.since_queued(begun));
                turn.evidence
                    .push(evidence(Step::Ready, ready.belief.source, &ready.belief.detail));
            })
            .await;
        if let Err(error) = written {
            // What is not written down could be typed twice by the next daemon.
            return Err(Over::new(
                TurnState::Refused,
                "journal",
                format!("nothing was typed: {error}"),
            ));
        }
        let draft = self.make_room(typist, ready).await?;
        if ready.is_normal_mode {
            for keys in self.seat.insert_keys() {
                self.type_keys(typist, keys).await?;
            }
        }
        if ready.composer.is_some() {
            self.paste(typist).await?;
        } else {
            self.paste_blindly(typist).await?;
        }
        if !self.live.request.enter {
            return Err(Over {
                state: TurnState::Ended,
                error: None,
                dialog: None,
                evidence: Some(Box::new(evidence(
                    Step::Ended,
                    Source::Screen,
                    "the prompt is in the composer, without Enter",
                ))),
            });
        }
        let accepted = self.enter(typist, ready.composer.is_some()).await;
        if let Some(draft) = draft {
            // Who typed it finds it again; that it was not submitted with it is what matters.
            let _ = typist.paste(draft.as_bytes()).await;
        }
        accepted
    }

    async fn type_text(&self, typist: &Typist) -> Result<(), Over> {
        typist
            .paste(&self.live.text)
            .await
            .map_err(|error| self.failed(&error))
    }

    async fn type_keys(&self, typist: &Typist, keys: &[u8]) -> Result<(), Over> {
        typist.keys(keys).await.map_err(|error| self.failed(&error))
    }

    /// tmux failed in the middle: nobody knows what was typed.
    fn failed(&self, error: &SessionError) -> Over {
        let is_gone = matches!(
            error,
            SessionError::Tmux(RunError::Refused { why, .. }) if why.starts_with("can't find pane")
        );
        if is_gone || self.pictures.borrow().has_ended() {
            return Over::gone();
        }
        Over::new(
            TurnState::Unknown,
            "tmux",
            format!("tmux failed while the prompt was typed: {error}"),
        )
        .hint("`llmux session screen NAME` shows what is there; it was not typed again")
    }
}

/// What somebody has typed into the composer.
fn draft(picture: &Picture) -> Option<&str> {
    let composer = picture.composer.as_ref()?;
    Some(composer.text.trim()).filter(|text| !text.is_empty())
}
