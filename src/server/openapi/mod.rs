//! `/api/openapi.json`: the API as a document. Each route has a line here; a test compares them with the table of routes.

mod accounts;
mod write;

use axum::{Json, http::header::CONTENT_TYPE, response::IntoResponse};
use llmux_protocol::api::{
    AgentView, AnswerRequest, Answered, BroadcastReply, BroadcastRequest, ConversationView, DaemonStatus,
    Directories, Done, EditRequest, Event, Explanation, FoundView, Handover, HookRequest, InitPromptsReply,
    InitPromptsRequest, KeyRequest, LogEntry, LogsView, ModelsView, NewChatReply, PushRequest, PushView,
    ReloadReply, RestartRequest, ResumeRequest, ScreenView, SendRequest, Sent, SessionReply, SessionView,
    SettingsView, StartRequest, StopRequest, Stopped, TranscriptTurn, TranscriptView, Turn, TurnCancel,
    TurnEvent, TurnRequest, TurnWait, TurnqReply, TurnqRequest, UploadRequest, Uploaded, WaitOutcome,
    WaitRequest,
};
use utoipa::openapi::{HttpMethod, OpenApi, schema::Type};

use self::write::Api;

pub(super) async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], Json(document()))
}

/// The whole document.
pub(crate) fn document() -> OpenApi {
    let mut api = Api::default();
    api.get("/health", "Whether the daemon lives")
        .open()
        .answers_something();
    api.get("/ready", "Whether requests can be carried out")
        .open()
        .answers_something();
    api.get("/metrics", "Counters and times, for Prometheus")
        .answers_bytes("application/openmetrics-text; version=1.0.0; charset=utf-8");
    api.get("/api/openapi.json", "This document").answers_something();
    api.get("/api/version", "The program's version")
        .open()
        .answers_something();
    api.get("/api/daemon", "What the daemon is doing")
        .answers::<DaemonStatus>();
    api.post("/api/daemon/stop", "Ends the daemon; agents run on")
        .answers_something();
    api.post(
        "/api/daemon/reload",
        "Reads the configuration again, and answers when it is in effect",
    )
    .answers::<ReloadReply>();
    api.post(
        "/api/daemon/handover",
        "Gives the listening sockets to another daemon",
    )
    .takes::<Handover>()
    .answers_something();
    api.get("/api/settings", "How the daemon is set up")
        .answers::<SettingsView>();
    api.on(
        HttpMethod::Put,
        "/api/settings/init-prompts",
        "Replaces the prompts typed into each new session",
    )
    .takes::<InitPromptsRequest>()
    .answers::<InitPromptsReply>();
    api.on(
        HttpMethod::Put,
        "/api/settings/turnq",
        "Replaces how strict turn order is kept",
    )
    .takes::<TurnqRequest>()
    .answers::<TurnqReply>();
    api.on(
        HttpMethod::Delete,
        "/api/settings/overlay",
        "Takes back what was changed of the settings",
    )
    .answers::<SettingsView>();
    api.get("/api/push", "Whether devices can be told while no page is open")
        .answers::<PushView>();
    api.on(
        HttpMethod::Put,
        "/api/push/subscription",
        "Has the device that asks told from now on",
    )
    .takes::<PushRequest>()
    .answers::<Done>();
    api.on(
        HttpMethod::Delete,
        "/api/push/subscription",
        "Tells the device that asks nothing any more",
    )
    .answers::<Done>();
    api.get("/api/logs", "The end of the daemon's log")
        .answers::<LogsView>();
    api.get("/api/logs/stream", "The daemon's log as it is written")
        .query("backlog", &Type::Integer, "How many lines from before are wanted")
        .streams::<LogEntry>();
    api.get(
        "/api/events",
        "What happens to the sessions one may watch, their agents and turns; `reset` says that something was missed",
    )
    .query("after", &Type::String, "The id of the event behind which to begin, as `x-llmux-event` of the list of sessions has it; one that is no longer known is answered by `reset`")
    .streams::<Event>();
    api.get("/api/agents", "The agents installed on the daemon's host")
        .lists::<AgentView>();
    api.get("/api/agents/all", "All agents of the catalog")
        .lists::<AgentView>();
    sessions(&mut api);
    conversations(&mut api);
    turns(&mut api);
    accounts::write(&mut api);
    api.finish()
}

fn sessions(api: &mut Api) {
    api.get("/api/sessions", "All sessions, the youngest first; the header `x-llmux-event` names the last event that the list knows of")
        .lists::<SessionView>();
    api.post("/api/sessions", "Starts an agent in a session of its own")
        .takes::<StartRequest>()
        .answers::<SessionReply>();
    api.get("/api/sessions/{name}", "One session")
        .answers::<SessionView>();
    api.on(
        HttpMethod::Patch,
        "/api/sessions/{name}",
        "Changes a session; an absent field stays as it is",
    )
    .takes::<EditRequest>()
    .answers::<SessionReply>();
    api.post(
        "/api/sessions/{name}/stop",
        "Ends a session's program and keeps its record",
    )
    .takes::<StopRequest>()
    .answers::<Stopped>();
    api.post(
        "/api/sessions/{name}/kill",
        "Ends a session's program and forgets it",
    )
    .takes::<StopRequest>()
    .answers::<Stopped>();
    api.post(
        "/api/sessions/{name}/respawn",
        "Starts a session anew as it was set up",
    )
    .takes::<RestartRequest>()
    .answers::<SessionReply>();
    api.post(
        "/api/sessions/{name}/resume",
        "Starts a session anew in a stored conversation",
    )
    .takes::<ResumeRequest>()
    .answers::<SessionReply>();
    api.post("/api/sessions/{name}/key", "Presses a key")
        .takes::<KeyRequest>()
        .answers::<Done>();
    api.post("/api/sessions/{name}/interrupt", "Presses Escape")
        .answers::<Done>();
    api.post(
        "/api/sessions/{name}/upload",
        "Gives a session a file, below its directory",
    )
    .takes::<UploadRequest>()
    .answers::<Uploaded>();
    api.get(
        "/api/sessions/{name}/uploads/{file}",
        "A picture that was uploaded",
    )
    .answers_bytes("image/png");
    api.get("/api/sessions/{name}/screen", "What a session shows")
        .query_of(
            "format",
            &["json", "text", "ansi"],
            "A value, its rows, or what draws it",
        )
        .answers_in::<ScreenView>(&["text/plain; charset=utf-8", "application/octet-stream"]);
    api.get(
        "/api/sessions/{name}/output",
        "The screen, then all output as it comes",
    )
    .answers_bytes("application/octet-stream");
    api.post("/api/sessions/{name}/wait", "Waits for a condition on a session")
        .takes::<WaitRequest>()
        .answers::<WaitOutcome>();
    api.get(
        "/api/sessions/{name}/explain",
        "What an agent is doing and how that is known",
    )
    .answers::<Explanation>();
    api.post("/api/sessions/{name}/answer", "Answers what an agent asks")
        .takes::<AnswerRequest>()
        .answers::<Answered>();
    api.post(
        "/api/sessions/{name}/hook",
        "What agents call when something happens in them",
    )
    .takes::<HookRequest>()
    .answers::<Done>();
    api.get(
        "/api/sessions/{name}/models",
        "The models an agent can be started with",
    )
    .answers::<ModelsView>();
}

fn conversations(api: &mut Api) {
    api.get(
        "/api/directories",
        "The directories of the daemon's host whose path begins so, at most 50",
    )
    .query(
        "beginning",
        &Type::String,
        "The beginning of the path; `~` is the daemon's home",
    )
    .answers::<Directories>();
    api.post(
        "/api/sessions/{name}/new-chat",
        "Begins a new conversation in a running session",
    )
    .answers::<NewChatReply>();
    api.get(
        "/api/sessions/{name}/transcript",
        "The end of the conversation a session is in",
    )
    .answers::<TranscriptView>();
    api.get(
        "/api/sessions/{name}/transcript/stream",
        "The conversation a session is in as it grows; `reset` says that it is another one",
    )
    .query(
        "looks",
        &Type::Boolean,
        "Whether a person has it before their eyes: as long as they have, their other devices are told nothing of it",
    )
    .streams::<TranscriptTurn>();
    api.get(
        "/ws/{name}",
        "A session's terminal: the upgrade to the WebSocket of protocol/websocket.md",
    )
    .answers_something();
    api.get(
        "/api/sessions/{name}/conversations",
        "The stored conversations of a session's directory",
    )
    .lists::<ConversationView>();
    api.get(
        "/api/conversations",
        "The stored conversations of an agent in any directory",
    )
    .query("agent", &Type::String, "The agent's key")
    .query("cwd", &Type::String, "The directory")
    .lists::<ConversationView>();
    api.get("/api/history/search", "Where something was said")
        .required_query("text", Type::String, "The words, in any case")
        .query("agent", &Type::String, "Only with this agent")
        .query(
            "cwd",
            &Type::String,
            "The directory; the daemon's home without it",
        )
        .lists::<FoundView>();
}

fn turns(api: &mut Api) {
    api.post("/api/sessions/{name}/turns", "Sends a prompt")
        .takes::<TurnRequest>()
        .answers::<Turn>();
    api.get(
        "/api/sessions/{name}/turns",
        "A session's turns, the youngest first",
    )
    .query("limit", &Type::Integer, "How many at most")
    .lists::<Turn>();
    api.post("/api/sessions/{name}/send", "Types a prompt, without a receipt")
        .takes::<SendRequest>()
        .answers::<Sent>();
    api.post(
        "/api/broadcast",
        "Types a prompt into every running session of an agent",
    )
    .takes::<BroadcastRequest>()
    .answers::<BroadcastReply>();
    api.get("/api/turns/{id}", "One turn").answers::<Turn>();
    api.post(
        "/api/turns/{id}/wait",
        "Waits for the end of a turn, or for a question",
    )
    .takes::<TurnWait>()
    .answers::<Turn>();
    api.post("/api/turns/{id}/cancel", "Cancels a turn")
        .takes::<TurnCancel>()
        .answers::<Turn>();
    api.get(
        "/api/turns/{id}/events",
        "A turn and its growing reply; lines of JSON, or events where `Accept` asks for them",
    )
    .streams_in::<TurnEvent>(&["application/x-ndjson"]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::{Need, pages, routes};

    #[test]
    fn every_method_of_every_route_has_its_line_and_nothing_else_has() {
        let pages = pages::routes();
        let pages: BTreeSet<&str> = pages.entries().map(|(_, path, _)| path).collect();
        let routed: BTreeSet<String> = routes()
            .entries()
            .filter(|(_, path, _)| !pages.contains(path))
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        let document = serde_json::to_value(document()).unwrap();
        let written: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        assert_eq!(routed, written);
    }

    #[test]
    fn what_needs_no_token_says_so() {
        let document = serde_json::to_value(document()).unwrap();
        for (method, path, need) in routes().entries() {
            let operation = &document["paths"][path][method.as_str().to_lowercase()];
            let is_open = matches!(need, Need::Open | Need::SignIn);
            if operation.is_object() {
                assert_eq!(
                    operation["security"] == serde_json::json!([]),
                    is_open,
                    "{method} {path}"
                );
            }
        }
    }

    fn value(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap_or_default()
    }

    #[test]
    fn the_document_that_clients_are_made_from_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/protocol/openapi.json");
        let now = document().to_pretty_json().unwrap() + "\n";
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        if value(&kept) != value(&now) {
            if std::env::var_os("LLMUX_UPDATE_OPENAPI").is_some() {
                std::fs::write(path, now).unwrap();
                return;
            }
            panic!("protocol/openapi.json is not what the routes are; LLMUX_UPDATE_OPENAPI=1 writes it anew");
        }
    }
}
