//! How the daemon is set up, as clients see it.

use std::{collections::BTreeMap, net::SocketAddr};

use llmux_protocol::api::{NetworkStatus, SettingsView, TurnqView};

use super::MAX_HOLD;
use crate::{
    config::{Config, Environment},
    logs::redact,
    store::StateDir,
};

/// The variables that are shown.
const SHOWN: [&str; 4] = ["LLMUXD_PORT", "LLMUXD_HOST", "LLMUX_PORT", "XDG_STATE_HOME"];

pub(super) fn view(
    config: &Config,
    environment: &Environment,
    state: &StateDir,
    network: Option<&NetworkStatus>,
) -> SettingsView {
    let address = network.and_then(|network| network.address.parse::<SocketAddr>().ok());
    let shown = |name: &str| (name.to_owned(), environment.text(name).map(str::to_owned));
    SettingsView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        config_source: config
            .source
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned()),
        yaml_text: redact(&config.text),
        overlay_path: environment
            .home()
            .join(".config/llmux/overrides.yaml")
            .to_string_lossy()
            .into_owned(),
        overlay_text: String::new(),
        overlay_active: false,
        state_dir: state.path().to_string_lossy().into_owned(),
        // Without it there is no daemon.
        tmux_available: true,
        port: address.map(|address| address.port()),
        listen_host: address.map(|address| address.ip().to_string()),
        env: SHOWN.iter().map(|name| shown(name)).collect::<BTreeMap<_, _>>(),
        turnq: turnq(config),
        daemon_init_prompts: config.init_prompts.clone(),
    }
}

fn turnq(config: &Config) -> TurnqView {
    let turnq = &config.turnq;
    let is_set = *turnq != crate::config::Turnq::default();
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
