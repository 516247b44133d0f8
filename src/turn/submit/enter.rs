//! Enter, until the agent is seen to accept the prompt.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Source, Step, TurnState};
use tokio::time::{Instant, timeout};

use super::{Accepted, DIALOG_STANDS, Submission};
use crate::{
    pane::Condition,
    session::Typist,
    turn::{
        composer::{Holds, Wanted},
        conversation::Conversation,
        live::evidence,
        over::Over,
        picture::Picture,
        report::News,
        view::{Look, watch_for},
    },
};

/// How long the agent may take to accept after each Enter.
const ACCEPT: Duration = Duration::from_secs(1);
/// How often Enter is typed at most.
const ENTERS: usize = 4;
/// How long the pane must be silent before an Enter that follows a lost one; twice as long before each further one.
const GAP: Duration = Duration::from_millis(150);

/// What came of an Enter.
enum Entered {
    Accepted(Source, String),
    /// The composer still shows the prompt; it may have got a line end.
    Lost,
    Unclear,
    Gone,
}

impl Submission<'_> {
    /// Types Enter until the prompt is accepted.
    pub(super) async fn enter(&mut self, typist: &Typist, sees_composer: bool) -> Result<Accepted, Over> {
        let mut gap = Duration::from_millis(self.seat.submit().gap_ms);
        let picture = self.pictures.borrow().clone();
        let (heard, before) = (picture.reports.last(), picture.conversation.clone());
        let mut at = Instant::now();
        for tries in 0..ENTERS {
            self.silent(gap).await;
            let seq = self.seat.program.pane.seq();
            // One that seemed lost may have been taken meanwhile.
            let is_wanted = tries == 0 || self.still_holds().await;
            let typed = shape(&self.pictures.borrow());
            if is_wanted {
                at = Instant::now();
                self.type_keys(typist, self.seat.submit().enter.as_bytes())
                    .await?;
            }
            let entered = if sees_composer {
                self.entered(heard, seq, &before, typed).await
            } else if self.live.request.now {
                Entered::Accepted(Source::Caller, "typed as a person would".into())
            } else {
                self.entered_blindly(heard, seq).await
            };
            match entered {
                Entered::Accepted(source, detail) => {
                    let accepted = Instant::now();
                    self.live
                        .note(|turn| {
                            turn.state = TurnState::Running;
                            turn.stages.submitted = Some(self.live.since_queued(at));
                            turn.stages.accepted = Some(self.live.since_queued(accepted));
                            turn.evidence.push(evidence(Step::Accepted, source, detail));
                        })
                        .await;
                    return Ok(Accepted { heard, before, at });
                }
                Entered::Lost => gap = (gap * 2).max(GAP),
                Entered::Gone => return Err(Over::gone()),
                Entered::Unclear => {
                    return Err(Over::new(
                        TurnState::Unknown,
                        "unproven",
                        "Enter was typed, but nothing shows whether the agent accepted the prompt",
                    )
                    .hint("`llmux session screen NAME` shows what is there; it was not typed again"));
                }
            }
        }
        let cleared = self.clear(typist).await?;
        let state = if cleared {
            TurnState::Unsubmitted
        } else {
            TurnState::Unknown
        };
        let what = if cleared {
            "the composer was cleared"
        } else {
            "the composer still holds it"
        };
        Err(Over::new(
            state,
            "enter_lost",
            format!("the agent did not take Enter, {ENTERS} times; {what}"),
        ))
    }

    /// Whether the composer shows the prompt, or a part of it, now.
    async fn still_holds(&self) -> bool {
        let picture = self.seat.oracle.look().await;
        let holds = picture.and_then(|picture| holds(&self.wanted, &picture));
        matches!(holds, Some(Holds::Prompt | Holds::Part))
    }

    async fn entered(
        &mut self,
        heard: u64,
        seq: u64,
        before: &Conversation,
        typed: Option<(String, usize)>,
    ) -> Entered {
        let deadline = Instant::now() + ACCEPT;
        let wanted = &self.wanted;
        let mut emptied_at: Option<Instant> = None;
        let look = |picture: &Arc<Picture>| {
            if let Some((source, detail)) = told(picture, heard, wanted) {
                return Look::Found(Entered::Accepted(source, detail));
            }
            if picture.has_ended() {
                let printed = Entered::Accepted(
                    Source::Output,
                    "it printed something after Enter, and ended".into(),
                );
                return Look::Found(if picture.seq > seq { printed } else { Entered::Gone });
            }
            if picture.looks_busy() && !matches!(holds(wanted, picture), Some(Holds::Prompt)) {
                return Look::Found(Entered::Accepted(Source::Screen, "it looks busy".into()));
            }
            match holds(wanted, picture) {
                Some(Holds::Nothing) if *picture.conversation != *before => {
                    Look::Found(Entered::Accepted(Source::Screen, "the composer emptied".into()))
                }
                Some(Holds::Nothing) => {
                    // Some repaint the composer in two steps.
                    let since = *emptied_at.get_or_insert_with(Instant::now);
                    let stands = since + DIALOG_STANDS;
                    if Instant::now() < stands {
                        return Look::Until(stands);
                    }
                    Look::Found(Entered::Accepted(Source::Screen, "the composer emptied".into()))
                }
                // It got a line end: the next Enter must come later.
                Some(Holds::Prompt) if shape(picture) != typed => Look::Found(Entered::Lost),
                None if picture.is(ActivityState::Blocked) => Look::Found(Entered::Accepted(
                    Source::Screen,
                    "a dialog took the composer's place".into(),
                )),
                _ => {
                    emptied_at = None;
                    Look::Wait
                }
            }
        };
        let entered = watch_for(&mut self.pictures, Some(deadline), look).await;
        let picture = self.pictures.borrow();
        entered.unwrap_or_else(|| match holds(&self.wanted, &picture) {
            Some(Holds::Prompt | Holds::Part) => Entered::Lost,
            // Without a sign of work, a first word looks like more of the draft.
            Some(Holds::Other)
                if picture
                    .composer
                    .as_ref()
                    .is_some_and(|it| self.wanted.is_followed(it)) =>
            {
                Entered::Accepted(Source::Screen, "it prints below the prompt".into())
            }
            None if self.seat.rules().leaves_composer() => {
                Entered::Accepted(Source::Screen, "the cursor left the prompt".into())
            }
            _ => Entered::Unclear,
        })
    }

    async fn entered_blindly(&mut self, heard: u64, seq: u64) -> Entered {
        let wanted = &self.wanted;
        let look = |picture: &Arc<Picture>| {
            if let Some((source, detail)) = told(picture, heard, wanted) {
                Look::Found(Entered::Accepted(source, detail))
            } else if picture.seq > seq {
                Look::Found(Entered::Accepted(
                    Source::Output,
                    "it printed something after Enter".into(),
                ))
            } else if picture.has_ended() {
                Look::Found(Entered::Gone)
            } else {
                Look::Wait
            }
        };
        let deadline = Instant::now() + ACCEPT;
        let entered = watch_for(&mut self.pictures, Some(deadline), look).await;
        // Of a program without rules nothing more can be expected: it may show nothing at all.
        entered
            .unwrap_or_else(|| Entered::Accepted(Source::Timeout, "typed; the program shows nothing".into()))
    }

    /// Waits until the pane was silent for so long.
    async fn silent(&self, gap: Duration) {
        if !gap.is_zero() {
            // Animations go on for ever.
            let _ = timeout(gap * 4, self.seat.program.pane.wait(Condition::Quiet(gap))).await;
        }
    }
}

fn holds(wanted: &Wanted, picture: &Picture) -> Option<Holds> {
    picture
        .composer
        .as_ref()
        .map(|composer| wanted.in_composer(composer))
}

/// What a line end changes in a composer: its text, or, at its end, only how many rows it takes.
fn shape(picture: &Picture) -> Option<(String, usize)> {
    let composer = picture.composer.as_ref()?;
    Some((composer.text.clone(), composer.rows))
}

/// Whether the agent itself says that it took the prompt.
fn told(picture: &Picture, heard: u64, wanted: &Wanted) -> Option<(Source, String)> {
    let report = picture.reports.since(heard).find(|report| match &report.news {
        News::Accepted(Some(prompt)) => wanted.is_in(prompt),
        News::Accepted(None) | News::Working => true,
        _ => false,
    })?;
    Some((report.source, report.detail.clone()))
}
