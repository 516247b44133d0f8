//! Agents of the catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One agent: `GET /api/agents` (installed ones) and `GET /api/agents/all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView {
    /// Its key.
    pub key: String,
    /// Its name for people.
    pub display_name: String,
    /// The program.
    pub cmd: String,
    /// The flags it is started with.
    pub flags: String,
    /// The environment it is started with.
    pub env_defaults: BTreeMap<String, String>,
    /// Whether its stored conversations can be listed.
    #[serde(default)]
    pub has_history: bool,
    /// Whether the program was found.
    pub installed: bool,
    /// Whether it is part of llmux; such an agent is not meant by "all agents".
    #[serde(default)]
    pub builtin: bool,
    /// How to install it.
    pub install_hint: String,
    /// Where it is documented.
    pub docs_url: String,
}
