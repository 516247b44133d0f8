//! A model server on the loopback that speaks the protocols of the agents under test and remembers what it was asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use http_body_util::channel::{Channel, Sender};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

use self::{
    answer::Answer,
    ask::Ask,
    wire::{Route, Wire, event},
};
pub use self::{
    answer::reply,
    ask::{Way, token},
};

mod answer;
mod ask;
mod chat;
mod gemini;
mod messages;
mod responses;
mod wire;

/// What became of a prompt.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// The prompt as it arrived.
    pub prompt: String,
    /// The tokens of the conversation it stands in.
    pub tokens: BTreeSet<String>,
    /// How often it was asked, with tool results and retries.
    pub asked: usize,
    /// When the last byte of the answer was written.
    pub last_byte: Option<SystemTime>,
}

/// What the server remembers.
#[derive(Debug, Default)]
struct Memory {
    prompts: BTreeMap<String, Served>,
    strangers: Vec<String>,
    /// Where tools are to work.
    cwd: String,
}

type Shared = Arc<Mutex<Memory>>;

/// The server; it ends with the value.
pub struct Model {
    address: SocketAddr,
    memory: Shared,
    _runtime: Runtime,
}

impl Model {
    /// Starts it on the loopback, for agents that work in this directory.
    pub fn start(cwd: &Path) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let memory = Shared::default();
        lock(&memory).cwd = cwd.to_string_lossy().into_owned();
        let app = Router::new().fallback(serve).with_state(Arc::clone(&memory));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            address,
            memory,
            _runtime: runtime,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What became of the prompt with this token, if it arrived.
    pub fn served(&self, token: &str) -> Option<Served> {
        lock(&self.memory).prompts.get(token).cloned()
    }

    /// Requests that no protocol has.
    pub fn strangers(&self) -> Vec<String> {
        lock(&self.memory).strangers.clone()
    }
}

fn lock(memory: &Shared) -> MutexGuard<'_, Memory> {
    memory.lock().expect("no test panics while it remembers")
}

async fn serve(State(memory): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match Route::of(uri.path(), &body) {
        Some(Route::Models) => {
            json_of(&json!({"object": "list", "data": [{"id": "lab", "object": "model"}]}))
        }
        Some(Route::Count) => json_of(&json!({"input_tokens": 9, "totalTokens": 9})),
        Some(Route::Answer { wire, streamed }) => answer(memory, wire, streamed, &body).await,
        None => {
            lock(&memory).strangers.push(format!("{method} {}", uri.path()));
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

async fn answer(memory: Shared, wire: &'static Wire, streamed: bool, body: &Value) -> Response {
    let ask = Ask::read(body);
    let token = ask
        .prompt
        .as_ref()
        .filter(|_| ask.is_turn())
        .map(|p| p.token.clone());
    if let (Some(token), Some(prompt)) = (&token, &ask.prompt) {
        let mut memory = lock(&memory);
        let served = memory.prompts.entry(token.clone()).or_default();
        served.prompt.clone_from(&prompt.text);
        served.tokens.clone_from(&ask.tokens);
        served.asked += 1;
    }
    let token = token.unwrap_or_default();
    let cwd = lock(&memory).cwd.clone();
    match Answer::to(&ask, &cwd) {
        Answer::Refuse => refusal(),
        Answer::Mute => std::future::pending().await,
        Answer::Text { pieces, .. } if !streamed => json_of(&(wire.whole)(&pieces.concat())),
        answer => {
            let (sender, body) = Channel::new(1);
            tokio::spawn(stream(memory, token, wire, answer, sender));
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(body)).into_response()
        }
    }
}

/// Writes an answer piece by piece; an agent that hangs up ends it.
async fn stream(memory: Shared, token: String, wire: &Wire, answer: Answer, mut sender: Sender<Bytes>) {
    let is_end = matches!(answer, Answer::Text { .. });
    if write(wire, &token, answer, &mut sender).await.is_some()
        && is_end
        && let Some(served) = lock(&memory).prompts.get_mut(&token)
    {
        // Some agents go on asking in the background afterwards, with the whole conversation.
        served.last_byte.get_or_insert_with(SystemTime::now);
    }
}

async fn write(wire: &Wire, token: &str, answer: Answer, sender: &mut Sender<Bytes>) -> Option<()> {
    match answer {
        Answer::Call { tool, arguments } => send(sender, &(wire.call)(&tool, &arguments, token)).await?,
        Answer::Hang { words } => {
            send(sender, &(wire.open)()).await?;
            send(sender, &[(wire.piece)(&words)]).await?;
            std::future::pending::<()>().await;
        }
        Answer::Text { pieces, pause } => {
            send(sender, &(wire.open)()).await?;
            for piece in &pieces {
                send(sender, &[(wire.piece)(piece)]).await?;
                if pause > Duration::ZERO {
                    tokio::time::sleep(pause).await;
                }
            }
            send(sender, &(wire.close)(&pieces.concat())).await?;
        }
        Answer::Refuse | Answer::Mute => {}
    }
    sender
        .send_data(Bytes::from_static(wire.end.as_bytes()))
        .await
        .ok()
}

async fn send(sender: &mut Sender<Bytes>, events: &[Value]) -> Option<()> {
    let text: String = events.iter().map(event).collect();
    sender.send_data(Bytes::from(text)).await.ok()
}

fn refusal() -> Response {
    let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "the lab refuses this",
        "code": 400, "status": "INVALID_ARGUMENT"}});
    (
        StatusCode::BAD_REQUEST,
        [(header::CONTENT_TYPE, "application/json")],
        error.to_string(),
    )
        .into_response()
}

fn json_of(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
