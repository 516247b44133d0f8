//! Turns: one prompt and its answer, with the evidence of each step.

use serde::{Deserialize, Serialize};

use super::activity::{Dialog, Source};

/// Where a turn is.
///
/// ```text
/// queued ─▶ submitting ─▶ running ─▶ ended | failed
///   │            │           ├─────▶ blocked ─▶ running
///   │            │           └─────▶ timeout | cancelled | session_gone | unknown
///   └────────────┴─▶ refused | unsubmitted | cancelled | session_gone | unknown
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnState {
    /// It waits for its place; nothing was typed.
    Queued,
    /// It is being typed.
    Submitting,
    /// The agent has accepted it and works.
    Running,
    /// The agent asks something in the middle of it.
    Blocked,
    /// The agent has answered.
    Ended,
    /// The agent says that it failed.
    Failed,
    /// It was not typed, for a stated reason.
    Refused,
    /// It was typed and taken back: the agent did not accept it.
    Unsubmitted,
    /// It did not end in time. The agent may still work on it.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The agent ended first.
    SessionGone,
    /// Nobody can say; it is never typed again by guess.
    Unknown,
}

impl TurnState {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unsubmitted => "unsubmitted",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::SessionGone => "session_gone",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Submitting | Self::Running | Self::Blocked
        )
    }
}

/// A turn and its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Its id, unique; later turns have greater ids.
    pub id: String,
    /// The session's name.
    pub session: String,
    /// The agent's key.
    pub agent: String,
    /// Where it is.
    pub state: TurnState,
    /// Its place in the session's queue while it is queued; 1 is next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
    /// The sender's own key, under which a retry finds this turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who sent it.
    pub origin: Origin,
    /// What was typed.
    pub prompt: Typed,
    /// When it was queued, RFC 3339.
    pub queued_at: String,
    /// When each stage was reached.
    pub stages: Stages,
    /// What showed each step, in order.
    pub evidence: Vec<Evidence>,
    /// The answer, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// The open question, while it is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialog: Option<Dialog>,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TurnError>,
}

/// Who sent a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// A prompt.
    Prompt,
    /// A broadcast.
    Broadcast,
    /// An init prompt of the daemon or the session.
    Init,
}

impl Origin {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Broadcast => "broadcast",
            Self::Init => "init",
        }
    }
}

/// What was typed: its size and what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Typed {
    /// Bytes, after line ends and control characters were made safe.
    pub bytes: usize,
    /// The BLAKE3 hash of those bytes, in hexadecimal.
    pub blake3: String,
    /// The first line, at most 80 characters.
    pub head: String,
}

/// When each stage was reached, in nanoseconds of a monotonic clock since the turn was queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stages {
    /// Typing began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// Enter was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<u64>,
    /// The agent was seen to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u64>,
    /// The first part of the answer was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_output: Option<u64>,
    /// The end was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// What showed a step of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The step.
    pub step: Step,
    /// What kind of thing showed it.
    pub source: Source,
    /// What it was, for a person.
    pub detail: String,
}

/// A step that needs evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The agent was ready for a prompt.
    Ready,
    /// The composer holds the prompt.
    Typed,
    /// The agent accepted it.
    Accepted,
    /// The agent asked something.
    Blocked,
    /// The turn is over.
    Ended,
}

impl Step {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Typed => "typed",
            Self::Accepted => "accepted",
            Self::Blocked => "blocked",
            Self::Ended => "ended",
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The text, without the end marker.
    pub text: String,
    /// Where it was read.
    pub source: Source,
    /// Whether nothing of it is missing: of a long answer the screen may have kept only the end.
    pub complete: bool,
}

/// Why a turn did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnError {
    /// For a program: `dialog`, `draft`, `not_ready`, `enter_lost`, `not_taken`, `interrupted`, ... .
    pub code: String,
    /// For a person.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Sends a prompt: `POST /api/sessions/{name}/turns`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of its own on the wire"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnRequest {
    /// The text; at most 1 MiB.
    pub prompt: String,
    /// Whether Enter follows; without it the turn is over when the composer holds the text.
    #[serde(default = "yes")]
    pub enter: bool,
    /// What the answer waits for.
    #[serde(default)]
    pub wait: WaitFor,
    /// Type it at once, even into a busy agent, as a person would.
    #[serde(default)]
    pub now: bool,
    /// End the turn as `timeout` if it takes longer, in milliseconds since it was queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// A key of the sender's own: the same key again gives the same turn and types nothing. At most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What to do with somebody's half-typed text in the composer.
    #[serde(default)]
    pub draft: DraftPolicy,
    /// Type even if a dialog is open.
    #[serde(default)]
    pub force: bool,
    /// Do not take a turn of the turnq channel.
    #[serde(default)]
    pub no_turnq: bool,
    /// Go on without the turnq coordinator if it can't be reached.
    #[serde(default)]
    pub allow_uncoordinated: bool,
}

fn yes() -> bool {
    true
}

impl TurnRequest {
    /// A prompt with the defaults of everything else.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            enter: true,
            wait: WaitFor::default(),
            now: false,
            timeout_ms: None,
            key: None,
            draft: DraftPolicy::default(),
            force: false,
            no_turnq: false,
            allow_uncoordinated: false,
        }
    }
}

/// What the answer to a [`TurnRequest`] waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// Nothing: the turn is queued.
    Queued,
    /// The proof that it was submitted; if it has to queue behind another, only that.
    #[default]
    Submitted,
    /// Its end, or a question of the agent.
    Ended,
}

/// What to do with somebody's half-typed text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DraftPolicy {
    /// Refuse the prompt.
    #[default]
    Fail,
    /// Delete the draft.
    Replace,
    /// Put the draft back after the prompt was submitted.
    Keep,
}

/// Waits for a turn: `POST /api/turns/{id}/wait`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnWait {
    /// How long at most, in milliseconds; without it for ever. The turn itself goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Wait on while the agent asks something, until the end.
    #[serde(default)]
    pub through_dialogs: bool,
}

/// Cancels a turn: `POST /api/turns/{id}/cancel`. A queued turn is never typed; of a running one the agent is
/// interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnCancel {
    /// Leave a running agent alone and only stop following the turn.
    #[serde(default)]
    pub leave_running: bool,
}

/// One step of a growing turn, a line of JSON: `GET /api/turns/{id}/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TurnEvent {
    /// The turn has changed.
    Turn {
        /// As it is now.
        turn: Box<Turn>,
    },
    /// The answer has grown.
    Text {
        /// What was added.
        text: String,
    },
}
