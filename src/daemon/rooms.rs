//! The rooms of the daemon, put together.

use std::{io, path::PathBuf, sync::Arc};

use llmux_protocol::api::{Action, Event};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    DaemonError, files, policy,
    reload::{Files, Parts, Read, Reloader},
};
use crate::{
    agent::transcript::Watch,
    auth::{self, Auth},
    bus::Bus,
    config::{Config, Environment},
    push::Push,
    server::{Hosts, metrics::Metrics},
    session::{self, Sessions},
    store::{Journal, Retention, StateDir},
    tmux::Tmux,
    turn::{Seats, Turns},
};

/// How many events are kept for clients that come again.
const EVENTS: usize = 1024;

/// What the rooms stand in.
pub(super) struct Around<'a> {
    pub(super) environment: &'a Environment,
    pub(super) state: &'a StateDir,
    /// Where the configuration is read from.
    pub(super) files: &'a Files,
    pub(super) runtime_dir: PathBuf,
    /// The hosts of the addresses under which the network reaches the daemon.
    pub(super) reached: Vec<String>,
}

/// The rooms, which follow tmux and the configuration from here on.
pub(super) struct Rooms {
    pub(super) parts: Parts,
    pub(super) turns: Turns,
    pub(super) events: Bus<Event>,
    pub(super) metrics: Metrics,
    /// Tells that files of the configuration have changed.
    pub(super) files: mpsc::Receiver<()>,
    pub(super) reloader: Reloader,
}

impl Rooms {
    pub(super) async fn open(read: Read, around: Around<'_>, tmux: &Tmux) -> Result<Self, DaemonError> {
        let Around {
            environment,
            state,
            files,
            runtime_dir,
            reached,
        } = around;
        let warnings = read.warnings();
        let Read {
            config,
            catalog,
            turnq,
            ..
        } = read;
        let config = Arc::new(config);
        let ((events, metrics), watch) = (events(), Watch::new());
        let auth = Auth::open(environment, state.path(), auth_setting(&config))?;
        let push = push(state, &config, &auth, &events)?;
        let changes = files::follow(files.explicit.as_deref(), environment, &watch);
        let seats = {
            let of_turns = policy::of_turns(&config, turnq);
            let journal = journal(state, Retention::from(&config.retention)).await?;
            let home = environment.home().to_owned();
            Seats::open((of_turns, events.clone()), journal, home, watch.clone()).await?
        };
        let setting = session_setting(environment, runtime_dir, state, (watch, events.clone()));
        let of_sessions = policy::of_sessions(&config, catalog);
        let follower = Arc::new(seats.clone());
        let parts = Parts {
            sessions: Sessions::start(tmux.clone(), of_sessions, state.sessions(), setting, follower),
            seats: seats.clone(),
            hosts: Hosts::new(policy::host_names(&config, &reached)),
            reached,
            auth,
            push,
        };
        let reloader = Reloader::new(files.clone(), (config, warnings), parts.clone());
        Ok(Self {
            turns: Turns::new(parts.sessions.clone(), seats),
            parts,
            events,
            metrics,
            files: changes,
            reloader,
        })
    }
}

/// Where it is told what happens, and what counts it.
fn events() -> (Bus<Event>, Metrics) {
    let (events, metrics) = (Bus::new(EVENTS), Metrics::new());
    tokio::spawn(metrics.clone().follow(events.clone()));
    (events, metrics)
}

async fn journal(state: &StateDir, retention: Retention) -> Result<Journal, DaemonError> {
    let path = state.turns();
    let opened = spawn_blocking(move || Journal::open(&path, retention)).await;
    Ok(opened.map_err(io::Error::other)??)
}

fn session_setting(
    environment: &Environment,
    spool: PathBuf,
    state: &StateDir,
    (watch, events): (Watch, Bus<Event>),
) -> session::Setting {
    session::Setting {
        exe: environment.exe().to_owned(),
        environment: environment.clone(),
        spool,
        hooks: state.hooks(),
        door: state.door(),
        owner: blake3::hash(state.path().as_os_str().as_encoded_bytes()).to_hex()[..8].to_owned(),
        watch,
        events,
    }
}

/// What tells devices, and only those whose user may watch the session.
fn push(state: &StateDir, config: &Config, auth: &Auth, events: &Bus<Event>) -> io::Result<Push> {
    let (asked, auth) = (auth.clone(), auth.clone());
    let may_watch = move |token: &str, session: &str| asked.bearer_may(token, Action::Watch, session);
    let is_over = move |token: &str| auth.is_over(token);
    Push::start(
        state.path(),
        config.notifications.clone(),
        (Arc::new(may_watch), Arc::new(is_over)),
        events,
    )
}

fn auth_setting(config: &Config) -> auth::Setting {
    auth::Setting {
        record_text: config.server.audit_text,
        ..auth::Setting::default()
    }
}
