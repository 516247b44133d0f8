//! `/api/sessions` and below.

use std::time::Duration;

use axum::{
    Json as Reply,
    extract::{Path, State},
};
use llmux_protocol::api::{
    BroadcastReply, BroadcastRequest, EditRequest, ScreenView, SendRequest, Sent, SessionView, StartRequest,
    State as RunState, StopRequest, Stopped, WaitOutcome, WaitRequest,
};
use serde::Serialize;

use super::{Shared, body::Json, error::Failure};
use crate::session::SessionError;

type Answer<T> = Result<Reply<T>, Failure>;

/// Runs a change to its end, even if the client goes away meanwhile: it may sit in the very session that is changed.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> Result<T, SessionError> {
    tokio::spawn(change)
        .await
        .unwrap_or(Err(SessionError::ShuttingDown))
}

/// A session that was started or changed.
#[derive(Serialize)]
pub(super) struct Changed {
    ok: bool,
    session: SessionView,
}

fn changed(session: SessionView) -> Reply<Changed> {
    Reply(Changed { ok: true, session })
}

pub(super) async fn list(State(shared): State<Shared>) -> Answer<Vec<SessionView>> {
    Ok(Reply(shared.sessions.list().await?))
}

pub(super) async fn get(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<SessionView> {
    Ok(Reply(shared.sessions.get(&name).await?))
}

pub(super) async fn start(
    State(shared): State<Shared>,
    Json(request): Json<StartRequest>,
) -> Answer<Changed> {
    Ok(changed(
        whole(async move { shared.sessions.create(request).await }).await?,
    ))
}

pub(super) async fn edit(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(request): Json<EditRequest>,
) -> Answer<Changed> {
    Ok(changed(
        whole(async move { shared.sessions.edit(&name, request).await }).await?,
    ))
}

pub(super) async fn respawn(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<Changed> {
    Ok(changed(
        whole(async move { shared.sessions.restart(&name).await }).await?,
    ))
}

pub(super) async fn stop(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(StopRequest { cascade }): Json<StopRequest>,
) -> Answer<Stopped> {
    Ok(Reply(
        whole(async move { shared.sessions.stop(&name, false, cascade).await }).await?,
    ))
}

pub(super) async fn kill(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(StopRequest { cascade }): Json<StopRequest>,
) -> Answer<Stopped> {
    Ok(Reply(
        whole(async move { shared.sessions.stop(&name, true, cascade).await }).await?,
    ))
}

pub(super) async fn send(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(SendRequest { prompt, enter }): Json<SendRequest>,
) -> Answer<Sent> {
    let bytes = shared.sessions.send(&name, &prompt, enter).await?;
    Ok(Reply(Sent {
        ok: true,
        name,
        bytes,
        enter,
    }))
}

pub(super) async fn screen(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<ScreenView> {
    Ok(Reply(shared.sessions.screen(&name).await?))
}

pub(super) async fn wait(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(WaitRequest { until, timeout_ms }): Json<WaitRequest>,
) -> Answer<WaitOutcome> {
    Ok(Reply(
        shared
            .sessions
            .wait(&name, until, timeout_ms.map(Duration::from_millis))
            .await?,
    ))
}

/// Types one prompt to all running sessions of an agent, side by side.
pub(super) async fn broadcast(
    State(shared): State<Shared>,
    Json(BroadcastRequest { agent, prompt }): Json<BroadcastRequest>,
) -> Answer<BroadcastReply> {
    shared.sessions.agent(&agent)?;
    let all = shared.sessions.list().await?;
    let all = all
        .into_iter()
        .filter(|session| session.agent == agent)
        .collect::<Vec<_>>();
    let total = all.len();
    let running = all
        .into_iter()
        .filter(|session| session.state == RunState::Running)
        .map(|session| session.name);
    let tasks = running
        .map(|name| {
            let (sessions, prompt) = (shared.sessions.clone(), prompt.clone());
            tokio::spawn(async move {
                let result = sessions.send(&name, &prompt, true).await;
                (name, result)
            })
        })
        .collect::<Vec<_>>();
    let mut reply = BroadcastReply {
        ok: true,
        sent: Vec::new(),
        failed: Vec::new(),
        total,
    };
    for task in tasks {
        match task.await {
            Ok((name, Ok(_))) => reply.sent.push(name),
            Ok((name, Err(error))) => reply.failed.push((name, error.to_string())),
            Err(_) => return Err(SessionError::ShuttingDown.into()),
        }
    }
    reply.ok = reply.failed.is_empty();
    Ok(Reply(reply))
}
