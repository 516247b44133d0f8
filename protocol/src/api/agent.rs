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
    /// The events that it tells llmux of through hooks of its own, set up for each session; empty if it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
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
