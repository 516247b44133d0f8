//! `/api/openapi.json`: the API as a document. Each route has a line here; a test compares them with the router.

use std::collections::BTreeMap;

use axum::{Json, http::header::CONTENT_TYPE, response::IntoResponse};
use llmux_protocol::api::{
    AgentView, AnswerRequest, Answered, ApiError, BroadcastReply, BroadcastRequest, ConversationView,
    DaemonStatus, Directories, Done, EditRequest, Event, Explanation, FoundView, Handover, HookRequest,
    InitPromptsReply, InitPromptsRequest, KeyRequest, LogEntry, LogsView, ModelsView, NewChatReply,
    PushRequest, PushView, RestartRequest, ResumeRequest, ScreenView, SendRequest, Sent, SessionReply,
    SessionView, SettingsView, StartRequest, StopRequest, Stopped, TranscriptTurn, TranscriptView, Turn,
    TurnCancel, TurnEvent, TurnRequest, TurnWait, TurnqReply, TurnqRequest, UploadRequest, Uploaded,
    WaitOutcome, WaitRequest,
};
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, Content, HttpMethod, Info, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required,
        ResponseBuilder,
        path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{Array, ObjectBuilder, Schema, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

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
        .answers_something();
    api.get("/metrics", "Counters and times, for Prometheus")
        .answers_bytes("application/openmetrics-text; version=1.0.0; charset=utf-8");
    api.get("/api/openapi.json", "This document").answers_something();
    api.get("/api/version", "The program's version")
        .answers_something();
    api.get("/api/daemon", "What the daemon is doing")
        .answers::<DaemonStatus>();
    api.post("/api/daemon/stop", "Ends the daemon; agents run on")
        .answers_something();
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
        "What happens to sessions, agents and turns; `reset` says that something was missed",
    )
    .streams::<Event>();
    api.get("/api/agents", "The agents installed on the daemon's host")
        .lists::<AgentView>();
    api.get("/api/agents/all", "All agents of the catalog")
        .lists::<AgentView>();
    sessions(&mut api);
    conversations(&mut api);
    turns(&mut api);
    api.finish()
}

fn sessions(api: &mut Api) {
    api.get("/api/sessions", "All sessions, the youngest first")
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

/// The document as it grows.
#[derive(Default)]
struct Api {
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

/// A route that is being written down.
struct Route<'a> {
    api: &'a mut Api,
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
}

impl Api {
    fn get(&mut self, path: &'static str, summary: &str) -> Route<'_> {
        self.on(HttpMethod::Get, path, summary)
    }

    fn post(&mut self, path: &'static str, summary: &str) -> Route<'_> {
        self.on(HttpMethod::Post, path, summary)
    }

    fn on(&mut self, method: HttpMethod, path: &'static str, summary: &str) -> Route<'_> {
        let mut operation = OperationBuilder::new().summary(Some(summary));
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(
                        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)),
                    )),
            );
        }
        Route {
            api: self,
            method,
            path,
            operation,
        }
    }

    /// A reference to a type's schema, which is kept with all that it refers to.
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found);
        Ref::from_schema_name(T::name()).into()
    }

    fn finish(self) -> OpenApi {
        let mut info = Info::new("llmux", env!("CARGO_PKG_VERSION"));
        info.description =
            Some("AI agent CLIs in named tmux sessions. A failed request answers an `ApiError`.".to_owned());
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme("token", bearer)
            .build();
        OpenApiBuilder::new()
            .info(info)
            .paths(self.paths)
            .components(Some(components))
            .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(
                "token",
                [],
            )]))
            .build()
    }
}

impl Route<'_> {
    /// Needs no token.
    fn open(mut self) -> Self {
        self.operation = self.operation.securities(Some([]));
        self
    }

    fn query(self, name: &str, kind: &Type, description: &str) -> Self {
        let mut schema = ObjectBuilder::new().schema_type(kind.clone());
        if *kind == Type::Integer {
            schema = schema.minimum(Some(0)).maximum(Some(u32::MAX));
        }
        self.parameter(name, Required::False, schema.build().into(), description)
    }

    fn required_query(self, name: &str, kind: Type, description: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(kind).build();
        self.parameter(name, Required::True, schema.into(), description)
    }

    fn query_of(self, name: &str, values: &[&str], description: &str) -> Self {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(values.iter().copied()))
            .build();
        self.parameter(name, Required::False, schema.into(), description)
    }

    fn parameter(mut self, name: &str, required: Required, schema: Schema, description: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .schema(Some(schema))
            .description(Some(description));
        self.operation = self.operation.parameter(parameter);
        self
    }

    fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.api.schema::<T>();
        // Where nothing must be said, no body is as good as an empty one.
        let may_lack = matches!(T::schema(), RefOr::T(Schema::Object(object)) if object.required.is_empty());
        let required = if may_lack { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new()
            .content("application/json", Content::new(Some(schema)))
            .required(Some(required))
            .build();
        self.operation = self.operation.request_body(Some(body));
        self
    }

    fn answers<T: ToSchema>(self) {
        self.answers_in::<T>(&[]);
    }

    /// As JSON, or in these other forms.
    fn answers_in<T: ToSchema>(self, others: &[&str]) {
        let schema = self.api.schema::<T>();
        self.end("application/json", Some(schema), others);
    }

    fn lists<T: ToSchema>(self) {
        let item = self.api.schema::<T>();
        let schema = Schema::Array(Array::new(item));
        self.end("application/json", Some(schema.into()), &[]);
    }

    /// As events, whose data is this in JSON.
    fn streams<T: ToSchema>(self) {
        self.streams_in::<T>(&[]);
    }

    fn streams_in<T: ToSchema>(self, others: &[&str]) {
        self.api.schema::<T>();
        self.end("text/event-stream", None, others);
    }

    fn answers_bytes(self, content_type: &str) {
        self.end(content_type, None, &[]);
    }

    fn answers_something(self) {
        let schema = ObjectBuilder::new().schema_type(Type::Object).build();
        self.end("application/json", Some(Schema::Object(schema).into()), &[]);
    }

    fn end(self, content_type: &str, schema: Option<RefOr<Schema>>, others: &[&str]) {
        let failure = self.api.schema::<ApiError>();
        let any = || Content::new(None::<RefOr<Schema>>);
        let mut good = ResponseBuilder::new().description("Done");
        good = good.content(
            content_type,
            schema.map_or_else(any, |schema| Content::new(Some(schema))),
        );
        for other in others {
            good = good.content(*other, any());
        }
        let bad = ResponseBuilder::new()
            .description("Why it was not done")
            .content("application/json", Content::new(Some(failure)));
        let operation: Operation = self
            .operation
            .response("200", good.build())
            .response("default", bad.build())
            .build();
        self.api
            .paths
            .add_path_operation(self.path, vec![self.method], operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_its_line() {
        let document = document();
        // The router can't be asked; its text can.
        let router = include_str!("mod.rs");
        let routed = router
            .split(".route(")
            .skip(1)
            .filter_map(|line| line.split('"').nth(1));
        for path in routed {
            assert!(
                document.paths.paths.contains_key(path),
                "{path} is not in the document"
            );
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
