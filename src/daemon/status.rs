//! What the daemon says of itself.

use std::{path::PathBuf, time::Instant};

use llmux_protocol::api::{DaemonStatus, NetworkStatus, TmuxStatus};

use tokio::sync::watch;

use super::{Options, reload::Now};
use crate::{
    config::Environment,
    session::Sessions,
    store::{self, StateDir},
    tmux::Tmux,
};

/// What the daemon says of itself.
pub(super) struct Face {
    pub(super) environment: Environment,
    pub(super) sessions: Sessions,
    pub(super) tmux: Tmux,
    pub(super) options: Options,
    pub(super) socket: PathBuf,
    pub(super) network: Option<NetworkStatus>,
    pub(super) state: StateDir,
    pub(super) now: watch::Receiver<Now>,
    pub(super) started: Instant,
}

impl Face {
    pub(super) fn status(&self) -> DaemonStatus {
        let (sessions, running) = self.sessions.count();
        DaemonStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_secs: self.started.elapsed().as_secs(),
            background: self.options.background,
            socket: self.socket.to_string_lossy().into_owned(),
            network: self.network.clone(),
            state_dir: self.state.path().to_string_lossy().into_owned(),
            sessions,
            running,
            warnings: self.warnings(),
            tmux: self.tmux_status(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let aside = self.state.set_aside();
        let aside = aside.iter().map(|path| store::corrupt_registry_notice(path));
        let push = self.state.push_notices().into_iter().map(|(_, notice)| notice);
        aside.chain(push).chain(self.now.borrow().notices()).collect()
    }

    fn tmux_status(&self) -> TmuxStatus {
        // Asked before the status is borrowed: who borrows it twice waits for the writer who waits in between.
        let mut warnings = self.tmux.version().known_faults();
        let status = self.tmux.status();
        let status = status.borrow();
        if status.exits_unattached {
            warnings.push(
                "`exit-unattached on` in your tmux configuration ends tmux, and every agent, when llmux leaves; \
                 turn it off"
                    .to_owned(),
            );
        }
        TmuxStatus {
            connected: status.connected,
            socket: status.socket.clone(),
            version: status.server_version.clone(),
            server_pid: status.server.pid,
            client_pid: status.client_pid,
            reconnects: status.connects.saturating_sub(1),
            last_error: status.last_error.clone(),
            warnings,
        }
    }
}
