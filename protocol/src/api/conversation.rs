//! Stored conversations.

use serde::{Deserialize, Serialize};

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
