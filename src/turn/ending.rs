//! How the end of a turn is told: from what the agent says of itself, else from its marker, else from its screen.
//!
//! What the agent says counts at once. The marker counts where it is the last thing of a reply that stands behind this
//! prompt's echo, and the agent looks ready. A ready screen alone counts when it stays so: for 50 to 150 ms after Enter
//! it still looks ready, and some agents look ready while they stream.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Dialog, Source};
use tokio::time::Instant;

use super::{
    conversation::{Anchor, Conversation, squeeze},
    marker::Marker,
    picture::Picture,
    report::News,
    submit::Accepted,
    view::Look,
};
use crate::{agent::Rules, screen::Size};

/// How long a ready screen must stand where the agent was seen to work.
const HOLD: Duration = Duration::from_millis(400);
/// How long, where nothing shows that it worked.
const HOLD_IDLE: Duration = Duration::from_millis(1500);
/// How long, where the agent usually tells ends by better means.
const HOLD_TELLING: Duration = Duration::from_secs(3);
/// How long the screen must also have been silent, unless it never is.
const SILENT: Duration = Duration::from_millis(150);
/// After so long a ready screen counts, however much it prints: some never stand still.
const RESTLESS: Duration = Duration::from_secs(5);
/// How long an agent may paint for the old size: tmux tells it of a new one up to 250 ms later.
const RESIZE_SHOWS: Duration = Duration::from_secs(1);
/// How long a dialog must stand before it counts.
const DIALOG_STANDS: Duration = Duration::from_millis(100);

/// What one look at a running turn gives.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Gone,
    Blocked(Arc<Dialog>),
    Ended(End),
}

/// The end of a turn, and what showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Instant,
    pub(super) source: Source,
    pub(super) detail: String,
    pub(super) how: How,
    /// The answer, if the agent has told it.
    pub(super) told: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    Done,
    Failed(String),
    Interrupted,
}

/// Follows one turn from its acceptance to its end.
pub(super) struct Ending<'a> {
    rules: &'a Rules,
    marker: Option<&'a Marker>,
    prompt: &'a str,
    squeezed: String,
    heard: u64,
    /// The conversation before Enter.
    before: Arc<Conversation>,
    /// What stood behind an equal prompt's echo before Enter.
    stale: Option<String>,
    size: Size,
    accepted_at: Instant,
    /// Whether it was seen to work.
    worked: bool,
    /// Whether this prompt's own echo was seen.
    echoed: bool,
    blocked: bool,
    pub(super) first_output: Option<Instant>,
}

impl<'a> Ending<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        marker: Option<&'a Marker>,
        prompt: &'a str,
        accepted: &Accepted,
        size: Size,
    ) -> Self {
        let stale = accepted
            .before
            .anchor(rules, prompt)
            .map(|anchor| accepted.before.tail(anchor));
        Self {
            rules,
            marker,
            prompt,
            squeezed: squeeze(prompt),
            heard: accepted.heard,
            before: accepted.before.clone(),
            stale,
            size,
            accepted_at: accepted.at,
            worked: false,
            echoed: false,
            blocked: false,
            first_output: None,
        }
    }

    /// Looks at one picture.
    pub(super) fn look(&mut self, picture: &Picture) -> Look<Progress> {
        let anchor = self.anchor(picture);
        if picture.is(ActivityState::Busy) {
            self.worked = true;
        }
        if self.first_output.is_none()
            && anchor.is_some_and(|anchor| picture.conversation.has_reply(self.rules, anchor))
        {
            self.first_output = Some(picture.printed_at);
        }
        if let Some(end) = self.told(picture) {
            return Look::Found(Progress::Ended(end));
        }
        if picture.has_ended() {
            return Look::Found(Progress::Gone);
        }
        match (picture.belief.state, &picture.belief.dialog) {
            (ActivityState::Blocked, Some(dialog)) => self.blocked(picture, dialog),
            (ActivityState::Ready, _) => self.ready(picture, anchor),
            _ => Look::Wait,
        }
    }

    fn blocked(&mut self, picture: &Picture, dialog: &Arc<Dialog>) -> Look<Progress> {
        self.worked = true;
        let stands = picture.belief.since + DIALOG_STANDS;
        if Instant::now() < stands {
            return Look::Until(stands);
        }
        if std::mem::replace(&mut self.blocked, true) {
            return Look::Wait;
        }
        Look::Found(Progress::Blocked(dialog.clone()))
    }

    /// To be called when the dialog of a [`Progress::Blocked`] is no longer there.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Whether the screen got another size while this turn was painted.
    pub(super) fn is_resized(&self, picture: &Picture) -> bool {
        picture
            .resized_at
            .is_some_and(|at| at + RESIZE_SHOWS > self.accepted_at)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    fn ready(&mut self, picture: &Picture, anchor: Option<Anchor>) -> Look<Progress> {
        if let (Some(marker), Some(anchor)) = (self.marker, anchor)
            && picture.conversation.is_marked(self.rules, anchor, marker)
        {
            return Look::Found(Progress::Ended(End {
                at: picture.printed_at,
                source: Source::Marker,
                detail: "the marker stands behind the reply".to_owned(),
                how: self.how(picture, Some(anchor)),
                told: self.reply_told(picture),
            }));
        }
        let since = picture.belief.since.max(self.accepted_at);
        let worked = self.worked || self.first_output.is_some();
        let hold = match (picture.reports.tells_ends(), worked) {
            (true, _) => HOLD_TELLING,
            (false, true) => HOLD,
            (false, false) => HOLD_IDLE,
        };
        // Without rules, ready is what has been silent for long enough already.
        let hold = if picture.belief.source == Source::Output {
            Duration::ZERO
        } else {
            hold
        };
        let silent = (picture.printed_at + SILENT).min(since + RESTLESS);
        let due = (since + hold).max(silent);
        if Instant::now() < due {
            return Look::Until(due);
        }
        Look::Found(Progress::Ended(End {
            at: since,
            source: picture.belief.source,
            detail: if worked {
                format!("ready again: {}", picture.belief.detail)
            } else {
                "ready; it was not seen to work".to_owned()
            },
            how: self.how(picture, anchor),
            told: self.reply_told(picture),
        }))
    }

    /// What the agent says itself.
    fn told(&mut self, picture: &Picture) -> Option<End> {
        let mut working = false;
        let mut said = None;
        for report in picture.reports.since(self.heard) {
            let how = match &report.news {
                News::Working => {
                    working = true;
                    self.worked = true;
                    continue;
                }
                // The end of the turn before, told late, stands before this one's beginning.
                News::Accepted(Some(prompt)) if report.source == Source::Transcript => {
                    if squeeze(prompt).contains(&self.squeezed) {
                        said = None;
                        working = true;
                    }
                    continue;
                }
                News::Done(_) => How::Done,
                News::Idle if working => How::Done,
                News::Failed(why) => How::Failed(why.clone()),
                News::Interrupted => How::Interrupted,
                _ => continue,
            };
            if said.is_some() || report.source == Source::Transcript && !working {
                continue;
            }
            let text = match &report.news {
                News::Done(text) => text.clone(),
                _ => None,
            };
            said = Some(End {
                at: report.at,
                source: report.source,
                detail: report.detail.clone(),
                how,
                told: text.or_else(|| self.reply_told(picture)),
            });
        }
        said
    }

    /// The last message of this turn, if the agent has told one.
    pub(super) fn reply_told(&self, picture: &Picture) -> Option<String> {
        let mut ours = false;
        let mut reply = None;
        for report in picture.reports.since(self.heard) {
            match &report.news {
                News::Accepted(Some(prompt)) if report.source == Source::Transcript => {
                    ours = squeeze(prompt).contains(&self.squeezed);
                }
                News::Reply(text) | News::Done(Some(text)) if ours || report.source == Source::Hook => {
                    reply = Some(text.clone());
                }
                _ => {}
            }
        }
        reply
    }

    /// Whether the agent's transcript holds the prompt: then it will hold the answer.
    pub(super) fn is_in_transcript(&self, picture: &Picture) -> bool {
        picture.reports.since(self.heard).any(|report| {
            report.source == Source::Transcript
                && matches!(&report.news, News::Accepted(Some(prompt)) if squeeze(prompt).contains(&self.squeezed))
        })
    }

    /// Whether the agent says in its reply that it failed or was interrupted.
    fn how(&self, picture: &Picture, anchor: Option<Anchor>) -> How {
        let Some(anchor) = anchor else { return How::Done };
        if let Some(error) = picture.conversation.find(anchor, |row| self.rules.error(row)) {
            return How::Failed(error);
        }
        let interrupted = |row: &str| self.rules.interrupted(row).then_some(());
        match picture.conversation.find(anchor, interrupted) {
            Some(()) => How::Interrupted,
            None => How::Done,
        }
    }

    /// Where this turn's reply begins on the screen, if that is known.
    pub(super) fn anchor(&mut self, picture: &Picture) -> Option<Anchor> {
        let now = &picture.conversation;
        if let Some(anchor) = now.anchor(self.rules, self.prompt) {
            // An equal prompt from before: until its own echo comes, what stands there is the old reply.
            let is_stale = |stale: &String| now.tail(anchor).starts_with(stale.as_str());
            if !self.echoed
                && self.stale.as_ref().is_some_and(is_stale)
                && !now.has_new_echo(self.rules, &self.before)
            {
                return None;
            }
            self.echoed = true;
            return Some(anchor);
        }
        if picture.size != self.size {
            return None;
        }
        if self.echoed {
            return Some(now.gone_by(&self.squeezed));
        }
        now.behind(&self.before, &self.squeezed)
    }
}
