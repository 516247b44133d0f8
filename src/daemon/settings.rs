//! How the daemon is set up, as clients see it.

use std::{collections::BTreeMap, net::SocketAddr};

use llmux_protocol::api::{SettingsView, TurnqView};

use super::{policy::MAX_HOLD, status::Face};
use crate::{
    config::Config,
    logs::{redact, redact_file},
};

/// The variables that are shown.
const SHOWN: [&str; 4] = ["LLMUXD_PORT", "LLMUXD_HOST", "LLMUX_PORT", "XDG_STATE_HOME"];

impl Face {
    /// How the daemon is set up.
    pub(super) fn settings(&self) -> SettingsView {
        let now = self.now.borrow().clone();
        let (config, environment) = (&now.config, &self.environment);
        let network = self.network.as_ref();
        let address = network.and_then(|network| network.address.parse::<SocketAddr>().ok());
        let shown = |name: &str| (name.to_owned(), environment.text(name).map(str::to_owned));
        SettingsView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            config_source: config
                .source
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned()),
            yaml_text: redact_file(&config.text),
            overlay_path: Config::overlay_path(environment).to_string_lossy().into_owned(),
            overlay_text: redact_file(&config.overlay_text),
            overlay_active: config.overlay.is_active(),
            state_dir: self.state.path().to_string_lossy().into_owned(),
            // Without it there is no daemon.
            tmux_available: true,
            port: address.map(|address| address.port()),
            listen_host: address.map(|address| address.ip().to_string()),
            env: SHOWN.iter().map(|name| shown(name)).collect::<BTreeMap<_, _>>(),
            turnq: turnq(config),
            daemon_init_prompts: config.init_prompts.clone(),
            warnings: now.notices(),
        }
    }
}

fn turnq(config: &Config) -> TurnqView {
    let turnq = &config.turnq;
    let is_set = config.overlay.turnq.is_some() || *turnq != crate::config::Turnq::default();
    let mode = match &turnq.url {
        _ if !is_set => "disabled",
        Some(_) => "distributed",
        None => "local",
    };
    let max_hold = turnq
        .max_hold_ms
        .unwrap_or(u64::try_from(MAX_HOLD.as_millis()).unwrap_or(u64::MAX));
    TurnqView {
        enabled: turnq.enabled,
        url: turnq.url.as_deref().map(redact),
        mode: mode.to_owned(),
        max_hold_ms: is_set.then_some(max_hold),
    }
}
