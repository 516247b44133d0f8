//! `/api/turns`, and what of `/api/sessions/{name}` is about turns.

use std::{sync::Arc, time::Duration};

use axum::{
    Json as Reply,
    extract::State,
    http::{HeaderMap, header::ACCEPT},
    response::Response,
};
use bytes::Bytes;
use http_body_util::channel::Sender;
use llmux_protocol::api::{
    Action, AnswerRequest, Answered, BroadcastReply, BroadcastRequest, Done, Explanation, HookRequest,
    NewChatReply, Origin, SendRequest, Sent, State as RunState, Turn, TurnCancel, TurnEvent, TurnRequest,
    TurnState, TurnWait, Until, WaitOutcome, WaitRequest,
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Shared,
    body::{Json, PROMPT},
    error::Failure,
    extract::{Path, Query},
    gate::Caller,
    sse::{self, Sse},
};
use crate::{
    session::SessionError,
    turn::{Live, TurnFault, TurnRefusal},
};

type Answer<T> = Result<Reply<T>, Failure>;

/// Events that wait for a slow reader.
const EVENTS: usize = 16;

pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(request): Json<TurnRequest, PROMPT>,
) -> Answer<Turn> {
    caller.typed(&request.prompt);
    Ok(Reply(begin(&shared, &name, request, Origin::Prompt).await?))
}

/// Queues a prompt and waits for what the request says; at the latest until the daemon leaves. Then the turn is the next
/// daemon's, and an error would make its sender send it again.
async fn begin(shared: &Shared, name: &str, request: TurnRequest, origin: Origin) -> Result<Turn, TurnFault> {
    let wait = request.wait;
    let (turns, name) = (shared.turns.clone(), name.to_owned());
    // To its end, even if the client goes away meanwhile: what is written down must also be queued.
    let begin = tokio::spawn(async move { turns.begin(&name, request, origin).await });
    let begun = begin.await.unwrap_or(Err(SessionError::ShuttingDown.into()))?;
    Ok(tokio::select! {
        turn = begun.reaches(wait) => turn,
        () = shared.leaving.cancelled() => begun.now(),
    })
}

/// How many turns to list.
#[derive(Deserialize)]
pub(super) struct Limit {
    limit: Option<usize>,
}

pub(super) async fn list(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(Limit { limit }): Query<Limit>,
) -> Answer<Vec<Turn>> {
    Ok(Reply(shared.turns.list(&name, limit).await?))
}

pub(super) async fn get(State(shared): State<Shared>, Path(id): Path<String>) -> Answer<Turn> {
    Ok(Reply(shared.turns.get(&id).await?))
}

pub(super) async fn wait(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    Json(how): Json<TurnWait>,
) -> Answer<Turn> {
    let turn = shared.turns.wait(&id, how).await?;
    // Its session may have been renamed meanwhile.
    caller.must(Action::Watch, Some(&turn.session))?;
    Ok(Reply(turn))
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Json(how): Json<TurnCancel>,
) -> Answer<Turn> {
    Ok(Reply(shared.turns.cancel(&id, &how).await?))
}

pub(super) async fn explain(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<Explanation> {
    Ok(Reply(shared.turns.explain(&name).await?))
}

pub(super) async fn answer(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(request): Json<AnswerRequest>,
) -> Answer<Answered> {
    caller.typed(&request.choice);
    Ok(Reply(shared.turns.answer(&name, &request).await?))
}

pub(super) async fn hook(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(request): Json<HookRequest, PROMPT>,
) -> Answer<Done> {
    shared.turns.hook(&name, request).await?;
    Ok(Reply(Done { ok: true }))
}

/// Types a prompt, as the old program's clients ask for it: answers when it was submitted.
pub(super) async fn send(
    State(shared): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    Json(SendRequest {
        prompt,
        enter,
        skip_turnq,
    }): Json<SendRequest, PROMPT>,
) -> Answer<Sent> {
    caller.typed(&prompt);
    let request = TurnRequest {
        enter,
        no_turnq: skip_turnq,
        ..TurnRequest::new(prompt)
    };
    let turn = begin(&shared, &name, request, Origin::Prompt).await?;
    refused(&turn)?;
    Ok(Reply(Sent {
        ok: true,
        name,
        bytes: turn.prompt.bytes,
        enter,
    }))
}

/// What of a turn is a failed request to a client that knows no turns.
fn refused(turn: &Turn) -> Result<(), TurnRefusal> {
    let is_on_its_way = matches!(
        turn.state,
        TurnState::Queued
            | TurnState::Submitting
            | TurnState::Running
            | TurnState::Blocked
            | TurnState::Ended
    );
    if is_on_its_way || turn.stages.accepted.is_some() {
        Ok(())
    } else {
        Err(TurnRefusal::of(turn))
    }
}

/// Begins a new conversation. To its end, even if the client goes away meanwhile.
pub(super) async fn new_chat(State(shared): State<Shared>, Path(name): Path<String>) -> Answer<NewChatReply> {
    let begin = tokio::spawn(async move { shared.turns.new_chat(&name).await });
    let begun = begin.await.unwrap_or(Err(SessionError::ShuttingDown.into()))?;
    Ok(Reply(begun?))
}

/// Types one prompt to all running sessions of an agent, side by side; each takes its session's turn.
pub(super) async fn broadcast(
    State(shared): State<Shared>,
    caller: Caller,
    Json(BroadcastRequest {
        agent,
        prompt,
        no_turnq,
    }): Json<BroadcastRequest, PROMPT>,
) -> Answer<BroadcastReply> {
    caller.typed(&prompt);
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
            let (shared, prompt) = (shared.clone(), prompt.clone());
            tokio::spawn(async move {
                let request = TurnRequest {
                    no_turnq,
                    ..TurnRequest::new(prompt)
                };
                let result = begin(&shared, &name, request, Origin::Broadcast).await;
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
        let (name, result) = task.await.map_err(|_| SessionError::ShuttingDown)?;
        let failure = match result {
            Ok(turn) => refused(&turn).err().map(|refusal| refusal.to_string()),
            Err(fault) => Some(fault.to_string()),
        };
        match failure {
            None => reply.sent.push(name),
            Some(why) => reply.failed.push((name, why)),
        }
    }
    reply.ok = reply.failed.is_empty();
    Ok(Reply(reply))
}

/// Waits for a condition on a session: those on its screen, and those on what its agent does.
pub(super) async fn wait_session(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(WaitRequest { until, timeout_ms }): Json<WaitRequest>,
) -> Answer<WaitOutcome> {
    if !matches!(until, Until::Ready) {
        let at_most = timeout_ms.map(Duration::from_millis);
        return Ok(Reply(shared.sessions.wait(&name, until, at_most).await?));
    }
    let ready = shared.turns.ready(&name);
    let (activity, failed_init) = match timeout_ms {
        None => ready.await?,
        Some(ms) => {
            timeout(Duration::from_millis(ms), ready)
                .await
                .map_err(|_| SessionError::WaitTimeout {
                    name: name.clone(),
                    ms,
                })??
        }
    };
    Ok(Reply(WaitOutcome {
        ok: true,
        name,
        evidence: activity.detail,
        seq: 0,
        failed_init,
    }))
}

/// Answers a turn and its growing answer until it is over: a line of JSON for each step, or a server-sent event where the
/// client asks for these.
pub(super) async fn events(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let turn = shared.turns.follow(&id).await?;
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/event-stream")) {
        return Ok(sse::events(|to| pour(turn, Steps::Events(to), caller)));
    }
    Ok(sse::endless("application/x-ndjson", EVENTS, |to| {
        pour(turn, Steps::Lines(to), caller)
    }))
}

/// Where the steps of a turn go.
enum Steps {
    Lines(Sender<Bytes>),
    Events(Sse),
}

impl Steps {
    async fn say(&mut self, event: &TurnEvent) -> bool {
        match self {
            Self::Events(to) => {
                let name = match event {
                    TurnEvent::Turn { .. } => "turn",
                    TurnEvent::Text { .. } => "text",
                };
                to.send(None, Some(name), event).await
            }
            Self::Lines(to) => {
                let Ok(mut line) = serde_json::to_vec(event) else {
                    return false;
                };
                line.push(b'\n');
                to.send_data(line.into()).await.is_ok()
            }
        }
    }

    async fn turn(&mut self, turn: Turn) -> bool {
        self.say(&TurnEvent::Turn { turn: Box::new(turn) }).await
    }
}

/// Ends also when the turn's session is renamed and the caller may not watch it any more.
async fn pour(turn: Result<Arc<Live>, Turn>, mut to: Steps, caller: Caller) {
    let live = match turn {
        Ok(live) => live,
        Err(over) => {
            to.turn(over).await;
            return;
        }
    };
    let (mut turns, mut growing) = (live.follow(), live.grow());
    let mut streamed = Streamed::default();
    loop {
        let turn = turns.borrow_and_update().clone();
        if !caller.may(Action::Watch, &turn.session) {
            return;
        }
        let is_over = turn.state.is_final();
        if is_over
            && let Some(text) = streamed.rest(turn.reply.as_ref().map(|reply| reply.text.as_str()))
            && !to.say(&TurnEvent::Text { text }).await
        {
            return;
        }
        if !to.turn(turn).await || is_over {
            return;
        }
        loop {
            tokio::select! {
                changed = turns.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                _ = growing.changed() => {
                    let grown = streamed.grown(&growing.borrow_and_update());
                    if let Some(text) = grown && !to.say(&TurnEvent::Text { text }).await {
                        return;
                    }
                }
            }
        }
    }
}

/// What of an answer a reader has.
#[derive(Default)]
struct Streamed(String);

impl Streamed {
    /// What can be added: whole lines, for the last one may still change.
    fn grown(&mut self, shown: &str) -> Option<String> {
        let stable = shown.rfind('\n').map_or("", |end| &shown[..=end]);
        let more = stable
            .strip_prefix(self.0.as_str())
            .filter(|more| !more.is_empty())?
            .to_owned();
        self.0.push_str(&more);
        Some(more)
    }

    /// What is missing at the end. An answer that does not continue what was streamed can't be mended: its renderer
    /// showed it otherwise; then only what comes behind the lines that were streamed is added.
    fn rest(&mut self, reply: Option<&str>) -> Option<String> {
        let reply = reply?;
        let rest = if let Some(rest) = reply.strip_prefix(self.0.as_str()) {
            rest.to_owned()
        } else {
            let lines = self.0.lines().filter(|line| !line.trim().is_empty()).count();
            let kept = reply.lines().filter(|line| !line.trim().is_empty()).skip(lines);
            kept.collect::<Vec<_>>().join("\n")
        };
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_streamed_by_whole_lines_and_ends_whole() {
        let mut streamed = Streamed::default();
        assert_eq!(streamed.grown("one"), None);
        assert_eq!(streamed.grown("one\ntw"), Some("one\n".to_owned()));
        assert_eq!(streamed.grown("one\ntwo\nth"), Some("two\n".to_owned()));
        assert_eq!(streamed.rest(Some("one\ntwo\nthree")), Some("three".to_owned()));
    }

    #[test]
    fn what_was_streamed_is_not_said_twice() {
        let mut streamed = Streamed::default();
        streamed.grown("a\nb\n");
        assert_eq!(streamed.rest(Some("**a**\nb\nc")), Some("c".to_owned()));
        assert_eq!(streamed.rest(Some("a\nb\n")), None);
        assert_eq!(streamed.rest(None), None);
    }
}
