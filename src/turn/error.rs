//! Why something asked of a turn can't be done.

use llmux_protocol::api::{Dialog, ErrorCode, Turn, TurnState};

use crate::{session::SessionError, store::JournalError};

/// Why something asked of a turn can't be done. Nothing was typed unless it says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnFault {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("no turn {0:?}")]
    NotFound(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("too many turns wait for session {session:?} already")]
    QueueFull { session: String },
    #[error("the key {key:?} stands for another prompt: turn {id}")]
    Conflict { key: String, id: String },
    #[error("a key has 1 to 256 bytes")]
    BadKey,
    #[error("turn {id} did not end within {ms} ms")]
    WaitTimeout { id: String, ms: u64 },
    #[error("session {session:?} asks something: {}", .dialog.question)]
    Blocked { session: String, dialog: Box<Dialog> },
    #[error("turn {id} is {}, but that can't be written down: the next daemon may take it for one to be typed", .state.as_str())]
    Unwritten { id: String, state: TurnState },
    #[error("agent {0:?} has no new-chat command configured")]
    NoNewChat(String),
    #[error("no dialog is open in session {0:?}")]
    NoDialog(String),
    #[error("another dialog is open by now: {}", .0.question)]
    DialogChanged(Box<Dialog>),
    #[error("the answer was typed, but an equal dialog is open: {}", .0.question)]
    EqualDialog(Box<Dialog>),
    #[error("{choice:?} is no answer to {:?}", .dialog.question)]
    BadChoice { choice: String, dialog: Box<Dialog> },
    #[error("the dialog did not take the answer: {0}")]
    NotAnswered(String),
}

impl TurnFault {
    /// The same, for a program.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Session(error) => error.code(),
            Self::NotFound(_) => ErrorCode::TurnNotFound,
            Self::Journal(_) | Self::Unwritten { .. } => ErrorCode::State,
            Self::QueueFull { .. } | Self::BadKey => ErrorCode::BadRequest,
            Self::Conflict { .. } => ErrorCode::TurnConflict,
            Self::WaitTimeout { .. } => ErrorCode::Timeout,
            Self::Blocked { .. } => ErrorCode::Blocked,
            Self::NoNewChat(_) => ErrorCode::NoNewChat,
            Self::NoDialog(_) => ErrorCode::NoDialog,
            Self::DialogChanged(_) | Self::EqualDialog(_) | Self::NotAnswered(_) => ErrorCode::DialogChanged,
            Self::BadChoice { .. } => ErrorCode::BadChoice,
        }
    }

    /// What the user can do.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Session(error) => error.hint(),
            Self::NotFound(_) => Some("`llmux session turns NAME` lists the turns of a session".into()),
            Self::Journal(_) => {
                Some("nothing was typed; see whether the disk is full or not writable".into())
            }
            Self::Unwritten { .. } => Some(
                "see whether the disk is full or not writable; it is tried again until it is written".into(),
            ),
            Self::QueueFull { .. } => Some("wait for some of them to end, or cancel them; limits.queuedTurns of the configuration is how many may wait".into()),
            Self::Conflict { .. } => Some("use another key for another prompt".into()),
            Self::BadKey => Some("use for example a UUID".into()),
            Self::WaitTimeout { id, .. } => {
                Some(format!("the turn goes on: `llmux turn wait {id}` waits again"))
            }
            Self::Blocked { session, .. } => Some(format!("`llmux session answer {session}` answers it")),
            Self::NoNewChat(_) => Some("`llmux session restart NAME` begins a new one, too".into()),
            Self::NoDialog(name) => Some(format!(
                "`llmux session explain {name}` shows what the agent does"
            )),
            Self::DialogChanged(dialog) | Self::BadChoice { dialog, .. } => Some(choices(dialog)),
            Self::EqualDialog(dialog) => Some(format!(
                "it is the same one, still open, or the next one; look at the session; {}",
                choices(dialog)
            )),
            Self::NotAnswered(_) => Some("look at the session; nothing was confirmed".into()),
        }
    }
}

fn choices(dialog: &Dialog) -> String {
    let options: Vec<String> = dialog
        .options
        .iter()
        .enumerate()
        .map(|(index, option)| format!("{} {:?}", index + 1, option.label))
        .collect();
    if options.is_empty() {
        return "its answers could not be read; answer it in the session itself, or `cancel`".to_owned();
    }
    format!(
        "the answers are {}, or cancel; --dialog {}",
        options.join(", "),
        dialog.id
    )
}

/// A turn that did not begin well, for a client that knows no turns.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct TurnRefusal {
    message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: ErrorCode,
}

impl TurnRefusal {
    pub(crate) fn of(turn: &Turn) -> Self {
        let (message, hint) = match &turn.error {
            Some(error) => (error.message.clone(), error.hint.clone()),
            None => (format!("the turn is {}", turn.state.as_str()), None),
        };
        let is_unproven = turn
            .error
            .as_ref()
            .is_some_and(|error| error.code == "new_chat_unproven");
        let code = match turn.state {
            _ if is_unproven => ErrorCode::NewChatUnproven,
            TurnState::SessionGone => ErrorCode::SessionNotRunning,
            TurnState::Timeout => ErrorCode::Timeout,
            _ => ErrorCode::NotSubmitted,
        };
        Self { message, hint, code }
    }
}
