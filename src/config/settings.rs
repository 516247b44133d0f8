//! What a configuration may say: the one schema of YAML, TOML, the published JSON Schema, and the overlay.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use hyper::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The settings of one configuration file, or the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(title = "llmux configuration")]
pub struct Settings {
    /// The daemon's network face.
    #[serde(deserialize_with = "or_default")]
    pub server: Server,
    /// Changes to the agent catalog, by agent key; a new key is a new agent.
    #[serde(deserialize_with = "or_defaults")]
    pub agents: BTreeMap<String, AgentConfig>,
    /// Sessions that the daemon starts, and starts again.
    #[serde(deserialize_with = "or_default")]
    pub sessions: Vec<Planned>,
    /// Prompts typed into each new session once its agent is ready.
    #[serde(deserialize_with = "or_default")]
    pub init_prompts: Vec<String>,
    /// How turns are begun.
    #[serde(deserialize_with = "or_default")]
    pub turns: Turns,
    /// How long what the daemon remembers is kept.
    #[serde(deserialize_with = "or_default")]
    pub retention: Retention,
    /// The most there may be of something.
    #[serde(deserialize_with = "or_default")]
    pub limits: Limits,
    /// What devices that asked for it are told while nobody looks.
    #[serde(deserialize_with = "or_default")]
    pub notifications: Notifications,
    /// Strict turn order.
    #[serde(deserialize_with = "or_default")]
    pub turnq: Turnq,
    /// The tmux server.
    #[serde(deserialize_with = "or_default")]
    pub tmux: TmuxServer,
}

/// The daemon's network face.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Server {
    /// The TCP port of `server start`, when neither the flag nor `LLMUXD_PORT` names one.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Further names under which the daemon is reached over the network; `*.` stands for all below a domain.
    #[serde(deserialize_with = "or_default")]
    pub allowed_hosts: Vec<String>,
    /// Whether the audit record holds what was typed, and not only its digest.
    pub audit_text: bool,
    /// Without effect: the Node program read it and did not use it.
    pub token: Option<String>,
    /// Without effect, as `token`.
    pub token_expiry: Option<String>,
    /// Whether `server start` prints no pairing code.
    pub no_qr: bool,
}

/// Changes to one agent of the catalog; an absent field leaves the catalog's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AgentConfig {
    /// Its name for people.
    pub display_name: Option<String>,
    /// The program, with words before the flags if need be.
    pub cmd: Option<String>,
    /// The flags; empty for none.
    pub flags: Option<String>,
    /// Environment set over the catalog's.
    pub env: BTreeMap<String, String>,
    /// A regular expression that the bottom of the screen matches when the agent waits for a prompt.
    pub ready_prompt: Option<String>,
    /// Models to choose from.
    pub models: Vec<String>,
    /// Whether its own files may be changed so that it starts without a question; they may unless this says no.
    pub pre_spawn: Option<bool>,
    /// Whether its hooks are set up for sessions that do not say it; they are unless this says no.
    pub hooks: Option<bool>,
}

/// A session that the daemon starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// The agent's key.
    pub agent: String,
    /// The working directory; `~` is the home directory, which is the default.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Flags that replace the agent's own; empty for none.
    #[serde(default)]
    pub flags: Option<String>,
    /// Environment set over the agent's own.
    #[serde(default, deserialize_with = "or_default")]
    pub env: BTreeMap<String, String>,
    /// Prompts typed once the agent is ready, after those of all sessions.
    #[serde(default, deserialize_with = "or_default")]
    pub init_prompts: Vec<String>,
    /// Whether the daemon starts it when it comes up.
    #[serde(default = "yes")]
    pub auto_spawn: bool,
    /// What happens when its program ends by itself.
    #[serde(default)]
    pub restart: Restart,
}

/// What happens when a session's program ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again.
    Always,
    /// It is started again if it failed.
    #[default]
    OnFailure,
    /// Nothing.
    Never,
}

impl Restart {
    /// As a configuration writes it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::Never => "never",
        }
    }
}

/// How turns are begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Turns {
    /// How long a prompt waits for its agent to be ready, in milliseconds.
    pub ready_timeout_ms: u64,
}

/// How long what the daemon remembers is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retention {
    /// How many turns of a session the journal keeps.
    pub turns: usize,
    /// For how many days it keeps them.
    pub days: u64,
}

/// The most there may be of something; what is there already stays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// How many sessions may run at once; without it, any number.
    pub sessions: Option<usize>,
    /// How many viewers one session may have.
    pub viewers: usize,
    /// How many turns may wait for one session.
    pub queued_turns: usize,
}

/// What devices that asked for it are told while nobody looks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Notifications {
    /// Whether devices may ask for it.
    pub push: bool,
    /// What they may ask for.
    #[serde(deserialize_with = "or_default")]
    pub about: Vec<News>,
    /// Whether what an agent asks is told, too; else only that it asks. The push service can't read it.
    pub details: bool,
    /// Whom a push service may write to about this daemon: `mailto:` or `https:`.
    pub contact: Option<String>,
    /// The hosts of the push services that are used; `*.` stands for all below a domain.
    #[serde(deserialize_with = "or_default")]
    pub services: Vec<String>,
}

/// What a device can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum News {
    /// That an agent asks something.
    Blocked,
    /// That a turn has ended.
    Ended,
}

/// Strict turn order.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Turnq {
    /// Whether prompts wait for the turn before to end.
    pub enabled: bool,
    /// A turnq server; without it turns are kept on this host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How long one turn may hold the others, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_hold_ms: Option<u64>,
    /// What the turnq server knows us by; a secret.
    #[serde(skip_serializing)]
    pub api_key: Option<String>,
}

impl Turnq {
    /// The key, if that address is of the server it was configured for: nobody else may learn it.
    pub(crate) fn key_for(&self, url: Option<&str>) -> Option<String> {
        let is_same = url == self.url.as_deref()
            || origin(url).is_some_and(|it| Some(it) == origin(self.url.as_deref()));
        self.api_key.clone().filter(|_| is_same)
    }
}

/// Scheme, host and port of an address.
fn origin(url: Option<&str>) -> Option<(bool, String, u16)> {
    let uri: Uri = url?.trim().parse().ok()?;
    let is_tls = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    Some((is_tls, uri.host()?.to_ascii_lowercase(), port))
}

/// The tmux server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TmuxServer {
    /// Its name or the path of its socket, where neither `--tmux-socket` nor `LLMUX_TMUX_SOCKET` says it; the user's own
    /// server by default.
    pub socket: Option<PathBuf>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            ready_timeout_ms: 10_000,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            turns: 1000,
            days: 90,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: None,
            viewers: 1000,
            queued_turns: 1024,
        }
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            push: true,
            about: vec![News::Blocked, News::Ended],
            details: true,
            contact: None,
            // Chromium's, Firefox's, Safari's and Edge's. What a browser names as its service is not believed: it would
            // let any user make the daemon send requests to anywhere.
            services: [
                "fcm.googleapis.com",
                "*.push.services.mozilla.com",
                "*.push.apple.com",
                "*.notify.windows.com",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }
}

impl fmt::Debug for Turnq {
    /// Shows all but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnq")
            .field("enabled", &self.enabled)
            .field("url", &self.url)
            .field("max_hold_ms", &self.max_hold_ms)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .finish()
    }
}

impl Settings {
    /// The JSON Schema of a configuration file.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Settings).to_value()
    }
}

fn yes() -> bool {
    true
}

/// A key with nothing behind it (`server:`) says nothing.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn or_defaults<'de, D, T>(from: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let all: Option<BTreeMap<String, Option<T>>> = Option::deserialize(from)?;
    let all = all.unwrap_or_default().into_iter();
    Ok(all.map(|(key, value)| (key, value.unwrap_or_default())).collect())
}
