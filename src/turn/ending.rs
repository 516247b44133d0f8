//! How the end of a turn is told: from what the agent says of itself, else from its marker, else from its screen.
//!
//! What the agent says counts at once. The marker counts where it is the last thing of a reply that stands behind this
//! prompt's echo, and the agent looks ready. A ready screen alone counts when it stays so: for 50 to 150 ms after Enter
//! it still looks ready, and some agents look ready while they stream.

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, Dialog, Source};
use tokio::time::Instant;

use super::{
    account::Account,
    composer::{Holds, Wanted},
    conversation::{Anchor, Conversation},
    marker::Marker,
    picture::Picture,
    submit::Accepted,
    view::Look,
};
use crate::{agent::Rules, screen::Size};

/// How long a ready screen must stand where the agent was seen to work.
const HOLD: Duration = Duration::from_millis(400);
/// How long, where nothing shows that it worked.
const HOLD_IDLE: Duration = Duration::from_millis(1500);
/// How long, where the prompt stands on the screen with nothing behind it, or nothing at all has come: a machine may be
/// that slow.
const HOLD_UNANSWERED: Duration = Duration::from_secs(10);
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
/// How long a dialog may take to be drawn whole: a title or a status is often ahead of the screen.
const DIALOG_READABLE: Duration = Duration::from_secs(2);

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
    /// The composer emptied, but then it held the prompt again: the agent never took it.
    GivenBack,
}

/// Follows one turn from its acceptance to its end.
pub(super) struct Ending<'a> {
    rules: &'a Rules,
    marker: Option<&'a Marker>,
    wanted: Wanted,
    account: Account,
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
    /// Whether the turn before has ended without its hook: that may still come.
    owes_hook: bool,
    /// The dialog that was told last, while it is open.
    blocked: Option<String>,
    /// When the screen showed the first part of the answer.
    first_shown: Option<Instant>,
}

impl<'a> Ending<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        marker: Option<&'a Marker>,
        prompt: &str,
        accepted: &Accepted,
        size: Size,
    ) -> Self {
        let (wanted, before) = (Wanted::new(prompt.as_bytes()), &accepted.before);
        let stale = before
            .anchor(rules, &wanted, before)
            .map(|anchor| before.tail(anchor))
            // With nothing behind it, it is this one, in a composer that was too long to be seen.
            .filter(|tail| !tail.is_empty());
        Self {
            rules,
            marker,
            wanted,
            account: Account::since(accepted.heard, accepted.entered),
            before: accepted.before.clone(),
            stale,
            size,
            accepted_at: accepted.at,
            worked: false,
            echoed: false,
            owes_hook: false,
            blocked: None,
            first_shown: None,
        }
    }

    /// Says that the turn before may have ended without its hook.
    pub(super) fn owing_hook(self, owes_hook: bool) -> Self {
        Self { owes_hook, ..self }
    }

    /// Whether a hook has told the end of this turn.
    pub(super) fn has_heard_hook(&self) -> bool {
        self.account.hooked
    }

    /// Looks at one picture.
    pub(super) fn look(&mut self, picture: &Picture) -> Look<Progress> {
        if picture.is(ActivityState::Busy) {
            self.worked = true;
            // Once the reply has begun, where it stands matters at its end only; a working agent paints without cease.
            if self.echoed && self.first_shown.is_some() && self.told(picture).is_none() {
                return Look::Wait;
            }
        }
        let anchor = self.anchor(picture);
        if self.first_shown.is_none()
            && anchor.is_some_and(|anchor| picture.conversation.has_reply(self.rules, anchor))
        {
            self.first_shown = Some(picture.printed_at);
        }
        if let Some(end) = self.told(picture) {
            return self.proven(end, picture, anchor);
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
        let stands = picture.belief.since
            + if dialog.options.is_empty() {
                DIALOG_READABLE
            } else {
                DIALOG_STANDS
            };
        if Instant::now() < stands {
            return Look::Until(stands);
        }
        // One dialog may take the place of another.
        if self.blocked.as_ref() == Some(&dialog.id) {
            return Look::Wait;
        }
        self.blocked = Some(dialog.id.clone());
        Look::Found(Progress::Blocked(dialog.clone()))
    }

    /// To be called when the dialog of a [`Progress::Blocked`] is no longer there.
    pub(super) fn unblock(&mut self) {
        self.blocked = None;
    }

    /// Whether the screen got another size while this turn was painted.
    pub(super) fn is_resized(&self, picture: &Picture) -> bool {
        picture
            .resized_at
            .is_some_and(|at| at + RESIZE_SHOWS > self.accepted_at)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
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
        let worked = self.worked || self.first_shown.is_some();
        // It has the prompt, and will show that it works.
        let is_unanswered = !worked
            && self.rules.knows_busy()
            && (anchor.map_or(!self.wanted.is_command(), Anchor::is_visible)
                || *picture.conversation == *self.before)
            && self.how(picture, anchor) == How::Done;
        let is_given_back = !worked && self.is_given_back(picture);
        let hold = match (picture.reports.tells_ends(), worked) {
            _ if is_given_back => HOLD_IDLE,
            _ if is_unanswered => HOLD_UNANSWERED,
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
        // Who was not seen to work ended with the last that it printed.
        let at = if picture.belief.since >= self.accepted_at {
            picture.belief.since
        } else {
            picture.printed_at.max(self.accepted_at)
        };
        Look::Found(Progress::Ended(End {
            at,
            source: picture.belief.source,
            detail: if worked {
                format!("ready again: {}", picture.belief.detail)
            } else {
                "ready; it was not seen to work".to_owned()
            },
            how: if is_given_back {
                How::GivenBack
            } else {
                self.how(picture, anchor)
            },
            told: self.reply_told(picture),
        }))
    }

    /// Whether the composer holds the prompt again: a program that comes up may paint itself anew and lose its Enter.
    fn is_given_back(&self, picture: &Picture) -> bool {
        let composer = picture.composer.as_ref();
        composer.is_some_and(|composer| self.wanted.in_composer(composer) == Holds::Prompt)
    }

    /// What the agent says itself.
    fn told(&mut self, picture: &Picture) -> Option<End> {
        self.account.hear(&picture.reports, &self.wanted);
        self.worked |= self.account.works;
        let end = self.account.end.clone()?;
        // A hook that only tells ends may tell, late, the one of the turn before.
        let is_doubtful = end.source == Source::Hook && !picture.reports.hooks_tell_prompts();
        if is_doubtful && self.owes_hook && !self.worked && self.first_shown.is_none() {
            // If it is this one's after all, the screen tells it a little later.
            self.account.disown();
            self.owes_hook = false;
            return None;
        }
        (!is_doubtful || !picture.looks_busy()).then(|| End {
            told: self.account.reply.clone(),
            ..end
        })
    }

    /// Looks for signs of failure where an agent says no more than that it is over.
    fn proven(&self, end: End, picture: &Picture, anchor: Option<Anchor>) -> Look<Progress> {
        // A hook overtakes the screen, where an answer that it does not tell is then read.
        if end.source == Source::Hook && end.told.is_none() && !self.is_in_transcript() {
            let at_most = end.at + HOLD_TELLING;
            let drawn = if picture.looks_busy() {
                at_most
            } else {
                at_most.min(picture.printed_at + SILENT)
            };
            if Instant::now() < drawn {
                return Look::Until(drawn);
            }
        }
        if end.how != How::Done || end.told.is_some() || !self.rules.knows_errors() {
            return Look::Found(Progress::Ended(end));
        }
        let how = self.how(picture, anchor);
        let is_answered = anchor.is_some_and(|anchor| picture.conversation.has_reply(self.rules, anchor));
        let due = end.at + HOLD;
        if how == How::Done && !is_answered && Instant::now() < due {
            return Look::Until(due);
        }
        Look::Found(Progress::Ended(End { how, ..end }))
    }

    /// The last message of this turn, if the agent has told one.
    pub(super) fn reply_told(&mut self, picture: &Picture) -> Option<String> {
        self.account.hear(&picture.reports, &self.wanted);
        self.account.reply.clone()
    }

    /// When the first part of the answer was there: on the screen, or told by the agent.
    pub(super) fn first_output(&self) -> Option<Instant> {
        [self.first_shown, self.account.replied_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the agent's transcript holds the prompt: then it will hold the answer.
    pub(super) fn is_in_transcript(&self) -> bool {
        self.account.is_written()
    }

    /// Whether the agent shows behind the prompt that it failed or was interrupted.
    fn how(&self, picture: &Picture, anchor: Option<Anchor>) -> How {
        let rows = picture.conversation.rows_behind(anchor);
        // Without the echo, what an earlier turn has left may stand there, too.
        let count = |rows: &[Arc<str>], row: &Arc<str>| rows.iter().filter(|other| *other == row).count();
        let is_new = |row: &&Arc<str>| {
            anchor.is_some_and(Anchor::is_visible) || count(rows, row) > count(self.before.rows(), row)
        };
        let rows: Vec<&Arc<str>> = rows.iter().filter(is_new).collect();
        if let Some(error) = self.rules.error(&rows) {
            return How::Failed(error);
        }
        if rows.iter().any(|row| self.rules.interrupted(row)) {
            return How::Interrupted;
        }
        How::Done
    }

    /// Where this turn's reply begins on the screen, if that is known.
    pub(super) fn anchor(&mut self, picture: &Picture) -> Option<Anchor> {
        let now = &picture.conversation;
        if let Some(anchor) = now.anchor(self.rules, &self.wanted, &self.before) {
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
        let behind = now.behind(self.rules, &self.before, &self.wanted, self.echoed);
        // The reply was seen below its echo, which has left the screen since: the reply has filled it, be it with the
        // very rows that stood there before.
        let fills = self.echoed && self.first_shown.is_some();
        behind.or_else(|| fills.then(|| now.whole()).flatten())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        agent::{Catalog, Overrides},
        pane::Life,
        screen::Page,
        turn::{
            picture::Belief,
            report::{News, Reports},
        },
    };

    fn picture(reports: &Reports, state: ActivityState) -> Picture {
        Picture {
            printed_at: Instant::now(),
            seq: 1,
            life: Life::Running,
            size: Size::new(80, 24),
            resized_at: None,
            screen: None,
            title: None,
            composer: None,
            is_normal_mode: false,
            conversation: Arc::default(),
            reports: Arc::new(reports.clone()),
            belief: Belief {
                state,
                dialog: None,
                source: Source::Screen,
                detail: String::new(),
                since: Instant::now(),
                since_wall: String::new(),
            },
        }
    }

    fn conversation(rows: &[Arc<str>]) -> Arc<Conversation> {
        let page = Page {
            rows: rows.to_vec(),
            continued: vec![false; rows.len()],
            ..Page::default()
        };
        Arc::new(Conversation::new(Arc::new(page), None, 80))
    }

    fn accepted() -> Accepted {
        accepted_after(&[])
    }

    fn accepted_after(rows: &[Arc<str>]) -> Accepted {
        Accepted {
            heard: 0,
            before: conversation(rows),
            entered: Instant::now(),
            at: Instant::now(),
        }
    }

    #[test]
    fn a_hook_that_comes_late_does_not_end_the_next_turn() {
        let (rules, accepted) = (Rules::default(), accepted());
        let mut reports = Reports::default();
        let ending = || Ending::new(&rules, None, "the prompt", &accepted, Size::new(80, 24));
        let ends = |ending: &mut Ending<'_>, reports: &Reports, state| {
            matches!(
                ending.look(&picture(reports, state)),
                Look::Found(Progress::Ended(_))
            )
        };
        let hook = |reports: &mut Reports| {
            reports.add(
                Instant::now(),
                Source::Hook,
                News::Done(Some("old".to_owned())),
                "",
            );
        };
        hook(&mut reports);
        // Nobody's but this one's.
        assert!(ends(&mut ending(), &reports, ActivityState::Unknown));
        // The one of the turn before is still to come.
        let mut late = ending().owing_hook(true);
        assert!(!ends(&mut late, &reports, ActivityState::Unknown));
        assert_eq!(late.reply_told(&picture(&reports, ActivityState::Unknown)), None);
        assert!(!late.has_heard_hook());
        // The next is its own.
        hook(&mut reports);
        assert!(ends(&mut late, &reports, ActivityState::Unknown));
        // So is the one of an agent that was seen to work.
        let mut works = ending().owing_hook(true);
        assert!(ends(&mut works, &reports, ActivityState::Busy));
        assert!(works.has_heard_hook());
    }

    #[test]
    fn a_reply_that_fills_the_screen_with_the_rows_of_the_one_before_is_known_once_seen_to_begin() {
        let catalog = Catalog::new(Overrides::default(), &BTreeMap::new()).unwrap();
        let rules = catalog.find("demo").unwrap().rules.clone();
        let lines: Vec<Arc<str>> = (2..30).map(|line| format!("  Line {line}").into()).collect();
        let accepted = accepted_after(&lines);
        let shown = |ending: &mut Ending<'_>, rows: &[Arc<str>]| {
            let mut picture = picture(&Reports::default(), ActivityState::Busy);
            picture.conversation = conversation(rows);
            let _ = ending.look(&picture);
            ending.anchor(&picture)
        };
        let ending = || Ending::new(&rules, None, "the prompt", &accepted, Size::new(80, 24));
        // It may be what was there before, painted anew.
        assert_eq!(
            shown(&mut ending(), &[&["old".into()], &lines[..]].concat()),
            None
        );
        let mut seen = ending();
        let begun = ["❯ the prompt", "", "● (2) Line 1"].map(Arc::from);
        assert!(shown(&mut seen, &begun).unwrap().is_visible());
        let filled = shown(&mut seen, &[&["new".into()], &lines[..]].concat());
        assert!(!filled.unwrap().is_visible());
    }
}
