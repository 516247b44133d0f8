//! Following a submitted turn to its end, and writing the answer down.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use llmux_protocol::api::{ActivityState, Reply, Source, Step, TurnError, TurnState};
use tokio::time::Instant;

use super::{
    super::{
        conversation::Anchor,
        ending::{End, Ending, How, Progress},
        live::{Live, evidence},
        over::Over,
        picture::Picture,
        receipt,
        submit::Accepted,
        view::{Look, watch_for},
    },
    Seat, lock,
};

/// How long an answer may take to stand in the transcript after the end was seen: some write it seconds later.
const WRITTEN: Duration = Duration::from_secs(3);
/// How long the last words may take to come to the screen after the end was told.
const SHOWN: Duration = Duration::from_millis(700);
/// How long a screen must be silent to be taken for whole.
const SETTLED: Duration = Duration::from_millis(30);

impl Seat {
    /// Follows a submitted turn to its end.
    pub(super) async fn follow(&self, live: &Arc<Live>, accepted: &Accepted) -> Result<(), Over> {
        *lock(&self.interrupted) = None;
        let prompt = String::from_utf8_lossy(&live.text).into_owned();
        let mut pictures = self.oracle.pictures();
        let size = pictures.borrow().size;
        // Until it is heard, the hook of this turn may come in the next.
        let owes_hook = self.owes_hook.swap(true, Ordering::Relaxed);
        let ending = Ending::new(self.rules(), self.marker(), &prompt, accepted, size);
        let mut ending = ending.owing_hook(owes_hook);
        loop {
            let progress = {
                let ending = &mut ending;
                let look = |picture: &Arc<Picture>| {
                    self.show_growing(live, ending, picture);
                    if ending.is_blocked() && !picture.is(ActivityState::Blocked) {
                        ending.unblock();
                        return Look::Found(None);
                    }
                    match ending.look(picture) {
                        Look::Found(progress) => Look::Found(Some((progress, picture.clone()))),
                        Look::Wait => Look::Wait,
                        Look::Until(at) => Look::Until(at),
                    }
                };
                tokio::select! {
                    progress = watch_for(&mut pictures, None, look) => {
                        progress.unwrap_or_else(|| Some((Progress::Gone, self.oracle.last())))
                    }
                    stop = live.stopped() => {
                        self.program.binding.unanswered();
                        return Err(self.stop(live, stop).await);
                    }
                }
            };
            let Some((progress, picture)) = progress else {
                // The dialog is gone.
                live.tell(|turn| (turn.state, turn.dialog) = (TurnState::Running, None))
                    .await;
                continue;
            };
            match progress {
                Progress::Gone => return Err(Over::gone()),
                Progress::Blocked(dialog) => {
                    live.note(|turn| {
                        turn.state = TurnState::Blocked;
                        turn.evidence
                            .push(evidence(Step::Blocked, Source::Screen, &dialog.question));
                        turn.dialog = Some((*dialog).clone());
                    })
                    .await;
                }
                Progress::Ended(end) => {
                    self.end(live, &mut ending, end, picture).await;
                    if ending.has_heard_hook() {
                        self.owes_hook.store(false, Ordering::Relaxed);
                    }
                    return Ok(());
                }
            }
        }
    }

    fn show_growing(&self, live: &Live, ending: &mut Ending<'_>, picture: &Picture) {
        // Without its composer the screen is being painted.
        let is_whole = picture.composer.is_some() || !self.rules().knows_ready();
        if live.is_streamed()
            && is_whole
            && let Some(anchor) = ending.anchor(picture)
        {
            live.show_growing(picture.conversation.reply(self.rules(), anchor, self.marker()));
        }
    }

    /// Writes the end down, with the answer.
    async fn end(&self, live: &Arc<Live>, ending: &mut Ending<'_>, end: End, picture: Arc<Picture>) {
        let (told, picture) = match end.told.clone() {
            Some(told) => (Some(told), picture),
            None if end.how == How::Done && ending.is_in_transcript() => {
                (self.written(ending).await, self.oracle.last())
            }
            None => (None, picture),
        };
        // What an agent says of its end can come before its last words are on the screen.
        let picture = if told.is_none() && end.source < Source::Marker {
            self.settled().await.unwrap_or(picture)
        } else {
            picture
        };
        match end.how {
            How::Done => self.program.binding.answered(ending.is_in_transcript()),
            How::Failed(_) | How::Interrupted => self.program.binding.unanswered(),
            How::GivenBack => {
                self.program.binding.unanswered();
                self.note_interrupted(&live.text);
            }
        }
        let anchor = ending.anchor(&picture);
        let reply = self.reply(&picture, anchor, told, &end, ending.is_resized(&picture));
        live.note(|turn| {
            let first_output = ending.first_output().map(|at| live.since_queued(at));
            receipt::close(&mut turn.stages, first_output, live.since_queued(end.at));
            turn.evidence.push(evidence(Step::Ended, end.source, &end.detail));
            turn.dialog = None;
            turn.reply = reply;
            (turn.state, turn.error) = match end.how {
                How::Done => (TurnState::Ended, None),
                How::Failed(message) => (TurnState::Failed, Some(error("agent_error", message))),
                How::Interrupted => (
                    TurnState::Cancelled,
                    Some(error("interrupted", "the agent was interrupted".to_owned())),
                ),
                How::GivenBack => (
                    TurnState::Unsubmitted,
                    Some(TurnError {
                        hint: Some("it stands in the composer; the next prompt takes its place".to_owned()),
                        ..error(
                            "given_back",
                            "the agent emptied its composer, but then showed the prompt there again"
                                .to_owned(),
                        )
                    }),
                ),
            };
        })
        .await;
    }

    /// Waits a little for the screen to look ready.
    async fn settled(&self) -> Option<Arc<Picture>> {
        let mut pictures = self.oracle.pictures();
        let look = |picture: &Arc<Picture>| {
            let is_whole = picture.is(ActivityState::Ready) && !picture.looks_busy();
            let due = picture.printed_at + SETTLED;
            match is_whole {
                true if Instant::now() >= due => Look::Found(picture.clone()),
                true => Look::Until(due),
                false => Look::Wait,
            }
        };
        watch_for(&mut pictures, Some(Instant::now() + SHOWN), look).await
    }

    /// Waits a little for the answer in the transcript.
    async fn written(&self, ending: &mut Ending<'_>) -> Option<String> {
        let mut pictures = self.oracle.pictures();
        let look = |picture: &Arc<Picture>| match ending.reply_told(picture) {
            Some(told) => Look::Found(told),
            None => Look::Wait,
        };
        watch_for(&mut pictures, Some(Instant::now() + WRITTEN), look).await
    }

    fn reply(
        &self,
        picture: &Picture,
        anchor: Option<Anchor>,
        told: Option<String>,
        end: &End,
        resized: bool,
    ) -> Option<Reply> {
        if let Some(told) = told {
            let text = self
                .marker()
                .map_or(told.as_str(), |marker| marker.strip(&told))
                .to_owned();
            let source = if end.told.is_some() && end.source == Source::Hook {
                Source::Hook
            } else {
                Source::Transcript
            };
            return Some(Reply {
                text,
                source,
                complete: true,
            });
        }
        let anchor = anchor?;
        Some(Reply {
            text: picture.conversation.reply(self.rules(), anchor, self.marker()),
            source: Source::Screen,
            // A resize leaves and takes rows as it likes.
            complete: anchor.is_visible() && !resized,
        })
    }
}

fn error(code: &str, message: String) -> TurnError {
    TurnError {
        code: code.to_owned(),
        message,
        hint: None,
    }
}
