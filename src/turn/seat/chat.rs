//! Beginning a new conversation: the agent's own command, typed in its turn, and what shows that it worked.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Source, Step, TurnState};
use tokio::time::{Instant, sleep_until, timeout};

use crate::agent::Sight;

use super::{super::picture::Picture, Accepted, Live, Over, Seat, evidence};

/// How long an agent may take to show that a new conversation began.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a screen must be ready and without the old conversation: screens are painted in pieces.
const STANDS: Duration = Duration::from_millis(200);
/// How long the new conversation's id may take to be known; many agents write nothing before the next prompt.
const NAMED: Duration = Duration::from_secs(1);

impl Seat {
    /// The prompts that are visible now, above the composer.
    pub(super) async fn echoes(&self) -> Vec<String> {
        let look = self.program.pane.look().await;
        let rows = look.map(|look| look.rows).unwrap_or_default();
        let sight = Sight {
            rows: &rows,
            bright: &rows,
            title: "",
            cursor: None,
        };
        let composer = self.rules().composer(&sight);
        let top = composer.map_or(rows.len(), |composer| composer.top.min(rows.len()));
        let echo = |row: &Arc<str>| self.rules().echo(row).map(str::to_owned);
        let echoes = rows[..top].iter().filter_map(echo);
        echoes.filter(|echo| !echo.trim().is_empty()).collect()
    }

    /// Follows the command for a new conversation to proof that it worked. `before`: what was visible.
    pub(super) async fn begin_chat(
        &self,
        live: &Arc<Live>,
        accepted: &Accepted,
        before: &[String],
    ) -> Result<(), Over> {
        let (source, detail) = self.begun(live, before).await?;
        let mut bound = self.program.binding.follow();
        if source == Source::Screen {
            self.program.binding.left().await;
            let _ = timeout(NAMED, bound.wait_for(|bound| bound.id.is_some())).await;
        }
        let at = Instant::now().max(accepted.at);
        live.note(|turn| {
            turn.stages.ended = Some(live.since_queued(at));
            turn.evidence.push(evidence(Step::Ended, source, detail));
            turn.state = TurnState::Ended;
        })
        .await;
        Ok(())
    }

    /// Waits for what shows that a new conversation began.
    async fn begun(&self, live: &Arc<Live>, before: &[String]) -> Result<(Source, String), Over> {
        let mut pictures = self.oracle.pictures();
        let mut bound = self.program.binding.follow();
        let left = bound.borrow_and_update().id.clone();
        let deadline = Instant::now() + PATIENCE;
        let mut clear_since = None;
        loop {
            let picture = pictures.borrow_and_update().clone();
            if picture.has_ended() {
                return Err(Over::gone());
            }
            if picture.is(ActivityState::Blocked)
                && let Some(dialog) = &picture.belief.dialog
            {
                return Err(Over::dialog(dialog));
            }
            let is_clear = is_at_rest(&picture) && !self.shows_any(before).await;
            let since = is_clear.then(|| *clear_since.get_or_insert_with(Instant::now));
            clear_since = since;
            if since.is_some_and(|since| since + STANDS <= Instant::now()) {
                return Ok((
                    Source::Screen,
                    "its screen no longer shows what was said".to_owned(),
                ));
            }
            if is_at_rest(&picture) && self.says_cleared(live, &picture) {
                return Ok((Source::Screen, "it says that a new conversation began".to_owned()));
            }
            let wake = since.map_or(deadline, |since| since + STANDS);
            tokio::select! {
                stop = live.stopped() => return Err(Over::stopped(stop)),
                Ok(()) = bound.changed() => {
                    let now = bound.borrow_and_update().id.clone();
                    if now.is_some() && now != left {
                        return Ok((Source::Hook, "it is in another conversation".to_owned()));
                    }
                }
                Ok(()) = pictures.changed() => {}
                () = sleep_until(wake) => if Instant::now() >= deadline {
                    return Err(unproven());
                },
            }
        }
    }

    /// Whether the agent says so behind the echo of its command.
    fn says_cleared(&self, live: &Live, picture: &Picture) -> bool {
        let rows = picture.conversation.rows();
        let is_command = |row: &Arc<str>| {
            let echo = self.rules().echo(row);
            echo.is_some_and(|echo| echo.trim().as_bytes() == live.text)
        };
        let command = rows.iter().rposition(is_command);
        command.is_some_and(|at| rows[at..].iter().any(|row| self.rules().cleared(row)))
    }

    async fn shows_any(&self, before: &[String]) -> bool {
        let now = self.echoes().await;
        before.iter().any(|echo| now.contains(echo))
    }
}

/// Whether the agent waits for a prompt, with nothing in its composer.
fn is_at_rest(picture: &Picture) -> bool {
    let holds = picture.composer.as_ref().map(|composer| composer.text.trim());
    picture.is(ActivityState::Ready) && !picture.looks_busy() && holds.is_none_or(str::is_empty)
}

fn unproven() -> Over {
    Over::new(
        TurnState::Unknown,
        "new_chat_unproven",
        "the command for a new conversation was typed, but nothing shows that one began",
    )
    .hint("`llmux session screen NAME` shows what is there")
}
