//! The HTTP face: one router, whatever it is reached by.

mod agents;
mod body;
mod daemon;
mod error;
mod history;
mod leaving;
pub(crate) mod listen;
mod output;
mod sessions;
mod socket;
mod turns;

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, Uri},
    middleware::from_fn_with_state,
    routing::{get, post},
};
use llmux_protocol::api::{ApiError, DaemonStatus, ErrorCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::error::Failure;
pub(crate) use self::socket::Sockets;
use crate::{session::Sessions, turn::Turns};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    pub(crate) turns: Turns,
    /// Makes the daemon's status; the daemon alone knows all of it.
    pub(crate) status: Arc<dyn Fn() -> DaemonStatus + Send + Sync>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) sockets: Sockets,
    /// Cancelled when the daemon leaves.
    pub(crate) leaving: CancellationToken,
}

/// What a client may ask of the daemon's life.
#[derive(Debug)]
pub(crate) enum Order {
    /// Leave.
    Stop,
    /// Send the listening socket to a successor who waits on this socket, then leave.
    HandOver(String, tokio::sync::oneshot::Sender<std::io::Result<()>>),
}

/// All routes.
pub(crate) fn router(shared: Shared) -> Router {
    // What may last: it ends when the daemon leaves. Turns themselves go on, with the next daemon if need be.
    let endless = Router::new()
        .route("/api/turns/{id}/wait", post(turns::wait))
        .route("/api/turns/{id}/cancel", post(turns::cancel))
        .route("/api/turns/{id}/events", get(turns::events))
        .route("/api/sessions/{name}/output", get(output::output))
        .route("/api/sessions/{name}/wait", post(turns::wait_session))
        .route_layer(from_fn_with_state(shared.leaving.clone(), leaving::end));
    Router::new()
        .route("/health", get(daemon::health))
        .route("/api/version", get(daemon::version))
        .route("/api/daemon", get(daemon::status))
        .route("/api/daemon/stop", post(daemon::stop))
        .route("/api/daemon/handover", post(daemon::hand_over))
        .route("/api/agents", get(agents::installed))
        .route("/api/agents/all", get(agents::all))
        .route("/api/sessions", get(sessions::list).post(sessions::start))
        .route("/api/sessions/{name}", get(sessions::get).patch(sessions::edit))
        .route("/api/sessions/{name}/turns", get(turns::list).post(turns::create))
        .route("/api/sessions/{name}/send", post(turns::send))
        .route("/api/broadcast", post(turns::broadcast))
        .route("/api/sessions/{name}/explain", get(turns::explain))
        .route("/api/sessions/{name}/answer", post(turns::answer))
        .route("/api/sessions/{name}/hook", post(turns::hook))
        .route("/api/turns/{id}", get(turns::get))
        .route("/api/sessions/{name}/stop", post(sessions::stop))
        .route("/api/sessions/{name}/kill", post(sessions::kill))
        .route("/api/sessions/{name}/respawn", post(sessions::respawn))
        .route("/api/sessions/{name}/resume", post(sessions::resume))
        .route("/api/sessions/{name}/conversations", get(history::of_session))
        .route("/api/conversations", get(history::of_place))
        .route("/api/history/search", get(history::search))
        .route("/api/sessions/{name}/screen", get(sessions::screen))
        .route("/ws/{name}", get(socket::view))
        .merge(endless)
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
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
