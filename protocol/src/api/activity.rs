//! What an agent is doing, and how that is known.

use serde::{Deserialize, Serialize};

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// In one word.
    pub state: ActivityState,
    /// The open question, while it is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialog: Option<Dialog>,
    /// What kind of thing showed it.
    pub source: Source,
    /// What it was, for a person.
    pub detail: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// What an agent is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActivityState {
    /// Its program is coming up.
    Starting,
    /// It waits for a prompt.
    Ready,
    /// It works.
    Busy,
    /// It waits for an answer to a question.
    Blocked,
    /// Its program has ended.
    Exited,
    /// Nothing known tells.
    Unknown,
}

impl ActivityState {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Blocked => "blocked",
            Self::Exited => "exited",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of thing showed something, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The program's process.
    Process,
    /// A hook that the agent called.
    Hook,
    /// The agent's own transcript.
    Transcript,
    /// A status sequence in its output: OSC 7501, 133 or 9;4.
    Status,
    /// The end marker that it was asked to print.
    Marker,
    /// The title of its terminal.
    Title,
    /// A notification in its output: OSC 9 or 777.
    Notification,
    /// Its screen.
    Screen,
    /// That it printed something, or nothing for a while.
    Output,
    /// That time ran out.
    Timeout,
    /// Somebody said so.
    Caller,
}

impl Source {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Hook => "hook",
            Self::Transcript => "transcript",
            Self::Status => "status",
            Self::Marker => "marker",
            Self::Title => "title",
            Self::Notification => "notification",
            Self::Screen => "screen",
            Self::Output => "output",
            Self::Timeout => "timeout",
            Self::Caller => "caller",
        }
    }
}

/// A question that an agent waits to have answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Dialog {
    /// What identifies this question with its options and all that stands above them, but for which one is selected. An
    /// equal dialog that opens later, or is still open when an answer was typed, has another id.
    pub id: String,
    /// What it is about.
    pub kind: DialogKind,
    /// A line above the question, such as the command to be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The question; empty if it could not be read.
    pub question: String,
    /// The possible answers, in order; empty if they could not be read.
    pub options: Vec<DialogOption>,
    /// The selected option, counted from 0, if it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<usize>,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DialogKind {
    /// May a tool run?
    Approval,
    /// Is the folder to be trusted?
    Trust,
    /// Who are you?
    Login,
    /// Anything else.
    Question,
}

impl DialogKind {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Trust => "trust",
            Self::Login => "login",
            Self::Question => "question",
        }
    }
}

/// A possible answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DialogOption {
    /// Its text, without number and pointer.
    pub label: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Answers a dialog: `POST /api/sessions/{name}/answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AnswerRequest {
    /// The number of an option counted from 1, its label or a prefix of it that no other has, or `cancel`.
    pub choice: String,
    /// The dialog that is meant; if another is open by now, nothing is typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialog: Option<String>,
}

/// The answer to an [`AnswerRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// Always `true`.
    pub ok: bool,
    /// The dialog that was answered.
    pub dialog: Dialog,
    /// The label of the option that was chosen; `cancel` if the dialog was closed.
    pub choice: String,
}

/// What is believed of a session and why: `GET /api/sessions/{name}/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The session's name.
    pub session: String,
    /// The agent's key.
    pub agent: String,
    /// What it is doing.
    pub activity: Activity,
    /// What each source says, the most reliable first; those that say nothing are left out.
    pub votes: Vec<Vote>,
    /// What the composer holds, if it can be seen; empty if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composer: Option<String>,
    /// The conversation it is in, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_by: Option<super::BoundBy>,
    /// The turn that the agent works on, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<super::Turn>,
    /// How many turns wait behind it.
    pub queued: usize,
    /// The hooks by which it tells what happens in it.
    #[serde(default)]
    pub hooks: HooksView,
}

/// The hooks of a running program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HooksView {
    /// The events that they were set up for, in the agent's own words; empty if they were not.
    #[serde(default)]
    pub events: Vec<String>,
    /// Why they were not set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What was last told by a hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<HookCall>,
}

/// A call of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookCall {
    /// What it told.
    pub detail: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// The source.
    pub source: Source,
    /// What it stands for.
    pub state: ActivityState,
    /// What was seen.
    pub detail: String,
}

/// What an agent's hook says: `POST /api/sessions/{name}/hook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HookRequest {
    /// The event, in the agent's own words, such as `Stop`, `UserPromptSubmit`, `agent-turn-complete`.
    pub event: String,
    /// What the agent gave with it.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// The process id of the tmux server and the pane in which the hook was called: a session may have another name than
    /// the one its program was started with.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<(u64, String)>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<(u32, String)>,
}
