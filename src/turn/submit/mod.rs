//! Handing a prompt in, with proof: look, paste, see it in the composer, Enter, see it accepted.
//!
//! Nothing is typed into what is not known to be ready. A paste is only repeated after keys that clear the composer, and
//! Enter only while the composer still shows the prompt: so nothing is ever submitted twice.

mod enter;

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Dialog, DraftPolicy, Origin, Source, Step, TurnState};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    composer::{Holds, Wanted},
    conversation::Conversation,
    live::{Live, Stop, evidence},
    over::Over,
    picture::Picture,
    seat::Seat,
    view::{Look, watch_for},
};
use crate::{
    pane::Condition,
    session::{SessionError, Typist},
    tmux::RunError,
};

/// How long the composer may take to show a paste, at the first try and the later ones: a program that is coming up
/// drops its keys for a while.
const SHOWN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// What a program may take longer for each so many bytes.
const BYTES_A_SECOND: u64 = 100_000;
/// How long a composer must stand still with a part of the prompt before that counts as all it shows.
const STILL: Duration = Duration::from_millis(300);
/// How long something strange in the composer may stand there before it counts as somebody's.
const STRANGE: Duration = Duration::from_millis(700);
/// How long clearing the composer may take to show: some stand still for seconds now and then.
const CLEARED: Duration = Duration::from_secs(3);
/// How long a dialog must last before it refuses a prompt: the turn before may have told its end before its screen
/// came through.
const DIALOG_LASTS: Duration = Duration::from_millis(300);
/// How long a dialog must stand before it counts: screens are painted in pieces.
const DIALOG_STANDS: Duration = Duration::from_millis(50);

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
    pub(super) at: Instant,
}

/// The state of one submission.
pub(super) struct Submission<'a> {
    seat: &'a Seat,
    live: &'a Live,
    pictures: watch::Receiver<Arc<Picture>>,
    wanted: Wanted,
}

/// What the composer came to show.
enum Shown {
    Prompt,
    Nothing,
    Strange(String),
    Dialog(Arc<Dialog>),
    Gone,
}

/// A text that was seen in the composer, and since when.
#[derive(Default)]
struct Standing(Option<(String, Instant)>);

impl Standing {
    /// When the composer's text will have stood for long enough; none if it has, or if there is none.
    fn until(&mut self, picture: &Picture, begun: Instant) -> Option<Instant> {
        let Some(text) = draft(picture) else {
            self.0 = None;
            return None;
        };
        let since = match &self.0 {
            Some((seen, since)) if seen == text => *since,
            _ => picture.printed_at.max(begun),
        };
        self.0 = Some((text.to_owned(), since));
        let due = since + STRANGE;
        (Instant::now() < due).then_some(due)
    }
}

/// What somebody has typed into the composer.
fn draft(picture: &Picture) -> Option<&str> {
    let composer = picture.composer.as_ref()?;
    Some(composer.text.trim()).filter(|text| !text.is_empty())
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

    /// Waits until the agent can take a prompt.
    pub(super) async fn ready(&mut self) -> Result<Arc<Picture>, Over> {
        // What is known may be older than what was typed last.
        self.seat.oracle.look().await.ok_or_else(Over::gone)?;
        let patience = self.seat.setting.ready_timeout;
        let begun = Instant::now();
        let (live, seat) = (self.live, self.seat);
        let is_init = live.now().origin == Origin::Init;
        let mut standing = Standing::default();
        let look = |picture: &Arc<Picture>| {
            let found = |result| Look::Found(result);
            match picture.belief.state {
                ActivityState::Exited => found(Err(Over::gone())),
                ActivityState::Blocked if live.request.force => found(Ok(picture.clone())),
                // Whoever answers the dialog lets the session's first prompts pass.
                ActivityState::Blocked if is_init => {
                    live.place(Some(1));
                    Look::Wait
                }
                ActivityState::Blocked => {
                    let stands = picture.belief.since.max(begun) + DIALOG_LASTS;
                    if Instant::now() < stands {
                        return Look::Until(stands);
                    }
                    found(Err(match &picture.belief.dialog {
                        Some(dialog) => Over::dialog(dialog),
                        None => Over::new(TurnState::Refused, "dialog", "the agent waits for a person"),
                    }))
                }
                // That a program without rules prints does not say that it works: `tail -f` always does.
                ActivityState::Busy if live.request.now || picture.belief.source == Source::Output => {
                    found(Ok(picture.clone()))
                }
                ActivityState::Busy => {
                    live.place(Some(1));
                    Look::Wait
                }
                // The turn before may have told its end before its screen came through: only a text that stands is a draft.
                ActivityState::Ready => match standing.until(picture, begun) {
                    Some(due) => Look::Until(due),
                    None => found(match draft(picture).filter(|_| is_init) {
                        Some(text) => Err(Over::draft(DRAFT, text)),
                        None => Ok(picture.clone()),
                    }),
                },
                // A person types without waiting for anything.
                _ if live.request.now => found(Ok(picture.clone())),
                _ => {
                    let latest = picture.belief.since.max(begun) + patience;
                    if Instant::now() < latest {
                        return Look::Until(latest);
                    }
                    if is_init || !seat.rules().knows_ready() || live.request.force {
                        tracing::warn!(
                            session = seat.name(),
                            "the agent does not look ready; typing anyway"
                        );
                        return found(Ok(picture.clone()));
                    }
                    found(Err(Over::new(
                        TurnState::Refused,
                        "not_ready",
                        format!("the agent does not look ready after {} s", patience.as_secs()),
                    )
                    .hint(
                        "`llmux session explain NAME` shows what it looks like; --force types anyway",
                    )))
                }
            }
        };
        tokio::select! {
            biased;
            stop = self.live.stopped() => Err(Over::not_typed(stop)),
            seen = watch_for(&mut self.pictures, None, look) => {
                seen.unwrap_or_else(|| Err(Over::gone()))
            }
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

    /// Does with somebody's half-typed text as the request says; returns what is to be put back.
    async fn make_room(&mut self, typist: &Typist, ready: &Picture) -> Result<Option<String>, Over> {
        let Some(composer) = ready
            .composer
            .as_ref()
            .filter(|composer| !composer.text.trim().is_empty())
        else {
            return Ok(None);
        };
        let refuse = |why: &str| Over::draft(why, &composer.text);
        let is_ours = self.seat.has_given_back(composer);
        match self.live.request.draft {
            _ if is_ours => {}
            DraftPolicy::Fail => return Err(refuse(DRAFT)),
            DraftPolicy::Keep if composer.collapsed || composer.text.trim().contains('\n') => {
                return Err(refuse(
                    "the half-typed text in the composer can't be put back as it is",
                ));
            }
            DraftPolicy::Keep | DraftPolicy::Replace => {}
        }
        if !self.clear(typist).await? {
            return Err(refuse("the half-typed text in the composer can't be deleted"));
        }
        let is_kept = self.live.request.draft == DraftPolicy::Keep && !is_ours;
        Ok(is_kept.then(|| composer.text.trim().to_owned()))
    }

    /// Clears the composer; says whether it came to be empty.
    async fn clear(&mut self, typist: &Typist) -> Result<bool, Over> {
        for keys in self.seat.clear_keys() {
            self.type_keys(typist, keys).await?;
        }
        let is_empty = |picture: &Arc<Picture>| match &picture.composer {
            Some(composer) if composer.text.trim().is_empty() => Look::Found(()),
            _ => Look::Wait,
        };
        let deadline = Instant::now() + CLEARED;
        Ok(watch_for(&mut self.pictures, Some(deadline), is_empty)
            .await
            .is_some())
    }

    /// Pastes until the composer shows the prompt.
    async fn paste(&mut self, typist: &Typist) -> Result<(), Over> {
        let longer = Duration::from_secs(self.live.text.len() as u64 / BYTES_A_SECOND);
        for (tries, patience) in SHOWN.into_iter().enumerate() {
            if tries > 0 {
                // In the pane's input this stands behind the paste that was not shown: were it only late, it goes.
                self.clear(typist).await?;
            }
            self.type_text(typist).await?;
            match self.shown(patience + longer).await {
                Shown::Prompt => {
                    self.live
                        .note(|turn| {
                            turn.evidence.push(evidence(
                                Step::Typed,
                                Source::Screen,
                                "the composer shows the prompt",
                            ));
                        })
                        .await;
                    return Ok(());
                }
                Shown::Nothing => {}
                Shown::Strange(text) => return Err(self.take_back(typist, &text).await?),
                Shown::Dialog(dialog) => {
                    return Err(Over {
                        state: TurnState::Unknown,
                        ..Over::dialog(&dialog)
                    }
                    .hint("the dialog came while the prompt was typed; look at the session before sending it again"));
                }
                Shown::Gone => return Err(Over::gone()),
            }
        }
        Err(Over::new(
            TurnState::Unsubmitted,
            "not_taken",
            format!("the composer did not show the prompt, {} times", SHOWN.len()),
        )
        .hint("nothing was submitted; `llmux session screen NAME` shows what is there"))
    }

    /// Clears a composer that holds the prompt and more, so that it is not in the way of the next one. What somebody
    /// typed around the prompt is put back, if it can be told apart.
    async fn take_back(&mut self, typist: &Typist, text: &str) -> Result<Over, Over> {
        let is_taken_back = self.wanted.is_in(text) && self.clear(typist).await?;
        let prompt = String::from_utf8_lossy(&self.live.text);
        if is_taken_back && let Some((before, behind)) = text.trim().split_once(prompt.as_ref()) {
            let rest = format!("{before}{behind}");
            if !rest.trim().is_empty() && !rest.contains('\n') {
                typist
                    .paste(rest.as_bytes())
                    .await
                    .map_err(|error| self.failed(&error))?;
            }
        }
        Ok(strange(text, is_taken_back))
    }

    async fn shown(&mut self, patience: Duration) -> Shown {
        let mut still: Option<(String, Instant)> = None;
        let wanted = &self.wanted;
        let look = |picture: &Arc<Picture>| {
            if picture.has_ended() {
                return Look::Found(Shown::Gone);
            }
            let Some(composer) = &picture.composer else {
                return match &picture.belief.dialog {
                    Some(dialog) => Look::Found(Shown::Dialog(dialog.clone())),
                    // A long prompt pushes the composer's edge out of the screen.
                    None if wanted.ends(picture.conversation.rows()) => Look::Found(Shown::Prompt),
                    None => Look::Wait,
                };
            };
            let holds = wanted.in_composer(composer);
            match holds {
                Holds::Prompt => return Look::Found(Shown::Prompt),
                Holds::Nothing => {
                    still = None;
                    return Look::Wait;
                }
                Holds::Part | Holds::Other => {}
            }
            // It must stand still for a while before it says anything.
            let since = match &still {
                Some((text, since)) if *text == composer.text => *since,
                _ => {
                    let now = Instant::now();
                    still = Some((composer.text.clone(), now));
                    now
                }
            };
            let (length, what) = if holds == Holds::Part {
                (STILL, Shown::Prompt)
            } else {
                (STRANGE, Shown::Strange(composer.text.clone()))
            };
            if since.elapsed() >= length {
                Look::Found(what)
            } else {
                Look::Until(since + length)
            }
        };
        let deadline = Instant::now() + patience;
        watch_for(&mut self.pictures, Some(deadline), look)
            .await
            .unwrap_or(Shown::Nothing)
    }

    /// Pastes where no composer can be seen, and waits as the catalog says.
    async fn paste_blindly(&mut self, typist: &Typist) -> Result<(), Over> {
        let before = self.seat.program.pane.seq();
        self.type_text(typist).await?;
        let settle = self.seat.submit().settle_ms;
        // A program that shows nothing (a password prompt) gets its Enter all the same.
        let _ = timeout(
            Duration::from_millis(settle),
            self.seat.program.pane.wait(Condition::OutputPast(before)),
        )
        .await;
        // What stands there before Enter is no part of the reply.
        let _ = self.seat.oracle.look().await;
        Ok(())
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

/// The composer came to hold something else than the prompt.
fn strange(text: &str, is_taken_back: bool) -> Over {
    let head: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    Over::new(
        TurnState::Unsubmitted,
        "mixed",
        format!("the composer holds something else than the prompt, perhaps somebody types there: {head:?}"),
    )
    .hint(if is_taken_back {
        "nothing was submitted; the prompt was taken back"
    } else {
        "nothing was submitted; the text was left as it is: look at it before the next prompt"
    })
}
