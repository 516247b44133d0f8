//! Pasting, until the composer shows the prompt.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{Dialog, DraftPolicy, Source, Step, TurnState};
use tokio::time::{Instant, timeout};

use super::{DRAFT, STRANGE, Submission};
use crate::{
    pane::Condition,
    session::Typist,
    turn::{
        composer::Holds,
        live::evidence,
        over::Over,
        picture::Picture,
        view::{Look, watch_for},
    },
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
/// How long clearing the composer may take to show: some stand still for seconds now and then.
const CLEARED: Duration = Duration::from_secs(3);

/// What the composer came to show.
enum Shown {
    Prompt,
    Nothing,
    Strange(String),
    Dialog(Arc<Dialog>),
    Gone,
}

impl Submission<'_> {
    /// Does with somebody's half-typed text as the request says; returns what is to be put back.
    pub(super) async fn make_room(
        &mut self,
        typist: &Typist,
        ready: &Picture,
    ) -> Result<Option<String>, Over> {
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
    pub(super) async fn clear(&mut self, typist: &Typist) -> Result<bool, Over> {
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
    pub(super) async fn paste(&mut self, typist: &Typist) -> Result<(), Over> {
        let longer = Duration::from_secs(self.live.text.len() as u64 / BYTES_A_SECOND);
        for (tries, patience) in SHOWN.into_iter().enumerate() {
            if tries > 0 {
                // In the pane's input this stands behind the paste that was not shown: were it only late, it goes.
                self.clear(typist).await?;
            }
            self.type_text(typist).await?;
            match self.shown(patience + longer).await {
                Shown::Prompt => {
                    self.live.add(evidence(
                        Step::Typed,
                        Source::Screen,
                        "the composer shows the prompt",
                    ));
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
    pub(super) async fn paste_blindly(&mut self, typist: &Typist) -> Result<(), Over> {
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
