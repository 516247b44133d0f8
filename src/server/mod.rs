//! The HTTP face: one router, whatever it is reached by.

mod agents;
mod auth;
mod body;
mod daemon;
mod error;
mod events;
mod extract;
mod gate;
mod history;
mod leaving;
pub(crate) mod listen;
pub(crate) mod metrics;
mod openapi;
mod output;
mod pages;
mod pairing;
mod push;
mod sessions;
mod settings;
mod socket;
mod sse;
mod transcript;
mod turns;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRef,
    http::{Method, Uri},
    middleware::from_fn_with_state,
};
use llmux_protocol::api::{
    Action, ApiError, DaemonStatus, ErrorCode, Event, LogEntry, ReloadReply, SettingsView, TurnqRequest,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::{
    error::Failure,
    gate::{Gate, Need, Routes, delete, every, get, guard, on_session, on_turn, post, put, some},
    metrics::Metrics,
};
pub(crate) use self::{error::with_causes, gate::Hosts, socket::Viewers};
use crate::{auth::Auth, bus::Bus, push::Push, session::Sessions, turn::Turns};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    pub(crate) turns: Turns,
    pub(crate) auth: Auth,
    pub(crate) push: Push,
    /// The names under which the daemon is reached.
    pub(crate) hosts: Hosts,
    /// Makes the daemon's status; the daemon alone knows all of it.
    pub(crate) status: Arc<dyn Fn() -> DaemonStatus + Send + Sync>,
    /// What happens.
    pub(crate) events: Bus<Event>,
    /// The end of the log.
    pub(crate) logs: Bus<LogEntry>,
    /// How the daemon is set up.
    pub(crate) settings: Arc<dyn Fn() -> SettingsView + Send + Sync>,
    pub(crate) metrics: Metrics,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) viewers: Viewers,
    /// Cancelled when the daemon leaves.
    pub(crate) leaving: CancellationToken,
}

/// What a client may ask of the daemon's life.
#[derive(Debug)]
pub(crate) enum Order {
    /// Leave.
    Stop,
    /// Send the listening socket to a successor who waits on this socket, then leave.
    HandOver(String, oneshot::Sender<std::io::Result<()>>),
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<ReloadReply, ApiError>>),
    /// Change a setting.
    Set(Setting, oneshot::Sender<Result<(), ApiError>>),
}

/// What the Settings page can change.
#[derive(Debug)]
pub(crate) enum Setting {
    InitPrompts(Vec<String>),
    Turnq(TurnqRequest),
    /// All of it is as the operator's own file has it.
    Revert,
}

impl FromRef<Shared> for Auth {
    fn from_ref(shared: &Shared) -> Self {
        shared.auth.clone()
    }
}

/// All routes, each method with what it asks of its caller.
fn routes() -> Routes<Shared> {
    daemons()
        .merge(all_sessions())
        .merge(one_sessions())
        .merge(a_turns())
        .merge(auth::routes())
        .merge(pages::routes())
}

fn daemons() -> Routes<Shared> {
    use Action::{Admin, Watch};
    Routes::new()
        .route("/health", get(Need::Open, daemon::health))
        .route("/ready", get(Need::Open, daemon::ready))
        .route("/metrics", get(every(Admin), metrics::metrics))
        .route("/api/openapi.json", get(Need::Known, openapi::openapi))
        .route("/api/version", get(Need::Open, daemon::version))
        .route("/api/settings", get(every(Admin), settings::get))
        .route(
            "/api/settings/init-prompts",
            put(every(Admin), settings::init_prompts),
        )
        .route("/api/settings/turnq", put(every(Admin), settings::turnq))
        .route("/api/settings/overlay", delete(every(Admin), settings::revert))
        .route("/api/push", get(some(Watch), push::get))
        .route(
            "/api/push/subscription",
            put(some(Watch), push::subscribe).delete(some(Watch), push::unsubscribe),
        )
        .route("/api/logs", get(every(Admin), events::logs))
        .route(
            "/api/logs/stream",
            get(every(Admin), events::log_stream).endless(),
        )
        .route("/api/events", get(some(Watch), events::events).endless())
        .route("/api/daemon", get(every(Admin), daemon::status))
        .route("/api/daemon/stop", post(Need::Owner, daemon::stop))
        .route("/api/daemon/reload", post(Need::Owner, daemon::reload))
        .route("/api/daemon/handover", post(Need::Owner, daemon::hand_over))
        .route("/api/agents", get(some(Watch), agents::installed))
        .route("/api/agents/all", get(some(Watch), agents::all))
}

fn all_sessions() -> Routes<Shared> {
    use Action::{Manage, Prompt, Watch};
    Routes::new()
        .route(
            "/api/sessions",
            get(some(Watch), sessions::list).post(some(Manage), sessions::start),
        )
        .route("/api/broadcast", post(every(Prompt), turns::broadcast))
        .route("/api/directories", get(every(Manage), sessions::directories))
        .route("/api/conversations", get(every(Watch), history::of_place))
        .route("/api/history/search", get(every(Watch), history::search))
}

fn one_sessions() -> Routes<Shared> {
    use Action::{Answer, Manage, Prompt, Type, Watch};
    let (see, typing) = (on_session(Watch), on_session(Type));
    let (prompt, answer, manage) = (on_session(Prompt), on_session(Answer), on_session(Manage));
    Routes::new()
        .route(
            "/api/sessions/{name}",
            get(see, sessions::get).patch(manage, sessions::edit),
        )
        .route(
            "/api/sessions/{name}/turns",
            get(see, turns::list).post(prompt, turns::create),
        )
        .route("/api/sessions/{name}/send", post(prompt, turns::send))
        .route("/api/sessions/{name}/upload", post(prompt, upload::upload))
        .route("/api/sessions/{name}/uploads/{file}", get(see, upload::picture))
        .route("/api/sessions/{name}/answer", post(answer, turns::answer))
        .route("/api/sessions/{name}/key", post(typing, sessions::key))
        .route(
            "/api/sessions/{name}/interrupt",
            post(typing, sessions::interrupt),
        )
        .route("/api/sessions/{name}/hook", post(Need::Owner, turns::hook))
        .route("/api/sessions/{name}/explain", get(see, turns::explain))
        .route("/api/sessions/{name}/models", get(see, sessions::models))
        .route(
            "/api/sessions/{name}/conversations",
            get(see, history::of_session),
        )
        .route("/api/sessions/{name}/screen", get(see, sessions::screen))
        .route("/ws/{name}", get(see, socket::view))
        .route("/api/sessions/{name}/output", get(see, output::output).endless())
        .route(
            "/api/sessions/{name}/wait",
            post(see, turns::wait_session).endless(),
        )
        .route("/api/sessions/{name}/stop", post(manage, sessions::stop))
        .route("/api/sessions/{name}/kill", post(manage, sessions::kill))
        .route("/api/sessions/{name}/respawn", post(manage, sessions::respawn))
        .route("/api/sessions/{name}/resume", post(manage, sessions::resume))
        .route(
            "/api/sessions/{name}/new-chat",
            post(prompt, turns::new_chat).endless(),
        )
        .route("/api/sessions/{name}/transcript", get(see, transcript::get))
        .route(
            "/api/sessions/{name}/transcript/stream",
            get(see, transcript::stream).endless(),
        )
}

fn a_turns() -> Routes<Shared> {
    let (see, cancel) = (on_turn(Action::Watch), on_turn(Action::Prompt));
    Routes::new()
        .route("/api/turns/{id}", get(see, turns::get))
        .route("/api/turns/{id}/wait", post(see, turns::wait).endless())
        .route("/api/turns/{id}/events", get(see, turns::events).endless())
        .route("/api/turns/{id}/cancel", post(cancel, turns::cancel).endless())
}

/// The router, behind its gate.
pub(crate) fn router(shared: Shared) -> Router {
    let turns = shared.turns.clone();
    let session_of = move |id: String| {
        let turns = turns.clone();
        async move { turns.get(&id).await.ok().map(|turn| turn.session) }
    };
    let gate = Gate::new(shared.auth.clone(), shared.hosts.clone(), session_of);
    routes()
        .guarded(&gate, &shared.leaving)
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(gate, guard))
        .layer(from_fn_with_state(shared.metrics.clone(), metrics::count))
        .with_state(shared)
}

async fn no_such_route(uri: Uri) -> Failure {
    Failure(ApiError::new(
        ErrorCode::NotFound,
        format!("no route {}", uri.path()),
    ))
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    Failure(ApiError::new(
        ErrorCode::MethodNotAllowed,
        format!("{} does not take {method}", uri.path()),
    ))
}
