//! What an agent says of itself beside its screen: hooks, its transcript, status sequences, notifications.

use std::collections::VecDeque;

use llmux_protocol::api::{ActivityState, DialogKind, Source};
use termstate_core::{Message, State, parse_body};
use tokio::time::Instant;

use crate::screen::Signal;

/// How many reports are kept. A turn looks at each as it comes.
const KEPT: usize = 64;

/// One thing an agent said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// Counts from 1.
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) source: Source,
    pub(super) news: News,
    /// For a person.
    pub(super) detail: String,
}

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It took a prompt; its text, if it says so.
    Accepted(Option<String>),
    /// It works.
    Working,
    /// It wrote a part of an answer.
    Reply(String),
    /// It has answered; its last message, if it says so.
    Done(Option<String>),
    /// It is at rest.
    Idle,
    /// It failed.
    Failed(String),
    /// It was interrupted.
    Interrupted,
    /// It waits for a person.
    Blocked(DialogKind, String),
    /// Anything else.
    Note,
}

/// The last reports, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Reports {
    kept: VecDeque<Report>,
    last: u64,
    hooks_tell_prompts: bool,
    last_hook: Option<Report>,
}

impl Reports {
    pub(super) fn add(&mut self, at: Instant, source: Source, news: News, detail: impl Into<String>) {
        self.last += 1;
        self.hooks_tell_prompts |= source == Source::Hook && matches!(news, News::Accepted(_));
        if news == News::Note {
            // One is enough: there may be many, and what else was said must not go for them.
            self.kept
                .retain(|report| report.source != source || report.news != News::Note);
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let report = Report {
            number: self.last,
            at,
            source,
            news,
            detail: detail.into(),
        };
        if source == Source::Hook {
            self.last_hook = Some(report.clone());
        }
        self.kept.push_back(report);
    }

    /// What was last told by a hook, however long ago.
    pub(super) fn last_hook(&self) -> Option<&Report> {
        self.last_hook.as_ref()
    }

    /// Whether hooks of this program have ever told that it took a prompt.
    pub(super) fn hooks_tell_prompts(&self) -> bool {
        self.hooks_tell_prompts
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// All that are kept.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Report> {
        self.kept.iter()
    }

    /// Those behind a number, and not from before a moment: what comes late may be about an earlier turn.
    pub(super) fn since(&self, number: u64, at: Instant) -> impl Iterator<Item = &Report> {
        let is_new = move |report: &&Report| report.number > number && report.at >= at;
        self.kept.iter().filter(is_new)
    }

    /// What the agent's status sequences say now.
    pub(super) fn status(&self) -> Option<&Report> {
        self.kept
            .iter()
            .rev()
            .find(|report| report.source == Source::Status && report.news != News::Note)
    }

    /// Whether a source has ever told the end of a turn here, or can be expected to.
    pub(super) fn tells_ends(&self) -> bool {
        self.kept.iter().any(|report| {
            matches!(report.source, Source::Hook | Source::Status)
                || report.source == Source::Transcript && matches!(report.news, News::Done(_))
        })
    }
}

impl Report {
    /// What it stands for, if it is about the present.
    pub(super) fn state(&self) -> Option<ActivityState> {
        Some(match self.news {
            News::Working | News::Accepted(_) => ActivityState::Busy,
            News::Done(_) | News::Idle | News::Failed(_) | News::Interrupted => ActivityState::Ready,
            News::Blocked(..) => ActivityState::Blocked,
            News::Reply(_) | News::Note => return None,
        })
    }
}

/// Reads what a program said in its output.
pub(super) fn of_signal(signal: &Signal) -> Option<(Source, News, String)> {
    let Signal::Osc { number, payload } = signal else {
        return None;
    };
    let text = String::from_utf8_lossy(payload);
    match number {
        7501 => program_status(payload),
        133 => semantic_prompt(&text),
        9 => match text.strip_prefix("4;") {
            Some(progress) => progress_bar(progress),
            None => Some((Source::Notification, News::Note, shown(&text))),
        },
        777 => Some((Source::Notification, News::Note, shown(&text))),
        _ => None,
    }
}

/// The Program Status Protocol. Reports of its child records say nothing of the whole.
fn program_status(payload: &[u8]) -> Option<(Source, News, String)> {
    let Ok(Message::Report(report)) = parse_body(payload) else {
        return None;
    };
    if report.id.is_some() {
        return None;
    }
    let said = report.msg.map(|text| text.to_string()).unwrap_or_default();
    let news = match report.state {
        State::Idle => News::Idle,
        State::Working => News::Working,
        State::Done => News::Done(None),
        State::Error => News::Failed(if said.is_empty() {
            "it reports an error".into()
        } else {
            said.clone()
        }),
        State::Blocked => {
            let kind = match report.kind {
                Some(termstate_core::Kind::Permission) => DialogKind::Approval,
                Some(termstate_core::Kind::Auth) => DialogKind::Login,
                _ => DialogKind::Question,
            };
            News::Blocked(kind, said)
        }
    };
    Some((
        Source::Status,
        news,
        format!("OSC 7501 state={}", report.state.as_str()),
    ))
}

/// OSC 133: a shell tells where its prompt and the command's output begin.
fn semantic_prompt(text: &str) -> Option<(Source, News, String)> {
    let news = match text.split(';').next()? {
        "A" | "B" => News::Idle,
        "C" => News::Working,
        "D" => News::Done(None),
        _ => return None,
    };
    Some((Source::Status, news, format!("OSC 133;{}", shown(text))))
}

/// OSC 9;4: a progress bar is shown while the program works.
fn progress_bar(text: &str) -> Option<(Source, News, String)> {
    let news = match text.split(';').next()? {
        "0" => News::Idle,
        "1" | "3" => News::Working,
        _ => return None,
    };
    Some((Source::Status, news, format!("OSC 9;4;{}", shown(text))))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
