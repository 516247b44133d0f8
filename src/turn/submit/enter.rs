//! Enter, until the agent is seen to accept the prompt.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Source, Step, TurnState};
use tokio::time::{Instant, timeout};

use super::{Accepted, Submission};
use crate::{
    pane::Condition,
    session::Typist,
    turn::{
        composer::{Holds, Wanted},
        conversation::Conversation,
        live::evidence,
        over::Over,
        picture::Picture,
        report::{News, Report},
        view::{Look, watch_for},
    },
};

/// How long the agent may take to accept after each Enter.
const ACCEPT: Duration = Duration::from_secs(1);
/// How often Enter is typed at most.
const ENTERS: usize = 4;
/// How long the pane must be silent before an Enter that follows a lost one; twice as long before each further one.
const GAP: Duration = Duration::from_millis(150);

/// How long an emptied composer must stand where nothing else has changed: some repaint it in steps, and one that comes up
/// may paint itself anew and show the prompt again.
const EMPTY_STANDS: Duration = Duration::from_millis(250);

/// What shows that the agent took the prompt.
struct Proof {
    source: Source,
    detail: String,
    /// When it came, by the clock that the end is told by: who looks may be later.
    at: Instant,
}

/// What came of an Enter.
enum Entered {
    Accepted(Proof),
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
        let mut enters = Vec::new();
        for tries in 0..ENTERS {
            self.silent(gap).await;
            let seq = self.seat.program.pane.seq();
            // One that seemed lost may have been taken meanwhile.
            let is_wanted = tries == 0 || self.still_holds().await;
            let typed = shape(&self.pictures.borrow());
            if is_wanted {
                enters.push(Instant::now());
                self.type_keys(typist, self.seat.submit().enter.as_bytes())
                    .await?;
            }
            let typed = Typed {
                heard,
                seq,
                first: enters[0],
                shape: typed,
            };
            let entered = if sees_composer {
                self.entered(&typed, &before).await
            } else if self.live.request.now {
                Entered::Accepted(Proof::now(Source::Caller, "typed as a person would"))
            } else {
                self.entered_blindly(&typed).await
            };
            match entered {
                Entered::Accepted(proof) => {
                    // The one that was taken may not be the last.
                    let entered = enters.iter().rfind(|at| **at <= proof.at);
                    let entered = *entered.unwrap_or(&enters[0]);
                    let at = proof.at.max(entered);
                    self.live
                        .tell(|turn| {
                            turn.state = TurnState::Running;
                            turn.stages.submitted = Some(self.live.since_queued(entered));
                            turn.stages.accepted = Some(self.live.since_queued(at));
                            turn.evidence
                                .push(evidence(Step::Accepted, proof.source, proof.detail));
                        })
                        .await;
                    return Ok(Accepted {
                        heard,
                        before,
                        entered: enters[0],
                        at,
                    });
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

    async fn entered(&mut self, typed: &Typed, before: &Conversation) -> Entered {
        let deadline = Instant::now() + ACCEPT;
        let wanted = &self.wanted;
        let mut emptied_at: Option<Instant> = None;
        let look = |picture: &Arc<Picture>| {
            let accepted = |detail: &str| {
                let proof = Proof::of(picture, Source::Screen, detail);
                Look::Found(Entered::Accepted(proof))
            };
            if let Some(proof) = typed.told(picture, wanted) {
                return Look::Found(Entered::Accepted(proof));
            }
            if picture.has_ended() {
                return Look::Found(if picture.seq > typed.seq {
                    let detail = "it printed something after Enter, and ended";
                    Entered::Accepted(Proof::of(picture, Source::Output, detail))
                } else {
                    Entered::Gone
                });
            }
            if picture.looks_busy() && !matches!(holds(wanted, picture), Some(Holds::Prompt)) {
                return accepted("it looks busy");
            }
            match holds(wanted, picture) {
                Some(Holds::Nothing) if *picture.conversation != *before => accepted("the composer emptied"),
                Some(Holds::Nothing) => {
                    let since = *emptied_at.get_or_insert_with(Instant::now);
                    let stands = since + EMPTY_STANDS;
                    if Instant::now() < stands {
                        return Look::Until(stands);
                    }
                    accepted("the composer emptied")
                }
                // It got a line end: the next Enter must come later.
                Some(Holds::Prompt) if shape(picture) != typed.shape => Look::Found(Entered::Lost),
                None if picture.is(ActivityState::Blocked) => accepted("a dialog took the composer's place"),
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
                let detail = "it prints below the prompt";
                Entered::Accepted(Proof::of(&picture, Source::Screen, detail))
            }
            None if self.seat.rules().leaves_composer() => {
                let detail = "the cursor left the prompt";
                Entered::Accepted(Proof::of(&picture, Source::Screen, detail))
            }
            _ => Entered::Unclear,
        })
    }

    async fn entered_blindly(&mut self, typed: &Typed) -> Entered {
        let wanted = &self.wanted;
        let look = |picture: &Arc<Picture>| {
            if let Some(proof) = typed.told(picture, wanted) {
                Look::Found(Entered::Accepted(proof))
            } else if picture.seq > typed.seq {
                let detail = "it printed something after Enter";
                Look::Found(Entered::Accepted(Proof::of(picture, Source::Output, detail)))
            } else if picture.has_ended() {
                Look::Found(Entered::Gone)
            } else {
                Look::Wait
            }
        };
        let deadline = Instant::now() + ACCEPT;
        let entered = watch_for(&mut self.pictures, Some(deadline), look).await;
        // Of a program without rules nothing more can be expected: it may show nothing at all.
        entered.unwrap_or_else(|| {
            Entered::Accepted(Proof::now(Source::Timeout, "typed; the program shows nothing"))
        })
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

impl Proof {
    /// What stands on the screen.
    fn of(picture: &Picture, source: Source, detail: &str) -> Self {
        Self {
            source,
            detail: detail.to_owned(),
            at: picture.printed_at,
        }
    }

    /// What no output shows.
    fn now(source: Source, detail: &str) -> Self {
        Self {
            source,
            detail: detail.to_owned(),
            at: Instant::now(),
        }
    }
}

/// What was there when an Enter was typed.
struct Typed {
    /// The last report before the first of them.
    heard: u64,
    /// How much the program had printed.
    seq: u64,
    /// When the first was typed.
    first: Instant,
    /// The composer.
    shape: Option<(String, usize)>,
}

impl Typed {
    /// Whether the agent itself says that it took the prompt. What it said before Enter is about something else.
    fn told(&self, picture: &Picture, wanted: &Wanted) -> Option<Proof> {
        let is_proof = |report: &&Report| match &report.news {
            News::Accepted(Some(prompt)) => wanted.is_in(prompt),
            News::Accepted(None) | News::Working => true,
            _ => false,
        };
        let mut reports = picture.reports.since(self.heard, self.first);
        let report = reports.find(is_proof)?;
        Some(Proof {
            source: report.source,
            detail: report.detail.clone(),
            at: report.at,
        })
    }
}
