//! How a turn ends without an answer.

use llmux_protocol::api::{Dialog, Evidence, TurnError, TurnState};

use super::live::Stop;

const DRAFT: &str = "draft";

/// How a turn ends without an answer.
pub(super) struct Over {
    pub(super) state: TurnState,
    pub(super) error: Option<Box<TurnError>>,
    pub(super) dialog: Option<Box<Dialog>>,
    pub(super) evidence: Option<Box<Evidence>>,
}

impl Over {
    pub(super) fn new(state: TurnState, code: &str, message: impl Into<String>) -> Self {
        Self {
            state,
            error: Some(Box::new(TurnError {
                code: code.to_owned(),
                message: message.into(),
                hint: None,
            })),
            dialog: None,
            evidence: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(error) = &mut self.error {
            error.hint = Some(hint.into());
        }
        self
    }

    pub(super) fn gone() -> Self {
        Self::new(
            TurnState::SessionGone,
            "session_gone",
            "the agent's program has ended",
        )
        .hint("`llmux session restart NAME` starts it again")
    }

    pub(super) fn stopped(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::new(TurnState::Cancelled, "cancelled", "the turn was cancelled"),
            Stop::TimedOut => Self::new(TurnState::Timeout, "timeout", "the turn did not end in time")
                .hint("the agent may still work on it; `llmux session explain NAME` shows what it does"),
        }
    }

    /// It was stopped before anything was typed.
    pub(super) fn not_typed(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::stopped(stop),
            Stop::TimedOut => Self::new(
                TurnState::Timeout,
                "timeout",
                "the time was over before the prompt could be typed",
            )
            .hint("nothing was typed; `llmux session explain NAME` shows what the agent does"),
        }
    }

    /// Somebody's half-typed text is in the way.
    pub(super) fn draft(why: &str, text: &str) -> Self {
        let head: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
        Self::new(TurnState::Refused, DRAFT, format!("{why}: {head:?}"))
            .hint("finish or delete it, or say what to do with it: --draft keep or --draft replace")
    }

    pub(super) fn is_draft(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.code == DRAFT)
    }

    pub(super) fn dialog(dialog: &Dialog) -> Self {
        let question = if dialog.question.is_empty() {
            "a question"
        } else {
            &dialog.question
        };
        Self {
            dialog: Some(Box::new(dialog.clone())),
            ..Self::new(
                TurnState::Refused,
                "dialog",
                format!("a dialog is open ({}): {question}", dialog.kind.as_str()),
            )
            .hint("answer it with `llmux session answer NAME ...`, or type anyway with --force")
        }
    }
}
