//! What the configuration means for each room.

use std::time::Duration;

use hyper::Uri;
use llmux_protocol::api::NetworkStatus;

use super::DaemonError;
use crate::{
    agent::Catalog,
    config::Config,
    session,
    turn::{self, turnq::Coordinator},
};

/// How long a turn may hold its turnq channel if the configuration does not say.
pub(super) const MAX_HOLD: Duration = Duration::from_mins(5);

pub(super) fn of_sessions(config: &Config, catalog: Catalog) -> session::Policy {
    session::Policy {
        catalog,
        markers: config.turnq.enabled,
        planned: config.sessions.clone(),
        limits: config.limits.clone(),
    }
}

pub(super) fn of_turns(config: &Config, turnq: Option<Coordinator>) -> turn::Policy {
    turn::Policy {
        ready_timeout: Duration::from_millis(config.turns.ready_timeout_ms),
        init_prompts: config.init_prompts.clone(),
        turnq,
        max_hold: max_hold(config),
        most_queued: config.limits.queued_turns,
    }
}

/// The names under which the daemon is reached: this host's, those of its endpoints, and what the configuration allows.
pub(super) fn host_names(config: &Config, reached: &[String]) -> Vec<String> {
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let local = format!("{}.local", own.split('.').next().unwrap_or_default());
    let mut names = vec![own, local];
    names.extend(reached.iter().cloned());
    names.extend(config.server.allowed_hosts.iter().cloned());
    names
}

/// The hosts of the daemon's endpoints, the tailnet's among them.
pub(super) fn reached(network: Option<&NetworkStatus>) -> Vec<String> {
    let endpoints = network.into_iter().flat_map(|network| &network.endpoints);
    let urls = endpoints.filter_map(|endpoint| endpoint.url.parse::<Uri>().ok());
    urls.filter_map(|url| url.host().map(str::to_owned)).collect()
}

fn max_hold(config: &Config) -> Duration {
    config.turnq.max_hold_ms.map_or(MAX_HOLD, Duration::from_millis)
}

/// The init prompts that can't be typed, one sentence each.
pub(super) fn untypable(config: &Config) -> Vec<String> {
    let of_sessions = config.sessions.iter();
    let of_sessions = of_sessions.flat_map(|planned| planned.init_prompts.iter());
    let all = config.init_prompts.iter().chain(of_sessions);
    // One that is blank is passed over, and that is as it should be.
    all.filter(|prompt| !prompt.trim().is_empty())
        .filter_map(|prompt| session::prompt_bytes(prompt).err())
        .map(|error| format!("an init prompt can't be typed: {error}"))
        .collect()
}

/// Strict turn order, if the configuration wants it.
pub(super) fn turnq(config: &Config) -> Result<Option<Coordinator>, DaemonError> {
    if !config.turnq.enabled {
        return Ok(None);
    }
    let settings = turn::turnq::Settings {
        url: config.turnq.url.clone(),
        api_key: config.turnq.api_key.clone(),
        max_hold: max_hold(config),
    };
    Ok(Some(Coordinator::new(settings, std::env::temp_dir())?))
}
