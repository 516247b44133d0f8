//! Stored conversations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SessionView;

/// How it is known which conversation a session is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BoundBy {
    /// Its id was chosen before it began.
    Pin,
    /// The session was started in it.
    Resume,
    /// A hook of the agent named it.
    Hook,
    /// The session's own process writes its file.
    File,
    /// It holds what was typed into this session, and no other conversation does.
    Prompt,
    /// A way that this version does not know.
    #[serde(other)]
    Other,
}

impl BoundBy {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Resume => "resume",
            Self::Hook => "hook",
            Self::File => "file",
            Self::Prompt => "prompt",
            Self::Other => "other",
        }
    }
}

/// A conversation that an agent has stored: `GET /api/sessions/{name}/conversations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    /// What the agent knows it by.
    pub id: String,
    /// One line of at most 80 characters; `(no opener)` if nothing was asked yet.
    pub title: String,
    /// When it began, RFC 3339; empty if unknown.
    pub started_at: String,
    /// When something was last said, RFC 3339; empty if unknown.
    pub last_message_at: String,
    /// About how many messages it has.
    pub message_count: u64,
    /// Whether the session that was asked for is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
}

/// Starts a session's program anew in a stored conversation: `POST /api/sessions/{name}/resume`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResumeRequest {
    /// The id, or the beginning of just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    /// The newest one instead.
    #[serde(default)]
    pub latest: bool,
}

/// A conversation in which something was found: `GET /api/history/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FoundView {
    /// The agent's key.
    pub agent: String,
    /// The conversation.
    pub id: String,
    /// Its title, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who said it: `user`, `assistant` or `system`.
    pub role: String,
    /// What was said, around the first place: one line.
    pub snippet: String,
}

/// The answer to `POST /api/sessions/{name}/new-chat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewChatReply {
    /// Always `true`.
    pub ok: bool,
    /// The session as it is now. Its conversation is unknown until the agent writes it down: some do with the next prompt.
    pub session: SessionView,
    /// What showed that a new conversation began.
    pub evidence: String,
}

/// The end of the conversation a session is in: `GET /api/sessions/{name}/transcript`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TranscriptView {
    /// Whether the agent keeps conversations that can be read.
    pub supported: bool,
    /// The file or database that holds it; absent while the conversation is unknown or not written yet.
    pub path: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether there is more before these turns.
    #[serde(default)]
    pub truncated: bool,
    /// The last turns, in their order.
    pub turns: Vec<TranscriptTurn>,
}

/// One turn of a conversation, the same whichever agent wrote it down. One that comes again with the same id replaces the
/// first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TranscriptTurn {
    /// Unique in its conversation, and the same each time it is read.
    pub id: String,
    /// `user`, `assistant`, `tool` or `system`.
    pub role: String,
    /// When, RFC 3339, if the agent wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
    /// What, in its order.
    pub parts: Vec<TranscriptPart>,
}

/// One piece of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum TranscriptPart {
    /// Words.
    Text {
        /// As they were written.
        text: String,
    },
    /// A tool is called.
    ToolUse {
        /// What its result refers to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The tool.
        name: String,
        /// What it was given.
        input: Value,
    },
    /// What a tool gave.
    ToolResult {
        /// The call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_id: Option<String>,
        /// As it was shown to the model.
        text: String,
        /// Whether it failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// A question that an agent asks, as the transcript's stream tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PendingPrompt {
    /// The dialog's id, which an answer may name.
    pub id: String,
    /// A line above the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The question; empty if it could not be read.
    pub question: String,
    /// The possible answers, in order.
    pub options: Vec<super::DialogOption>,
    /// The selected option, counted from 0, if it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected_index: Option<usize>,
    /// The rows of the screen.
    pub raw: String,
}
