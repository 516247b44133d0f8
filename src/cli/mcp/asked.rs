//! What the tools are asked. The docs are read by models.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// The agent's key, as `list_agents` has it, such as claude or codex.
    pub(super) agent: String,
    /// The new session's name: letters, digits, `_` and `-`. By default the agent's key.
    pub(super) name: Option<String>,
    /// The directory it works in: an absolute path, or one from `~`. By default that of this program.
    pub(super) cwd: Option<String>,
    /// Command line flags in place of the agent's own; empty for none.
    pub(super) flags: Option<String>,
    /// Environment, one KEY=VALUE a line.
    pub(super) env: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Prompt {
    /// The session's name, as `list_sessions` has it.
    pub(super) session: String,
    /// What to ask, in plain text; at most 1 MiB.
    pub(super) text: String,
    /// Whether to wait for the reply (default). Without it, the turn's id comes back at once, for `wait_turn`.
    pub(super) wait: Option<bool>,
    /// How many seconds to wait at most. The turn goes on when they are over. By default 600.
    pub(super) timeout_secs: Option<u64>,
    /// A key of your own: the same prompt sent again with the same key is not typed again.
    pub(super) key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// The turn's id, as prompt has given it.
    pub(super) turn: String,
    /// How many seconds to wait at most. By default 600.
    pub(super) timeout_secs: Option<u64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    /// The session's name, as `list_sessions` has it.
    pub(super) session: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// The session's name.
    pub(super) session: String,
    /// An option's number, its label or the beginning of it, or `cancel`.
    pub(super) choice: String,
    /// The id of the dialog that is meant; if another is open by now, nothing is typed.
    pub(super) dialog: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Broadcast {
    /// The agent's key: every running session of it gets the text.
    pub(super) agent: String,
    /// What to ask.
    pub(super) text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    /// The session's name.
    pub(super) session: String,
    /// Whether to end the sessions that it started, too.
    pub(super) cascade: Option<bool>,
}
