//! `/api/sessions` and below.

use axum::{
    Json as Reply,
    extract::{Path, State},
};
use llmux_protocol::api::{
    Action, Activity, EditRequest, RestartRequest, ResumeRequest, ScreenView, SessionView, StartRequest,
    State as RunState, StopRequest, Stopped,
};
use serde::Serialize;

use super::{Shared, body::Json, error::Failure, gate::Caller};
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

/// What a running session does.
fn activity(shared: &Shared, view: &SessionView) -> Option<Activity> {
    (view.state == RunState::Running)
        .then(|| shared.turns.activity(&view.name))
        .flatten()
}

pub(super) async fn list(State(shared): State<Shared>, caller: Caller) -> Answer<Vec<SessionView>> {
    let mut views = shared.sessions.list().await?;
    views.retain(|view| caller.may(Action::Watch, &view.name));
    for view in &mut views {
        view.activity = activity(&shared, view);
    }
    Ok(Reply(views))
}

pub(super) async fn get(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<SessionView> {
    let mut view = shared.sessions.get(&name).await?;
    view.activity = activity(&shared, &view);
    Ok(Reply(view))
}

pub(super) async fn start(
    State(shared): State<Shared>,
    caller: Caller,
    Json(request): Json<StartRequest>,
) -> Answer<Changed> {
    caller.must(Action::Manage, Some(request.name.as_ref().unwrap_or(&request.agent)))?;
    Ok(changed(
        whole(async move { shared.sessions.create(request).await }).await?,
    ))
}

pub(super) async fn edit(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(request): Json<EditRequest>,
) -> Answer<Changed> {
    if let Some(name) = &request.name {
        caller.must(Action::Manage, Some(name))?;
    }
    Ok(changed(
        whole(async move { shared.sessions.edit(&name, request).await }).await?,
    ))
}

pub(super) async fn respawn(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(RestartRequest { skip_init }): Json<RestartRequest>,
) -> Answer<Changed> {
    Ok(changed(
        whole(async move { shared.sessions.restart(&name, !skip_init).await }).await?,
    ))
}

pub(super) async fn resume(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(request): Json<ResumeRequest>,
) -> Answer<Changed> {
    Ok(changed(
        whole(async move { shared.sessions.resume(&name, &request).await }).await?,
    ))
}

pub(super) async fn stop(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(StopRequest { cascade }): Json<StopRequest>,
) -> Answer<Stopped> {
    if cascade {
        // It ends sessions of any name.
        caller.must(Action::Manage, None)?;
    }
    Ok(Reply(
        whole(async move { shared.sessions.stop(&name, false, cascade).await }).await?,
    ))
}

pub(super) async fn kill(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(StopRequest { cascade }): Json<StopRequest>,
) -> Answer<Stopped> {
    if cascade {
        // It ends sessions of any name.
        caller.must(Action::Manage, None)?;
    }
    Ok(Reply(
        whole(async move { shared.sessions.stop(&name, true, cascade).await }).await?,
    ))
}

pub(super) async fn screen(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<ScreenView> {
    Ok(Reply(shared.sessions.screen(&name).await?))
}
