//! What can be asked of it.

use std::collections::HashMap;

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
use http_body_util::{BodyExt, channel::Channel as Stream};
use serde_json::{Value, json};

use super::{Channel, Entry, KEY, Shared, grant, send};

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/channels", post(create).get(list))
        .route("/channels/{name}/enqueue", post(enqueue))
        .route("/channels/{name}/subscribe", get(subscribe))
        .route("/channels/{name}/queue", get(queue))
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

async fn queue(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let inner = &mut *shared.lock().unwrap();
    inner.log.push("queue".into());
    let Some(channel) = inner.channels.get(&name) else {
        return not_found();
    };
    let queue = channel.queue.iter();
    let queue: Vec<_> = queue.map(|entry| json!({ "requestId": entry.request })).collect();
    Json(json!({ "channel": name, "queue": queue })).into_response()
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
