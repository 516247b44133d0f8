//! `/health`, `/api/version` and `/api/daemon`.

use axum::{Json, extract::State, http::StatusCode};
use llmux_protocol::api::{ApiError, DaemonStatus, ErrorCode, Handover, ReloadReply};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Order, Shared, body, error::Failure};
use crate::session::SessionError;

pub(super) async fn health(State(shared): State<Shared>) -> Json<Value> {
    let (sessions, _) = shared.sessions.count();
    let enabled = shared.auth.is_enabled();
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "ok": true, "version": version, "sessions": sessions, "authEnabled": enabled }))
}

/// Whether requests can be carried out: tmux answers.
pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let connected = shared.sessions.is_connected();
    let status = if connected {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ok": connected, "tmux": { "connected": connected } })),
    )
}

pub(super) async fn version() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

pub(super) async fn status(State(shared): State<Shared>) -> Json<DaemonStatus> {
    let mut status = (shared.status)();
    status.warnings.extend(shared.turns.notices().await);
    Json(status)
}

pub(super) async fn stop(State(shared): State<Shared>) -> Result<Json<Value>, Failure> {
    shared.orders.send(Order::Stop).await.map_err(|_| leaving())?;
    Ok(Json(json!({ "ok": true })))
}

/// Answers when what the files say is in effect, or why it is not.
pub(super) async fn reload(State(shared): State<Shared>) -> Result<Json<ReloadReply>, Failure> {
    let (done, answer) = oneshot::channel();
    let order = Order::Reload(done);
    shared.orders.send(order).await.map_err(|_| leaving())?;
    answer.await.map_err(|_| leaving())?.map(Json).map_err(Failure)
}

/// Answers when the successor holds the socket.
pub(super) async fn hand_over(
    State(shared): State<Shared>,
    body::Json(Handover { socket }): body::Json<Handover>,
) -> Result<Json<Value>, Failure> {
    let (done, answer) = oneshot::channel();
    shared
        .orders
        .send(Order::HandOver(socket, done))
        .await
        .map_err(|_| leaving())?;
    match answer.await {
        Ok(Ok(())) => Ok(Json(json!({ "ok": true }))),
        Ok(Err(error)) => Err(Failure(ApiError::new(
            ErrorCode::Internal,
            format!("cannot hand the socket over: {error}"),
        ))),
        Err(_) => Err(leaving()),
    }
}

fn leaving() -> Failure {
    SessionError::ShuttingDown.into()
}
