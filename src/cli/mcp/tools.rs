//! The tools: each is one request to the daemon, over a connection of its own, so that one can wait while another is called.

use std::sync::Arc;

use llmux_protocol::api::{
    AgentView, AnswerRequest, Answered, BroadcastReply, BroadcastRequest, ScreenView, SessionReply,
    SessionView, StartRequest, StopRequest, Stopped, Turn, TurnRequest, TurnState, TurnWait, WaitFor,
};
use rmcp::{
    ServerHandler,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock},
    tool, tool_handler, tool_router,
};
use serde_json::{Value, json};

use super::asked;
use crate::{
    cli::{
        context::Context,
        failure::Failure,
        session,
        turn::{self, outcome},
    },
    client::session_path,
};

/// How long a reply is waited for if nobody says: longer than most turns, shorter than a client's patience.
const PATIENCE_SECS: u64 = 600;

#[derive(Clone)]
pub(super) struct Tools {
    context: Arc<Context>,
}

#[tool_handler(
    name = "llmux",
    instructions = "Drives other AI agents, each in a terminal session of its own. start_session starts one, prompt asks it and returns its reply. When a turn is blocked, the agent asks something: answer it with answer, then wait_turn for the reply."
)]
impl ServerHandler for Tools {}

#[tool_router]
impl Tools {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context: Arc::new(context),
        }
    }

    #[tool(
        description = "List all agent sessions, with what each is doing",
        annotations(read_only_hint = true)
    )]
    async fn list_sessions(&self) -> CallToolResult {
        said(self.sessions().await)
    }

    #[tool(
        description = "List the agents that can be started here",
        annotations(read_only_hint = true)
    )]
    async fn list_agents(&self) -> CallToolResult {
        said(self.agents().await)
    }

    #[tool(description = "Start an agent in a new session")]
    async fn start_session(&self, Parameters(asked): Parameters<asked::Start>) -> CallToolResult {
        said(self.start(asked).await)
    }

    #[tool(
        description = "Send a prompt to a session and return the agent's reply, or what the agent asks before it can go on"
    )]
    async fn prompt(&self, Parameters(asked): Parameters<asked::Prompt>) -> CallToolResult {
        match self.ask(asked).await {
            Ok(turn) => told(&turn),
            Err(failure) => refused(&failure),
        }
    }

    #[tool(
        description = "Wait for the end of a turn and return the agent's reply",
        annotations(read_only_hint = true)
    )]
    async fn wait_turn(&self, Parameters(asked): Parameters<asked::Wait>) -> CallToolResult {
        match self.follow(&asked.turn, asked.timeout_secs).await {
            Ok(turn) => told(&turn),
            Err(failure) => refused(&failure),
        }
    }

    #[tool(
        description = "Read what a session's terminal shows",
        annotations(read_only_hint = true)
    )]
    async fn read_screen(&self, Parameters(asked): Parameters<asked::Session>) -> CallToolResult {
        match self.screen(&asked.session).await {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(failure) => refused(&failure),
        }
    }

    #[tool(description = "Answer what an agent asks")]
    async fn answer(&self, Parameters(asked): Parameters<asked::Answer>) -> CallToolResult {
        said(self.reply(asked).await)
    }

    #[tool(description = "Send a prompt to every running session of an agent; no reply is waited for")]
    async fn broadcast(&self, Parameters(asked): Parameters<asked::Broadcast>) -> CallToolResult {
        said(self.send_all(asked).await)
    }

    #[tool(
        description = "End a session and forget it",
        annotations(destructive_hint = true)
    )]
    async fn stop_session(&self, Parameters(asked): Parameters<asked::Stop>) -> CallToolResult {
        said(self.stop(asked).await)
    }
}

impl Tools {
    async fn sessions(&self) -> Result<Value, Failure> {
        let sessions: Vec<SessionView> = self.context.client().await?.get("/api/sessions").await?;
        let row = |session: &SessionView| {
            json!({
                "name": session.name, "agent": session.agent, "state": session.state, "cwd": session.cwd,
                "parent": session.parent, "activity": session.activity,
            })
        };
        Ok(json!({ "sessions": sessions.iter().map(row).collect::<Vec<_>>() }))
    }

    async fn agents(&self) -> Result<Value, Failure> {
        let agents: Vec<AgentView> = self.context.client().await?.get("/api/agents").await?;
        let row =
            |agent: &AgentView| json!({ "key": agent.key, "name": agent.display_name, "flags": agent.flags });
        Ok(json!({ "agents": agents.iter().map(row).collect::<Vec<_>>() }))
    }

    async fn start(&self, asked: asked::Start) -> Result<Value, Failure> {
        let cwd = asked.cwd.as_deref().map(std::path::Path::new);
        let request = StartRequest {
            agent: asked.agent,
            name: asked.name,
            cwd: session::cwd(cwd, &self.context)?,
            flags: asked.flags,
            env: asked.env,
            init_prompts: None,
            parent: session::parent(&self.context)?,
            size: None,
            skip_init: false,
            resume_from: None,
            hooks: None,
        };
        let SessionReply { session, .. } = self
            .context
            .client()
            .await?
            .post("/api/sessions", &request)
            .await?;
        Ok(json!({
            "name": session.name, "agent": session.agent, "cwd": session.cwd, "warnings": session.warnings,
        }))
    }

    async fn ask(&self, asked: asked::Prompt) -> Result<Turn, Failure> {
        let request = TurnRequest {
            wait: WaitFor::Queued,
            key: asked.key,
            ..TurnRequest::new(asked.text)
        };
        let path = session_path(&asked.session, "turns");
        let turn: Turn = self.context.client().await?.post(&path, &request).await?;
        if asked.wait == Some(false) {
            return Ok(turn);
        }
        self.follow(&turn.id, asked.timeout_secs).await
    }

    async fn follow(&self, id: &str, timeout_secs: Option<u64>) -> Result<Turn, Failure> {
        let wait = TurnWait {
            timeout_ms: Some(timeout_secs.unwrap_or(PATIENCE_SECS).saturating_mul(1000)),
            through_dialogs: false,
        };
        let mut client = self.context.client().await?;
        let ended = turn::end(&mut client, id, &wait).await;
        ended
            .map_err(|error| Failure::from(error).hint(format!("the turn goes on: wait_turn with turn {id}")))
    }

    async fn screen(&self, name: &str) -> Result<String, Failure> {
        let screen: ScreenView = self
            .context
            .client()
            .await?
            .get(&session_path(name, "screen"))
            .await?;
        Ok(screen.lines.join("\n").trim_end().to_owned())
    }

    async fn reply(&self, asked: asked::Answer) -> Result<Value, Failure> {
        let request = AnswerRequest {
            choice: asked.choice,
            dialog: asked.dialog,
        };
        let path = session_path(&asked.session, "answer");
        let answered: Answered = self.context.client().await?.post(&path, &request).await?;
        Ok(json!({ "answered": answered.choice, "question": answered.dialog.question }))
    }

    async fn send_all(&self, asked: asked::Broadcast) -> Result<Value, Failure> {
        let request = BroadcastRequest {
            agent: asked.agent,
            prompt: asked.text,
            no_turnq: false,
        };
        let reply: BroadcastReply = self
            .context
            .client()
            .await?
            .post("/api/broadcast", &request)
            .await?;
        Ok(json!({ "sent": reply.sent, "failed": reply.failed, "sessions": reply.total }))
    }

    async fn stop(&self, asked: asked::Stop) -> Result<Value, Failure> {
        let request = StopRequest {
            cascade: asked.cascade.unwrap_or(false),
        };
        let path = session_path(&asked.session, "kill");
        let stopped: Stopped = self.context.client().await?.post(&path, &request).await?;
        Ok(json!({ "stopped": stopped.names }))
    }
}

fn said(result: Result<Value, Failure>) -> CallToolResult {
    match result {
        Ok(value) => CallToolResult::structured(value),
        Err(failure) => refused(&failure),
    }
}

/// What a turn has come to. A question is no error: it is to be answered.
fn told(turn: &Turn) -> CallToolResult {
    let value = json!({
        "turn": turn.id, "session": turn.session, "state": turn.state,
        "reply": turn.reply.as_ref().map(|reply| &reply.text),
        "complete": turn.reply.as_ref().map(|reply| reply.complete),
        "dialog": turn.dialog,
    });
    match outcome::check(turn) {
        Err(failure) if turn.state != TurnState::Blocked => refused(&failure),
        _ => CallToolResult::structured(value),
    }
}

/// A failure as the model is told of it: what is wrong, and what to do.
fn refused(failure: &Failure) -> CallToolResult {
    let mut text = failure.message();
    for hint in failure.hints() {
        text += "\nhint: ";
        text += hint;
    }
    CallToolResult::error(vec![ContentBlock::text(text)])
}
