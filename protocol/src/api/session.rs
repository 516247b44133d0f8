//! Sessions: what they are and what can be asked of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Activity, BoundBy};

/// Whether a session's agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The agent's program runs in its pane.
    Running,
    /// It does not; the record is kept and can be restarted.
    Exited,
}

impl State {
    /// The word used on the wire and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Exited => "exited",
        }
    }
}

/// How an agent's program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ExitView {
    /// The exit status, or 128 + signal; absent when nobody saw the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// When it was seen, RFC 3339.
    pub at: String,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Its name, also the tmux session's.
    pub name: String,
    /// The agent's key.
    pub agent: String,
    /// The working directory, absolute.
    pub cwd: String,
    /// The working directory with the home directory as `~`.
    pub cwd_display: String,
    /// Flags that replace the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// The agent's own flags.
    pub default_flags: String,
    /// Environment set for this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// The agent's own environment.
    pub default_env: BTreeMap<String, String>,
    /// The conversation it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<String>,
    /// That one's title, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from_title: Option<String>,
    /// The conversation it is known to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_session_id: Option<String>,
    /// The conversation it is in: the one it is known to be in, else the one it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_conversation_id: Option<String>,
    /// That one's title, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_conversation_title: Option<String>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_by: Option<BoundBy>,
    /// Whether its agent keeps conversations that can be listed.
    #[serde(default)]
    pub has_history: bool,
    /// How many conversations its agent had stored in its directory when that was last looked at.
    #[serde(default)]
    pub conversation_count: usize,
    /// Prompts typed once the agent is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_prompts: Option<Vec<String>>,
    /// When its program was last started, RFC 3339.
    pub created_at: String,
    /// The session that started this one.
    pub parent: Option<String>,
    /// What happens when its program ends by itself: `always`, `on-failure` or `never`, as it is planned; `never` if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Whether its agent runs.
    pub status: State,
    /// The same as `status`, under the name the old local CLI used.
    pub state: State,
    /// How the program ended, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitView>,
    /// The tmux session id, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmux_session: Option<String>,
    /// The tmux pane id, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<String>,
    /// Columns and rows of the pane, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u16, u16)>,
    /// How many humans' tmux clients are attached.
    pub attached: u32,
    /// How many look at it in browsers and by `attach` over the network.
    #[serde(default)]
    pub viewers: usize,
    /// What its agent is doing, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// What did not work when it was started, while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Directories to choose from: `GET /api/directories`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Directories {
    /// Their paths, in order, as the beginning was written.
    pub directories: Vec<String>,
}

/// The answer to a start, an edit or a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionReply {
    /// Always `true`.
    pub ok: bool,
    /// The session as it is now.
    pub session: SessionView,
}

/// Starts a session: `POST /api/sessions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartRequest {
    /// The agent's key.
    pub agent: String,
    /// The session's name; the agent's key by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The working directory; `~` is the daemon's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Flags that replace the agent's own; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// `KEY=VALUE` lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Prompts typed once the agent is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_prompts: Option<Vec<String>>,
    /// The session that starts this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Columns and rows of the new pane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u16, u16)>,
    /// Type no init prompts this time.
    #[serde(default)]
    pub skip_init: bool,
    /// Begin in this stored conversation: its id, or the beginning of just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<String>,
    /// Whether the agent's hooks are set up; as the configuration has it by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<bool>,
}

/// Starts a session anew as it was set up: `POST /api/sessions/{name}/respawn`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RestartRequest {
    /// Type no init prompts this time.
    #[serde(default)]
    pub skip_init: bool,
}

/// Changes a session: `PATCH /api/sessions/{name}`. An absent field stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EditRequest {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The new working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The new flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// The new `KEY=VALUE` lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The new init prompts; an empty list clears them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_prompts: Option<Vec<String>>,
    /// The stored conversation to be in, its id or the beginning of just one; null or empty for a new one. A running session
    /// starts anew in it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub resume_from: Option<String>,
    /// Restart a running session even if nothing needs it.
    #[serde(default)]
    pub apply: bool,
}

/// Ends a session: `POST /api/sessions/{name}/kill` (forgets it) and `/stop` (keeps its record).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StopRequest {
    /// Also ends the sessions that this one started, and theirs.
    #[serde(default)]
    pub cascade: bool,
}

/// The answer to a stop or kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// Always `true`.
    pub ok: bool,
    /// The state before.
    pub status: State,
    /// The sessions that ended, the asked one first.
    pub names: Vec<String>,
}

/// Presses a key: `POST /api/sessions/{name}/key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyRequest {
    /// Its name: `Up`, `Down`, `Left`, `Right`, `Enter`, `Escape`, `Tab`, `Space`, `Backspace`, `C-a` to `C-z`, or a character.
    pub key: String,
}

/// The answer to what has no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// Always `true`.
    pub ok: bool,
}

/// Gives a session a file: `POST /api/sessions/{name}/upload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadRequest {
    /// Its name; of a path only the end counts, and what is no ASCII letter, digit, `_`, `.` or `-` becomes `_`.
    pub filename: String,
    /// What it holds, in base64.
    pub data_base64: String,
}

/// The answer to an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Uploaded {
    /// Always `true`.
    pub ok: bool,
    /// Where the file is.
    pub path: String,
}

/// The models an agent can be started with: `GET /api/sessions/{name}/models`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelsView {
    /// Those that the configuration names.
    pub models: Vec<String>,
    /// The one in the session's flags.
    pub current: Option<String>,
}

/// Types a prompt: `POST /api/sessions/{name}/send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SendRequest {
    /// The text; at most 1 MiB.
    pub prompt: String,
    /// Whether Enter follows.
    #[serde(default = "yes")]
    pub enter: bool,
    /// Whether it goes on without a turn of the turnq channel.
    #[serde(default)]
    pub skip_turnq: bool,
}

/// Tells null, which counts as empty, from a field that is absent.
fn present<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let field = Option::<String>::deserialize(field)?;
    Ok(Some(field.unwrap_or_default()))
}

fn yes() -> bool {
    true
}

/// The answer to a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Always `true`.
    pub ok: bool,
    /// The session that was typed to.
    pub name: String,
    /// How many bytes were pasted, after line ends and control characters were made safe.
    pub bytes: usize,
    /// Whether Enter followed.
    pub enter: bool,
}

/// Types a prompt to every running session of an agent: `POST /api/broadcast`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BroadcastRequest {
    /// The agent's key.
    pub agent: String,
    /// The text; at most 1 MiB.
    pub prompt: String,
    /// Whether it goes on without turns of the turnq channels.
    #[serde(default)]
    pub no_turnq: bool,
}

/// The answer to a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BroadcastReply {
    /// Whether every running session took it.
    pub ok: bool,
    /// The sessions that took it.
    pub sent: Vec<String>,
    /// The running sessions that did not, and why.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<String>>))]
    pub failed: Vec<(String, String)>,
    /// How many sessions of that agent are known.
    pub total: usize,
}
