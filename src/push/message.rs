//! What a device is told, as the service worker of the pages (`sw.js`) reads it.

use std::time::Duration;

use llmux_protocol::api::{Activity, Turn, TurnState};
use serde::Serialize;

use crate::config::News;

/// How long a service keeps a message for a device that can't be reached.
pub(super) const KEPT: Duration = Duration::from_hours(4);
/// The longest text of a question or an answer, in characters.
const TEXT: usize = 300;
/// The longest label of an option, in characters,
const LABEL: usize = 40;
/// and the most options: what systems show.
const OPTIONS: usize = 3;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    kind: Kind,
    pub(super) session: String,
    /// What the agent asks, or was asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    /// The dialog that is meant, for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    dialog: Option<String>,
    /// The first possible answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<String>,
}

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Blocked,
    Ended,
    Failed,
}

impl Message {
    /// An agent asks something.
    pub(super) fn asks(session: &str, activity: &Activity) -> Self {
        let dialog = activity.dialog.as_ref();
        let question = dialog.map(|dialog| dialog.question.as_str());
        let options = dialog.map_or(&[][..], |dialog| &dialog.options);
        Self {
            kind: Kind::Blocked,
            session: session.to_owned(),
            text: cut(question.unwrap_or(&activity.detail), TEXT),
            dialog: dialog.map(|dialog| dialog.id.clone()),
            options: options
                .iter()
                .take(OPTIONS)
                .map(|option| cut(&option.label, LABEL))
                .collect(),
        }
    }

    /// A turn is over; none if it ended in a way that somebody brought about.
    pub(super) fn over(turn: &Turn) -> Option<Self> {
        let kind = match turn.state {
            TurnState::Ended => Kind::Ended,
            TurnState::Failed | TurnState::Timeout | TurnState::SessionGone => Kind::Failed,
            _ => return None,
        };
        Some(Self {
            kind,
            session: turn.session.clone(),
            text: cut(&turn.prompt.head, TEXT),
            dialog: None,
            options: Vec::new(),
        })
    }

    /// The same without what was said.
    pub(super) fn without_details(self) -> Self {
        Self {
            text: String::new(),
            options: Vec::new(),
            ..self
        }
    }

    /// What of the things that a device can ask for it is.
    pub(super) fn news(&self) -> News {
        match self.kind {
            Kind::Blocked => News::Blocked,
            Kind::Ended | Kind::Failed => News::Ended,
        }
    }

    /// Whether it may wake a device that sleeps.
    pub(super) fn urgency(&self) -> &'static str {
        match self.news() {
            News::Blocked => "high",
            News::Ended => "normal",
        }
    }

    /// What tells a service that this replaces an older one which it has not delivered; it must not learn the name.
    pub(super) fn topic(&self) -> String {
        let key = [self.session.as_bytes(), self.urgency().as_bytes()].concat();
        blake3::hash(&key).to_hex()[..32].to_owned()
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use llmux_protocol::api::{ActivityState, Dialog, DialogKind, DialogOption, Source};

    use super::*;

    #[test]
    fn the_longest_question_fits_into_a_message() {
        let option = DialogOption {
            label: "𝕬".repeat(1000),
            description: None,
        };
        let dialog = Dialog {
            id: "x".repeat(64),
            kind: DialogKind::Approval,
            header: None,
            question: "\u{1F600}\"".repeat(1000),
            options: vec![option; 9],
            selected: None,
        };
        let activity = Activity {
            state: ActivityState::Blocked,
            dialog: Some(dialog),
            source: Source::Screen,
            detail: String::new(),
            since: String::new(),
        };
        let message = Message::asks(&"n".repeat(64), &activity);
        let text = serde_json::to_string(&message).unwrap();
        assert!(text.len() < super::super::encrypt::MAX_BYTES, "{}", text.len());
        assert_eq!(message.options.len(), OPTIONS);
        let bare = serde_json::to_value(message.without_details()).unwrap();
        assert_eq!(bare["kind"], "blocked");
        assert!(bare.get("text").is_none() && bare.get("options").is_none());
    }
}
