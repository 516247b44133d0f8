//! The built-in table `assets/agents.toml`, as it is written there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Agent, BadKeys, Builtin, CatalogError, Rules, Submit, catalog, history::Store, keys, transcript::Format,
};

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
    #[serde(default)]
    interrupt_keys: String,
    clear_keys: Option<String>,
    #[serde(default)]
    insert_keys: String,
    marker: Option<String>,
    #[serde(default)]
    rules: Rules,
    transcript: Option<Format>,
    history: Option<Store>,
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
        let keys = |names: &str| keys::parse(names).map_err(|source| bad_keys(&key, source));
        let builtin_name = row.builtin.map(|builtin| match builtin {
            Builtin::Demo => "llmux demo-agent",
            Builtin::Shell => "$SHELL",
        });
        Ok(Self {
            display_name: row.display_name,
            cmd: builtin_name.map_or(row.cmd, str::to_owned),
            flags: row.flags,
            env: row.env,
            rules: row.rules,
            submit: row.submit,
            exit_keys: keys(&row.exit_keys)?,
            interrupt_keys: keys(&row.interrupt_keys)?,
            clear_keys: match row.clear_keys {
                Some(names) => keys(&names)?,
                None => catalog::default_clear_keys(),
            },
            insert_keys: keys(&row.insert_keys)?,
            marker: row.marker.unwrap_or_else(|| catalog::DEFAULT_MARKER.to_owned()),
            transcript: row.transcript,
            history: row.history,
            session_id_flag: row.session_id_flag,
            models: Vec::new(),
            install_hint: row.install_hint,
            docs_url: row.docs_url,
            builtin: row.builtin,
            key,
        })
    }
}

fn bad_keys(key: &str, source: BadKeys) -> CatalogError {
    CatalogError::Keys {
        key: key.to_owned(),
        source,
    }
}
