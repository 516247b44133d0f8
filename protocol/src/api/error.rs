//! How a request fails: one shape, one list of codes.

use serde::{Deserialize, Serialize};

/// The body of every failed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// Always `false`.
    pub ok: bool,
    /// What went wrong, for a person.
    pub error: String,
    /// What went wrong, for a program.
    pub code: ErrorCode,
    /// What to do next, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ApiError {
    /// Makes the body for `code` without a hint.
    pub fn new(code: ErrorCode, error: impl Into<String>) -> Self {
        Self {
            ok: false,
            error: error.into(),
            code,
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What went wrong, for a program. The text is stable; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request's body, path or query is malformed.
    BadRequest,
    /// No credential, or one that is not valid (any more).
    Unauthorized,
    /// The credential is valid, and not for this.
    Forbidden,
    /// Too many tries.
    TooManyRequests,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// The body is over the route's limit.
    BodyTooLarge,
    /// No such route.
    NotFound,
    /// The route exists for other methods.
    MethodNotAllowed,
    /// No user of that name is known.
    UserNotFound,
    /// No token of that id is known.
    TokenNotFound,
    /// As many do that as can.
    TooMany,
    /// A person's tmux client holds the size of the pane.
    SizeHeld,
    /// No session of that name is known.
    SessionNotFound,
    /// The name is taken, by a session of ours or a foreign tmux session.
    SessionExists,
    /// The session is known but its agent does not run.
    SessionNotRunning,
    /// The text can't be a session name.
    NameInvalid,
    /// No agent of that key is in the catalog.
    AgentUnknown,
    /// The agent's program is not installed here.
    AgentNotInstalled,
    /// The agent's program ended at once.
    StartFailed,
    /// The working directory does not exist.
    CwdMissing,
    /// No turn of that id is known.
    TurnNotFound,
    /// The key belongs to a turn with another prompt.
    TurnConflict,
    /// Another dialog is open than the one that was meant.
    DialogChanged,
    /// The agent keeps no conversations that can be listed or resumed.
    NoHistory,
    /// There is no such conversation, or more than one.
    ConversationNotFound,
    /// The agent was started, but does not show that it is in the conversation that was asked for.
    ResumeUnproven,
    /// The agent has no command that begins a new conversation.
    NoNewChat,
    /// The agent was told to begin a new conversation, but nothing shows that it did.
    NewChatUnproven,
    /// The agent asks something and takes no prompt before it is answered.
    Blocked,
    /// No dialog is open.
    NoDialog,
    /// The prompt was not submitted, and is not on its way.
    NotSubmitted,
    /// The open dialog has no such option, or more than one.
    BadChoice,
    /// The prompt is over the limit.
    PromptTooLarge,
    /// A tmux session of that name is not ours.
    ForeignSession,
    /// What was waited for did not come in time.
    Timeout,
    /// tmux refused or is gone.
    Tmux,
    /// The state directory can't be read or written.
    State,
    /// A fault of llmux itself.
    Internal,
    /// A code that this version does not know.
    #[serde(other)]
    Other,
}
