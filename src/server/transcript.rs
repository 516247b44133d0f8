//! `/api/sessions/{name}/transcript`: the conversation a session is in, at once and as server-sent events.

use std::time::Duration;

use axum::{
    Json as Reply,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use llmux_protocol::api::TranscriptView;
use serde::Serialize;
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;

use super::{Shared, error::Failure};
use crate::{
    session::{Reading, Told},
    turn::Dialogs,
};

/// Events that wait for a slow reader before the reading stands still.
const EVENTS: usize = 16;
/// How often a silent stream says that it is there: what stands between may cut a silent one off.
const HEARTBEAT: Duration = Duration::from_secs(30);

pub(super) async fn get(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Result<Reply<TranscriptView>, Failure> {
    Ok(Reply(shared.sessions.transcript(&name).await?))
}

/// Answers the last turns and each new one, `reset` when it is another conversation, and the agent's questions.
pub(super) async fn stream(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let reading = shared.sessions.follow_transcript(&name).await?;
    let dialogs = shared.turns.dialogs(&name);
    let (sender, body) = Channel::<Bytes>::new(EVENTS);
    let pouring = AbortOnDropHandle::new(tokio::spawn(pour(reading, dialogs, sender)));
    // The body owns its task: a reader that leaves a silent conversation leaves nothing behind.
    let body = body.map_frame(move |frame| {
        let _owned = &pouring;
        frame
    });
    let headers = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::new(body)).into_response())
}

async fn pour(reading: Reading, mut dialogs: Dialogs, mut to: Sender<Bytes>) {
    if to
        .send_data(Bytes::from_static(b": stream open\n\n"))
        .await
        .is_err()
    {
        return;
    }
    let mut heartbeat = interval(HEARTBEAT);
    // The first comes at once.
    heartbeat.tick().await;
    // It is polled until it has told something: what it read on the way must not be lost.
    let mut told = Box::pin(next(reading));
    loop {
        let events = tokio::select! {
            (reading, now) = &mut told => {
                told.set(next(reading));
                of_told(now)
            }
            asked = dialogs.next() => match asked {
                Some(asked) => event("prompt", &asked),
                None => event("prompt-clear", &NOTHING),
            },
            _ = heartbeat.tick() => ": heartbeat\n\n".to_owned(),
        };
        if to.send_data(events.into()).await.is_err() {
            return;
        }
    }
}

async fn next(mut reading: Reading) -> (Reading, Told) {
    let told = reading.next().await;
    (reading, told)
}

fn of_told(told: Told) -> String {
    match told {
        Told::Unsupported => event("unsupported", &NOTHING),
        Told::Reset => event("reset", &NOTHING),
        Told::Turns(turns) => turns.iter().map(|turn| event("", turn)).collect(),
    }
}

/// `{}`.
#[derive(Serialize)]
struct Nothing {}

const NOTHING: Nothing = Nothing {};

/// One event. JSON has no line ends of its own.
fn event(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    match name {
        "" => format!("data: {data}\n\n"),
        _ => format!("event: {name}\ndata: {data}\n\n"),
    }
}
