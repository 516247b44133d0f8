//! The daemon itself.

use serde::{Deserialize, Serialize};

/// What the daemon is doing: `GET /api/daemon`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DaemonStatus {
    /// The program's version.
    pub version: String,
    /// The daemon's process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_secs: u64,
    /// Whether it was started by a first command rather than by `server start`.
    pub background: bool,
    /// The Unix socket it listens on.
    pub socket: String,
    /// The network it serves; absent if it listens on the Unix socket only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkStatus>,
    /// The state directory.
    pub state_dir: String,
    /// Known sessions.
    pub sessions: usize,
    /// Those whose agent runs.
    pub running: usize,
    /// What is wrong with the state directory, with what the user can do.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The connection to tmux.
    pub tmux: TmuxStatus,
}

/// How the daemon is reached over the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// The address and port it listens on.
    pub address: String,
    /// The same as a URL, with its scheme.
    pub url: String,
    /// Under TLS: what clients may pin, `sha256:` and the certificate's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The addresses that others can use, as they were when it started, the best first.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// An address under which the daemon is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoint {
    /// Which kind of address it is: `Tailscale HTTPS`, `Tailscale HTTP`, `LAN`, `Local`.
    pub label: String,
    /// The address, without a path.
    pub url: String,
}

/// The connection to tmux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TmuxStatus {
    /// Whether it is up.
    pub connected: bool,
    /// The tmux server's version, such as `3.3a`.
    pub version: String,
    /// The tmux server's socket, for `tmux -S`; empty while it was never up.
    #[serde(default)]
    pub socket: String,
    /// The tmux server's process.
    pub server_pid: u32,
    /// Our control client's process.
    pub client_pid: u32,
    /// How often it had to be rebuilt.
    pub reconnects: u64,
    /// Why it is down, or was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Known faults of this tmux version and dangerous settings, each with what llmux does or the user can do.
    pub warnings: Vec<String>,
}

/// Asks the daemon to give its listening socket away and leave: `POST /api/daemon/handover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// A Unix socket on which the successor waits for the descriptor.
    pub socket: String,
}

/// What became of a reload: the configuration's files are in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReloadReply {
    /// Always true.
    pub ok: bool,
    /// The keys of the configuration that have changed.
    pub changed: Vec<String>,
    /// What a person should know, one sentence each.
    pub warnings: Vec<String>,
}
