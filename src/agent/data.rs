//! The built-in table `assets/agents.toml`, as it is written there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Agent, Builtin, CatalogError, Rule, Submit, keys, rule::RuleData, transcript::Format};

const BUILT_IN: &str = include_str!("../../assets/agents.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Row {
    key: String,
    display_name: String,
    #[serde(default)]
    cmd: String,
    builtin: Option<Builtin>,
    #[serde(default)]
    flags: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    exit_keys: String,
    #[serde(default)]
    submit: Submit,
    ready: Option<RuleData>,
    transcript: Option<Format>,
    session_id_flag: Option<String>,
    install_hint: String,
    docs_url: String,
}

/// Reads the table.
pub(super) fn rows() -> Result<Vec<Row>, toml::de::Error> {
    toml::from_str(BUILT_IN).map(|file: File| file.agent)
}

impl TryFrom<Row> for Agent {
    type Error = CatalogError;

    fn try_from(row: Row) -> Result<Self, CatalogError> {
        let key = row.key;
        let ready = row.ready.map(Rule::try_from).transpose();
        let exit_keys = keys::parse(&row.exit_keys);
        let builtin_name = row.builtin.map(|builtin| match builtin {
            Builtin::Demo => "llmux demo-agent",
            Builtin::Shell => "$SHELL",
        });
        Ok(Self {
            display_name: row.display_name,
            cmd: builtin_name.map_or(row.cmd, str::to_owned),
            flags: row.flags,
            env: row.env,
            ready: ready.map_err(|source| CatalogError::Rule {
                key: key.clone(),
                source,
            })?,
            submit: row.submit,
            exit_keys: exit_keys.map_err(|source| CatalogError::Keys {
                key: key.clone(),
                source,
            })?,
            transcript: row.transcript,
            session_id_flag: row.session_id_flag,
            models: Vec::new(),
            install_hint: row.install_hint,
            docs_url: row.docs_url,
            builtin: row.builtin,
            key,
        })
    }
}
