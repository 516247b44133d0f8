//! What is known of a session at one moment: everything a turn decides by.

use std::{sync::Arc, time::SystemTime};

use llmux_protocol::api::{Activity, ActivityState, Dialog, DialogKind, HookCall, Source, Vote};
use tokio::time::Instant;

use super::{conversation::Conversation, report::Reports};
use crate::{
    agent::{Composer, Seen, dialog},
    pane::Life,
    screen::Size,
    store::time,
};

/// A session at one moment.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// When its program last printed something.
    pub(super) printed_at: Instant,
    /// How much it has printed.
    pub(super) seq: u64,
    pub(super) life: Life,
    pub(super) size: Size,
    /// When it got that size, if it had another one before.
    pub(super) resized_at: Option<Instant>,
    /// What the screen shows.
    pub(super) screen: Option<Seen>,
    /// What the title says.
    pub(super) title: Option<Seen>,
    pub(super) composer: Option<Composer>,
    /// Whether the composer takes keys for commands now.
    pub(super) is_normal_mode: bool,
    pub(super) conversation: Arc<Conversation>,
    pub(super) reports: Arc<Reports>,
    /// What all of that means.
    pub(super) belief: Belief,
}

/// What an agent is believed to do, and by what evidence.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    pub(super) state: ActivityState,
    pub(super) dialog: Option<Arc<Dialog>>,
    pub(super) source: Source,
    pub(super) detail: String,
    /// Since when the state is the same.
    pub(super) since: Instant,
    /// The same, RFC 3339.
    pub(super) since_wall: String,
}

impl Belief {
    pub(super) fn activity(&self) -> Activity {
        Activity {
            state: self.state,
            dialog: self.dialog.as_deref().cloned(),
            source: self.source,
            detail: self.detail.clone(),
            since: self.since_wall.clone(),
        }
    }
}

impl Picture {
    pub(super) fn is(&self, state: ActivityState) -> bool {
        self.belief.state == state
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.life, Life::Ended(_))
    }

    /// Whether the screen itself says that the agent works.
    pub(super) fn looks_busy(&self) -> bool {
        let is_busy = |seen: &Option<Seen>| {
            seen.as_ref()
                .is_some_and(|seen| seen.state == ActivityState::Busy)
        };
        is_busy(&self.screen) || is_busy(&self.title)
    }

    /// Whether the title says that the agent works, and the screen that it waits.
    pub(super) fn is_busy_by_title_only(&self) -> bool {
        let says = |seen: &Option<Seen>, state| seen.as_ref().is_some_and(|seen| seen.state == state);
        says(&self.title, ActivityState::Busy) && says(&self.screen, ActivityState::Ready)
    }

    /// Whether the options of a dialog stand side by side.
    pub(super) fn shows_in_one_row(&self, dialog: &Dialog) -> bool {
        self.conversation
            .rows()
            .iter()
            .any(|row| dialog.options.iter().all(|option| row.contains(&option.label)))
    }

    /// What was last told by a hook.
    pub(super) fn last_hook(&self) -> Option<HookCall> {
        let report = self.reports.last_hook()?;
        let at = SystemTime::now() - report.at.elapsed();
        Some(HookCall {
            detail: report.detail.clone(),
            at: time::rfc3339(at),
        })
    }

    /// Whether the last rows ask for a letter, as `(Y)es/(N)o [Yes]:` does.
    pub(super) fn asks_for_letters(&self) -> bool {
        const LAST: usize = 3;
        let rows = self.conversation.rows();
        rows.iter().rev().take(LAST).any(|row| row.contains("(Y)es/(N)o"))
    }

    /// What each source says, the most reliable first.
    pub(super) fn votes(&self) -> Vec<Vote> {
        let vote = |source, state, detail: &str| Vote {
            source,
            state,
            detail: detail.to_owned(),
        };
        let life = match &self.life {
            Life::Starting => vote(
                Source::Process,
                ActivityState::Starting,
                "the program is being started",
            ),
            Life::Running => vote(Source::Process, ActivityState::Unknown, "the program runs"),
            Life::Ended(_) => vote(Source::Process, ActivityState::Exited, "the program has ended"),
        };
        let mut votes = vec![life];
        for source in [
            Source::Hook,
            Source::Transcript,
            Source::Status,
            Source::Notification,
        ] {
            let last = self.reports.all().rev().find(|report| report.source == source);
            votes.extend(last.map(|report| {
                vote(
                    source,
                    report.state().unwrap_or(ActivityState::Unknown),
                    &report.detail,
                )
            }));
        }
        let mut seen = |source, seen: &Option<Seen>| {
            votes.extend(seen.as_ref().map(|seen| vote(source, seen.state, &seen.detail)));
        };
        seen(Source::Title, &self.title);
        seen(Source::Screen, &self.screen);
        let quiet = self.printed_at.elapsed().as_millis();
        votes.push(vote(
            Source::Output,
            ActivityState::Unknown,
            &format!("last output {quiet} ms ago"),
        ));
        votes
    }
}

/// What there is to judge by.
pub(super) struct Evidence<'a> {
    pub(super) life: &'a Life,
    pub(super) screen: Option<&'a Seen>,
    pub(super) title: Option<&'a Seen>,
    pub(super) reports: &'a Reports,
    /// Whether the catalog knows how this agent's screen looks when it is ready.
    pub(super) knows_ready: bool,
    /// Whether it was ready, busy or blocked before.
    pub(super) was_up: bool,
    /// Whether it has printed something, and nothing for a while.
    pub(super) is_quiet: bool,
}

/// What the evidence means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: ActivityState,
    pub(super) kind: Option<DialogKind>,
    pub(super) source: Source,
    pub(super) detail: String,
}

/// Judges the evidence. Whoever says blocked is believed; then whoever says busy, for an agent's composer stays on its
/// screen while it works; then whoever says ready.
pub(super) fn judge(evidence: &Evidence<'_>) -> Verdict {
    let verdict = |state, source, detail: &str| Verdict {
        state,
        kind: None,
        source,
        detail: detail.to_owned(),
    };
    if let Life::Ended(_) = evidence.life {
        return verdict(ActivityState::Exited, Source::Process, "the program has ended");
    }
    let status = evidence.reports.status();
    for wanted in [ActivityState::Blocked, ActivityState::Busy] {
        if let Some(seen) = evidence.screen.filter(|seen| seen.state == wanted) {
            return Verdict {
                kind: seen.kind,
                ..verdict(wanted, Source::Screen, &seen.detail)
            };
        }
        if let Some(report) = status.filter(|report| report.state() == Some(wanted)) {
            let kind = match report.news {
                super::report::News::Blocked(kind, _) => Some(kind),
                _ => None,
            };
            return Verdict {
                kind,
                ..verdict(wanted, Source::Status, &report.detail)
            };
        }
        if let Some(seen) = evidence.title.filter(|seen| seen.state == wanted) {
            return Verdict {
                kind: seen.kind,
                ..verdict(wanted, Source::Title, &seen.detail)
            };
        }
    }
    if let Some(seen) = evidence.screen {
        return verdict(ActivityState::Ready, Source::Screen, &seen.detail);
    }
    if !evidence.knows_ready {
        if let Some(report) = status {
            return verdict(ActivityState::Ready, Source::Status, &report.detail);
        }
        if let Some(seen) = evidence.title {
            return verdict(ActivityState::Ready, Source::Title, &seen.detail);
        }
        if evidence.is_quiet {
            return verdict(ActivityState::Ready, Source::Output, "it prints nothing");
        }
        if evidence.was_up {
            return verdict(ActivityState::Busy, Source::Output, "it prints");
        }
    }
    if evidence.was_up {
        verdict(
            ActivityState::Unknown,
            Source::Screen,
            "the screen matches no rule",
        )
    } else {
        verdict(
            ActivityState::Starting,
            Source::Process,
            "it has not shown itself ready yet",
        )
    }
}

/// The dialog that a verdict speaks of, as far as the screen shows it.
pub(super) fn read_dialog(
    verdict: &Verdict,
    reports: &Reports,
    rows: &[Arc<str>],
    lit: &[Arc<str>],
) -> Option<Dialog> {
    if verdict.state != ActivityState::Blocked {
        return None;
    }
    let mut read = dialog::read(verdict.kind.unwrap_or(DialogKind::Question), rows, lit);
    if let Some(super::report::News::Blocked(_, said)) = reports.status().map(|report| &report.news)
        && read.question.is_empty()
    {
        read.question.clone_from(said);
    }
    Some(read)
}
