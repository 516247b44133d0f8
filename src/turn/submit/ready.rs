//! Looking before anything is typed: is the agent ready, is there a dialog, is there somebody's half-typed text?

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Origin, Source, TurnState};
use tokio::time::Instant;

use super::{DRAFT, STRANGE, Submission, draft};
use crate::turn::{
    over::Over,
    picture::Picture,
    view::{Look, watch_for},
};

/// How long a dialog must last before it refuses a prompt: the turn before may have told its end before its screen
/// came through.
const DIALOG_LASTS: Duration = Duration::from_millis(300);

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

impl Submission<'_> {
    /// Waits until the agent can take a prompt.
    pub(in crate::turn) async fn ready(&mut self) -> Result<Arc<Picture>, Over> {
        // What is known may be older than what was typed last.
        self.seat.oracle.look().await.ok_or_else(Over::gone)?;
        let patience = self.seat.policy().ready_timeout;
        let begun = Instant::now();
        let (live, seat) = (self.live, self.seat);
        let is_init = live.origin() == Origin::Init;
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
}
