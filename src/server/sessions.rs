//! `/api/sessions` and below.

use axum::{
    Json as Reply,
    extract::State,
    http::HeaderName,
    response::{IntoResponse, Response},
};
use llmux_protocol::api::{
    Action, Activity, Directories, Done, EditRequest, KeyRequest, ModelsView, RestartRequest, ResumeRequest,
    SessionReply, SessionView, StartRequest, State as RunState, StopRequest, Stopped,
};
use serde::Deserialize;

use super::{
    Shared,
    body::{Json, PROMPT},
    error::{Failure, Refused},
    events::EVENT,
    extract::{Path, Query},
    gate::Caller,
};
use crate::{pane::Update, session::SessionError};

type Answer<T> = Result<Reply<T>, Failure>;
type Change<T> = Result<Reply<T>, Refused>;

/// What interrupts an agent.
const INTERRUPT: &str = "Escape";

/// Runs a change to its end, even if the client goes away meanwhile: it may sit in the very session that is changed.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> Result<T, SessionError> {
    tokio::spawn(change)
        .await
        .unwrap_or(Err(SessionError::ShuttingDown))
}

fn changed(session: SessionView) -> Reply<SessionReply> {
    Reply(SessionReply { ok: true, session })
}

/// What a running session does.
fn activity(shared: &Shared, view: &SessionView) -> Option<Activity> {
    (view.state == RunState::Running)
        .then(|| shared.turns.activity(&view.name))
        .flatten()
}

pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
) -> Result<([(HeaderName, String); 1], Reply<Vec<SessionView>>), Failure> {
    // Before the list: what happens meanwhile is told again rather than not at all.
    let event = shared.events.id(shared.events.latest());
    let mut views = shared.sessions.list().await?;
    views.retain(|view| caller.may(Action::Watch, &view.name));
    for view in &mut views {
        view.activity = activity(&shared, view);
    }
    Ok(([(EVENT, event)], Reply(views)))
}

/// What the name of a directory begins with.
#[derive(Deserialize)]
pub(super) struct Begun {
    #[serde(default)]
    beginning: String,
}

pub(super) async fn directories(
    State(shared): State<Shared>,
    Query(Begun { beginning }): Query<Begun>,
) -> Reply<Directories> {
    let directories = shared.sessions.directories(beginning).await;
    Reply(Directories { directories })
}

pub(super) async fn get(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<SessionView> {
    let mut view = shared.sessions.get(&name).await?;
    view.activity = activity(&shared, &view);
    Ok(Reply(view))
}

pub(super) async fn start(
    State(shared): State<Shared>,
    caller: Caller,
    Json(request): Json<StartRequest, PROMPT>,
) -> Change<SessionReply> {
    caller.must(
        Action::Manage,
        Some(request.name.as_ref().unwrap_or(&request.agent)),
    )?;
    Ok(changed(
        whole(async move { shared.sessions.create(request).await }).await?,
    ))
}

pub(super) async fn edit(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(request): Json<EditRequest, PROMPT>,
) -> Change<SessionReply> {
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
) -> Change<SessionReply> {
    Ok(changed(
        whole(async move { shared.sessions.restart(&name, !skip_init).await }).await?,
    ))
}

pub(super) async fn resume(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(request): Json<ResumeRequest>,
) -> Change<SessionReply> {
    Ok(changed(
        whole(async move { shared.sessions.resume(&name, &request).await }).await?,
    ))
}

pub(super) async fn stop(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(StopRequest { cascade }): Json<StopRequest>,
) -> Change<Stopped> {
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
) -> Change<Stopped> {
    if cascade {
        // It ends sessions of any name.
        caller.must(Action::Manage, None)?;
    }
    Ok(Reply(
        whole(async move { shared.sessions.stop(&name, true, cascade).await }).await?,
    ))
}

pub(super) async fn key(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(KeyRequest { key }): Json<KeyRequest>,
) -> Answer<Done> {
    caller.typed(&key);
    press(&shared, name, key).await
}

pub(super) async fn interrupt(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<Done> {
    press(&shared, name, INTERRUPT.to_owned()).await
}

async fn press(shared: &Shared, name: String, key: String) -> Answer<Done> {
    let sessions = shared.sessions.clone();
    whole(async move { sessions.press(&name, &key).await }).await?;
    Ok(Reply(Done { ok: true }))
}

pub(super) async fn models(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<ModelsView> {
    let session = shared.sessions.get(&name).await?;
    let agent = shared.sessions.agent(&session.agent).ok();
    Ok(Reply(ModelsView {
        models: agent.map(|agent| agent.models.clone()).unwrap_or_default(),
        current: model_in(session.flags.as_deref().unwrap_or(&session.default_flags)),
    }))
}

/// The model that flags name.
fn model_in(flags: &str) -> Option<String> {
    let (_, rest) = flags.split_once("--model")?;
    let value = rest.strip_prefix([' ', '='])?;
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    (end > 0).then(|| value[..end].to_owned())
}

/// How a screen is wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// As a value, with the cursor and all.
    #[default]
    Json,
    /// Its rows.
    Text,
    /// The bytes that draw it in a fresh terminal.
    Ansi,
}

/// In which form a screen is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    format: Format,
}

pub(super) async fn screen(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(Wanted { format }): Query<Wanted>,
) -> Result<Response, Failure> {
    if let Format::Ansi = format {
        shared.sessions.get(&name).await?;
        return match shared.sessions.subscribe(&name, None)?.next().await {
            Update::Snapshot(snapshot) => {
                Ok(([("content-type", "application/octet-stream")], snapshot.bytes()).into_response())
            }
            Update::Output(_) | Update::Closed => Err(SessionError::not_running(&name).into()),
        };
    }
    let screen = shared.sessions.screen(&name).await?;
    Ok(match format {
        Format::Text => (screen.lines.join("\n").trim_end().to_owned() + "\n").into_response(),
        _ => Reply(screen).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_from_flags_as_the_old_program_did() {
        for (flags, model) in [
            ("--model opus --x", Some("opus")),
            ("-a --model=gpt-5", Some("gpt-5")),
            ("--model", None),
            ("--models x", None),
            ("", None),
        ] {
            assert_eq!(model_in(flags).as_deref(), model, "{flags}");
        }
    }
}
