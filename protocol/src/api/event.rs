//! What happens in the daemon, as it happens; and its log.

use serde::{Deserialize, Serialize};

use super::{Activity, SessionView, Turn};

/// One event of `GET /api/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A session is new or has changed.
    Session {
        /// As it is now, without its activity.
        session: Box<SessionView>,
    },
    /// A session was forgotten, or has another name now.
    SessionGone {
        /// The name it had.
        name: String,
    },
    /// An agent does something else.
    Activity {
        /// The session.
        session: String,
        /// What it does now.
        activity: Activity,
    },
    /// A turn is new or has changed.
    Turn {
        /// As it is now, without its reply.
        turn: Box<Turn>,
    },
}

impl Event {
    /// The session that it tells of.
    #[must_use]
    pub fn session(&self) -> &str {
        match self {
            Self::Session { session } => &session.name,
            Self::SessionGone { name } => name,
            Self::Activity { session, .. } => session,
            Self::Turn { turn } => &turn.session,
        }
    }

    /// The word it is called by on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session { .. } => "session",
            Self::SessionGone { .. } => "session_gone",
            Self::Activity { .. } => "activity",
            Self::Turn { .. } => "turn",
        }
    }
}

/// One line of the daemon's log: of `GET /api/logs`, and a message of `GET /api/logs/stream`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// What a reader gives as `Last-Event-ID` to read on behind this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was written, RFC 3339.
    pub ts: String,
    /// How grave it is: `error`, `warn` or `info`.
    pub level: String,
    /// The line, without secrets.
    pub text: String,
}

/// The end of the daemon's log: `GET /api/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogsView {
    /// How many lines are kept.
    pub capacity: usize,
    /// Those that are, oldest first.
    pub entries: Vec<LogEntry>,
}
