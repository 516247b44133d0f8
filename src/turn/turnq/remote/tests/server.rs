//! A turnq server as the contract describes it, with faults on demand. Its runtime is its own, so that it can be killed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::Bytes;
use http_body_util::{
    BodyExt,
    channel::{Channel as Stream, Sender},
};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

pub(super) const KEY: &str = "sesame";

type Shared = Arc<Mutex<Inner>>;

#[derive(Default)]
pub(super) struct Inner {
    channels: HashMap<String, Channel>,
    /// What was asked, one line each.
    pub(super) log: Vec<String>,
    /// Whether a place survives its stream.
    pub(super) keeps_places: bool,
    /// How many answers to `enqueue` are lost.
    pub(super) lost_answers: usize,
    pub(super) max_depth: Option<usize>,
    /// Instead of what clients ask for.
    pub(super) lease_ms: Option<u64>,
    next: u64,
}

struct Channel {
    lease_ms: u64,
    queue: Vec<Entry>,
    /// Whether the first has the turn.
    active: bool,
}

struct Entry {
    client: String,
    request: String,
    out: Option<Sender<Bytes>>,
}

pub(super) struct Server {
    runtime: Option<Runtime>,
    port: u16,
    shared: Shared,
}

impl Server {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared::default();
        let app = router(shared.clone());
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            runtime: Some(runtime),
            port,
            shared,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap()
    }

    /// Waits for what a request or a connection's end brings about.
    pub(super) async fn until(&self, holds: impl Fn(&Inner) -> bool) {
        while !holds(&self.inner()) {
            tokio::task::yield_now().await;
        }
    }

    /// Ends it and its connections, as SIGKILL does.
    pub(super) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Inner {
    pub(super) fn depth(&self, channel: &str) -> usize {
        self.channels
            .get(channel)
            .map_or(0, |channel| channel.queue.len())
    }

    /// How many of the queue listen.
    pub(super) fn listeners(&self, channel: &str) -> usize {
        let queue = self.channels.get(channel).map(|channel| &channel.queue);
        let queue = queue.into_iter().flatten();
        queue.filter(|entry| entry.out.is_some()).count()
    }

    pub(super) fn count(&self, line: &str) -> usize {
        self.log.iter().filter(|logged| *logged == line).count()
    }

    /// Sends an event to all streams, or to the first of each channel.
    pub(super) fn tell(&mut self, text: &str) {
        for entry in self.entries() {
            send(entry, text);
        }
    }

    /// Ends all streams.
    pub(super) fn break_streams(&mut self) {
        for entry in self.entries() {
            entry.out = None;
        }
    }

    /// Forgets everything that a restart forgets.
    pub(super) fn forget(&mut self) {
        self.channels.clear();
    }

    fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.channels.values_mut().flat_map(|channel| &mut channel.queue)
    }

    /// Takes the first, who has the turn, out of the queue.
    fn end_turn(&mut self, channel: &str) -> bool {
        match self.channels.get_mut(channel) {
            Some(found) if found.active => {
                found.active = false;
                found.queue.remove(0);
                true
            }
            _ => false,
        }
    }

    /// Takes a client out of the queue.
    fn leave(&mut self, channel: &str, client: &str) {
        let Some(found) = self.channels.get_mut(channel) else {
            return;
        };
        if let Some(at) = found.queue.iter().position(|entry| entry.client == client) {
            found.active &= at != 0;
            found.queue.remove(at);
        }
    }
}

fn send(entry: &mut Entry, text: &str) {
    if let Some(out) = &mut entry.out {
        // A comment and foreign line ends, which a client must bear everywhere.
        let text = format!(": keepalive\r\n\r\n{text}");
        out.try_send(Frame::data(text.into())).unwrap();
    }
}

/// Gives the turn to the first if nobody has it.
fn grant(shared: &Shared, inner: &mut Inner, name: &str) {
    let Some(channel) = inner.channels.get_mut(name) else {
        return;
    };
    let (lease, first) = (channel.lease_ms, channel.queue.first_mut());
    let Some(first) = first.filter(|_| !channel.active) else {
        return;
    };
    send(first, "event: your-turn\r\ndata: {\"leaseExpiresAt\":1}\r\n\r\n");
    channel.active = true;
    let (shared, name, request) = (shared.clone(), name.to_owned(), first.request.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(lease)).await;
        let inner = &mut *shared.lock().unwrap();
        let channel = inner.channels.get_mut(&name);
        let first = channel.and_then(|channel| channel.queue.first_mut());
        if let Some(first) = first.filter(|first| first.request == request) {
            send(first, "event: timeout\ndata: {\"reason\":\"lease_expired\"}\n\n");
            inner.end_turn(&name);
            grant(&shared, inner, &name);
        }
    });
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/channels", post(create).get(list))
        .route("/channels/{name}/enqueue", post(enqueue))
        .route("/channels/{name}/subscribe", get(subscribe))
        .route("/channels/{name}/release", post(release))
        .route("/channels/{name}/abort", post(abort))
        .route("/channels/{name}/holder", delete(force))
        .layer(middleware::from_fn(check_key))
        .with_state(shared)
}

async fn check_key(request: Request, next: Next) -> Response {
    if request.headers().get("x-api-key").is_some_and(|key| key == KEY) {
        return next.run(request).await;
    }
    refuse(StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
}

fn refuse(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({ "code": code, "message": code }))).into_response()
}

fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "CHANNEL_NOT_FOUND")
}

async fn create(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let inner = &mut *shared.lock().unwrap();
    let name = body["name"].as_str().unwrap().to_owned();
    inner.log.push(format!("create {}", body["leaseMs"]));
    if inner.channels.contains_key(&name) {
        return refuse(StatusCode::CONFLICT, "CHANNEL_EXISTS");
    }
    let lease_ms = inner.lease_ms.or(body["leaseMs"].as_u64()).unwrap();
    let channel = Channel {
        lease_ms,
        queue: Vec::new(),
        active: false,
    };
    inner.channels.insert(name, channel);
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn list(State(shared): State<Shared>) -> Response {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push("list".into());
    let channels = inner.channels.iter();
    let channels = channels.map(|(name, channel)| json!({ "name": name, "leaseMs": channel.lease_ms }));
    Json(json!({ "channels": channels.collect::<Vec<_>>() })).into_response()
}

async fn enqueue(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push("enqueue".into());
    inner.next += 1;
    let (request, max_depth) = (format!("r {}", inner.next), inner.max_depth);
    let Some(channel) = inner.channels.get_mut(&name) else {
        return not_found();
    };
    let client = body["clientId"].as_str().unwrap().to_owned();
    if channel.queue.iter().any(|entry| entry.client == client) {
        return refuse(StatusCode::CONFLICT, "ALREADY_QUEUED");
    }
    if max_depth.is_some_and(|max| channel.queue.len() >= max) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "MAX_DEPTH_EXCEEDED");
    }
    let position = channel.queue.len();
    channel.queue.push(Entry {
        client,
        request: request.clone(),
        out: None,
    });
    if inner.lost_answers > 0 {
        inner.lost_answers -= 1;
        return refuse(StatusCode::BAD_GATEWAY, "LOST");
    }
    Json(json!({ "requestId": request, "position": position })).into_response()
}

async fn subscribe(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push("subscribe".into());
    let Some(channel) = inner.channels.get_mut(&name) else {
        return not_found();
    };
    let queue = &mut channel.queue;
    let Some(at) = queue.iter().position(|entry| {
        (entry.client.as_str(), entry.request.as_str()) == (&*query["clientId"], &*query["requestId"])
    }) else {
        return not_found();
    };
    let (out, body) = Stream::<Bytes>::new(64);
    queue[at].out = Some(out);
    let leave = Leave {
        shared: shared.clone(),
        channel: name.clone(),
        client: query["clientId"].clone(),
    };
    if at > 0 {
        send(
            &mut queue[at],
            "event: queued\ndata: {}\n\nevent: position-updated\ndata: {}\n\n",
        );
    } else if channel.active {
        send(&mut queue[0], "event: your-turn\ndata: {}\n\n");
    } else {
        grant(&shared, inner, &name);
    }
    let body = body.map_frame(move |frame| {
        let _owned = &leave;
        frame
    });
    ([("content-type", "text/event-stream")], Body::new(body)).into_response()
}

/// Takes a client out of the queue when its stream is closed.
struct Leave {
    shared: Shared,
    channel: String,
    client: String,
}

impl Drop for Leave {
    fn drop(&mut self) {
        // A test that has failed may have poisoned it.
        let Ok(mut inner) = self.shared.lock() else { return };
        if !inner.keeps_places {
            inner.leave(&self.channel, &self.client);
            if tokio::runtime::Handle::try_current().is_ok() {
                grant(&self.shared, &mut inner, &self.channel);
            }
        }
    }
}

async fn release(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> StatusCode {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push(format!("release {}", body["result"]));
    if !inner.end_turn(&name) {
        return StatusCode::FORBIDDEN;
    }
    grant(&shared, inner, &name);
    StatusCode::NO_CONTENT
}

async fn abort(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> StatusCode {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push("abort".into());
    inner.leave(&name, body["clientId"].as_str().unwrap());
    grant(&shared, inner, &name);
    StatusCode::NO_CONTENT
}

async fn force(State(shared): State<Shared>, Path(name): Path<String>) -> StatusCode {
    let inner = &mut *shared.lock().unwrap();
    inner.end_turn(&name);
    grant(&shared, inner, &name);
    StatusCode::NO_CONTENT
}
