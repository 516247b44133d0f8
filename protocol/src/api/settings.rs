//! The daemon's settings, and what the Settings page changes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// What is wrong with the files, and what in them counts from the next start on.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Replaces the prompts of all sessions: `PUT /api/settings/init-prompts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InitPromptsRequest {
    /// The prompts; what is blank is left out.
    #[serde(deserialize_with = "texts")]
    pub init_prompts: Vec<String>,
}

/// The answer to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InitPromptsReply {
    /// Always `true`.
    pub ok: bool,
    /// The prompts as they are now.
    pub init_prompts: Vec<String>,
    /// Whether settings are in effect that were changed in the browser.
    pub overlay_active: bool,
}

/// Replaces how strict turn order is kept: `PUT /api/settings/turnq`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TurnqRequest {
    /// Whether prompts wait for the turn before to end; other than a truth value, as JavaScript takes it for one.
    #[serde(deserialize_with = "truth")]
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub enabled: bool,
    /// The turnq server; without it turns are kept on the daemon's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How long one turn may hold the others, in milliseconds; what is no number above 0 counts as left out.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<serde_json::Value>))]
    pub max_hold_ms: Option<u64>,
}

/// The answer to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TurnqReply {
    /// Always `true`.
    pub ok: bool,
    /// How it is kept now.
    pub turnq: TurnqView,
    /// Whether settings are in effect that were changed in the browser.
    pub overlay_active: bool,
}

/// Texts without blanks at their ends, and without those that are nothing else.
fn texts<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(field)?;
    let texts = all.iter().map(|text| text.trim_end());
    Ok(texts.filter(|text| !text.is_empty()).map(str::to_owned).collect())
}

/// A value as JavaScript has it true or not: the old program coerced it so.
fn truth<'de, D: serde::Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    use serde_json::Value;
    Ok(match Value::deserialize(field)? {
        Value::Null => false,
        Value::Bool(is) => is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    })
}

/// A number above 0 without its fraction; none for anything else, but what is longer than any time is an error.
fn whole<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<u64>, D::Error> {
    let number = serde_json::Value::deserialize(field)?;
    let fraction = || {
        number
            .as_f64()
            .map(|number| number.floor().to_string().parse().ok())
    };
    let ms = number.as_u64().or_else(|| fraction().flatten());
    match ms.map(i64::try_from) {
        Some(Err(_)) => Err(serde::de::Error::custom(format!(
            "maxHoldMs is {number}; it must be a number of milliseconds"
        ))),
        _ => Ok(ms.filter(|ms| *ms > 0)),
    }
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
