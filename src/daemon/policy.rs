//! What the configuration means for each room.

use std::time::Duration;

use hyper::Uri;
use llmux_protocol::api::NetworkStatus;

use super::DaemonError;
use crate::{
    agent::{self, Catalog},
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

/// The command lines that have no words, one sentence each.
pub(super) fn unsplittable(config: &Config, catalog: &Catalog) -> Vec<String> {
    let bad = |text: &str| agent::split(text).err();
    let mut found = Vec::new();
    for agent in catalog.all() {
        let own = config.agents.get(&agent.key);
        let of_config = [
            own.is_some_and(|own| own.cmd.is_some()),
            own.is_some_and(|own| own.flags.is_some()),
        ];
        let both = [("cmd", &agent.cmd), ("flags", &agent.flags)];
        for ((field, text), is_of_config) in both.into_iter().zip(of_config) {
            let Some(error) = bad(text) else { continue };
            let said = format!("agents.{}.{field}: {error}", agent.key);
            found.push(if is_of_config {
                config.at(&["agents", &agent.key, field], &said)
            } else {
                said
            });
        }
    }
    for planned in &config.sessions {
        if let Some(error) = planned.flags.as_deref().and_then(bad) {
            let said = format!("sessions: {:?}: flags: {error}", planned.name);
            found.push(config.at(&["sessions"], &said));
        }
    }
    found
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
    match Coordinator::new(settings, std::env::temp_dir()) {
        Ok(coordinator) => Ok(Some(coordinator)),
        Err(error) => Err(DaemonError::Turns {
            message: config.at(&["turnq"], &error.to_string()),
            hint: error.hint(),
        }),
    }
}
