//! What happens in the daemon, as it happens; its log; and its settings.

use std::collections::BTreeMap;

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

/// The daemon's settings: `GET /api/settings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    /// The program's version.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// The configuration file; `null` if there is none.
    pub config_source: Option<String>,
    /// Its text, without secrets.
    pub yaml_text: String,
    /// Where the settings that were changed in the browser are kept.
    pub overlay_path: String,
    /// Their text.
    pub overlay_text: String,
    /// Whether any were changed.
    pub overlay_active: bool,
    /// The state directory.
    pub state_dir: String,
    /// Whether tmux can be used.
    pub tmux_available: bool,
    /// The TCP port; `null` if the network is not served.
    pub port: Option<u16>,
    /// The address it is served at; `null` if it is not.
    pub listen_host: Option<String>,
    /// Variables that matter, as the daemon found them.
    pub env: BTreeMap<String, Option<String>>,
    /// Strict turn order.
    pub turnq: TurnqView,
    /// Prompts typed into each new session.
    pub daemon_init_prompts: Vec<String>,
}

/// Strict turn order, as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnqView {
    /// Whether prompts wait for the turn before to end.
    pub enabled: bool,
    /// The turnq server.
    pub url: Option<String>,
    /// `local`, `distributed`, or `disabled` if it was never set.
    pub mode: String,
    /// How long one turn may hold the others, in milliseconds.
    pub max_hold_ms: Option<u64>,
}
