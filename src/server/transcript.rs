//! `/api/sessions/{name}/transcript`: the conversation a session is in, at once and as server-sent events.

use axum::{Json as Reply, extract::State, response::Response};
use llmux_protocol::api::{Action, TranscriptView};
use serde::Deserialize;
use tokio::time::interval;

use super::{
    Shared,
    error::Failure,
    extract::{Path, Query},
    gate::Caller,
    leaving,
    sse::{self, Empty, HEARTBEAT, Sse},
};
use crate::{
    session::{Reading, Told},
    turn::Dialogs,
};

pub(super) async fn get(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Result<Reply<TranscriptView>, Failure> {
    Ok(Reply(shared.sessions.transcript(&name).await?))
}

/// Who reads.
#[derive(Deserialize)]
pub(super) struct Reader {
    /// A person, who has it before their eyes.
    #[serde(default)]
    looks: bool,
}

/// Answers the last turns and each new one, `reset` when it is another conversation, and the agent's questions.
pub(super) async fn stream(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(Reader { looks }): Query<Reader>,
    caller: Caller,
) -> Result<Response, Failure> {
    let program = shared.sessions.program_in(&name);
    let reading = shared.sessions.follow_transcript(&name).await?;
    let dialogs = shared.turns.dialogs(&name);
    let who = caller.identity()?.label();
    let look = looks.then(|| shared.push.gaze().look(&who, &name));
    let hidden = leaving::hidden(shared.sessions, program, name, (caller, vec![Action::Watch]));
    Ok(sse::events(|to| async move {
        tokio::select! {
            () = hidden => {}
            () = pour(reading, dialogs, to) => {}
        }
        drop(look);
    }))
}

async fn pour(reading: Reading, mut dialogs: Dialogs, mut to: Sse) {
    let mut reads = to.comment("stream open").await;
    let mut heartbeat = interval(HEARTBEAT);
    // The first comes at once.
    heartbeat.tick().await;
    // It is polled until it has told something: what it read on the way must not be lost.
    let mut told = Box::pin(next(reading));
    while reads {
        reads = tokio::select! {
            (reading, now) = &mut told => {
                told.set(next(reading));
                tell(&mut to, now).await
            }
            asked = dialogs.next() => match asked {
                Some(asked) => to.send(None, Some("prompt"), &asked).await,
                None => to.send(None, Some("prompt-clear"), &Empty {}).await,
            },
            _ = heartbeat.tick() => to.comment("heartbeat").await,
        };
    }
}

async fn next(mut reading: Reading) -> (Reading, Told) {
    let told = reading.next().await;
    (reading, told)
}

async fn tell(to: &mut Sse, told: Told) -> bool {
    let turns = match told {
        Told::Unsupported => return to.send(None, Some("unsupported"), &Empty {}).await,
        Told::Reset => return to.send(None, Some("reset"), &Empty {}).await,
        Told::Turns(turns) => turns,
    };
    for turn in &turns {
        if !to.send(None, None, turn).await {
            return false;
        }
    }
    true
}
