//! Bodies that have no end: server-sent events, and whatever else comes bit by bit.

use std::{pin::pin, time::Duration};

use axum::{
    body::Body,
    http::{
        HeaderMap,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::bus::{Bus, Next, Reader};

/// Pieces that wait for a slow reader.
const PIECES: usize = 16;
/// How often a silent stream says that it is there: proxies close those that say nothing.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);

/// Answers a body that `fill` writes while somebody reads it.
pub(super) fn endless<F: Future<Output = ()> + Send + 'static>(
    content_type: &'static str,
    pieces: usize,
    fill: impl FnOnce(Sender<Bytes>) -> F,
) -> Response {
    let (sender, body) = Channel::<Bytes>::new(pieces);
    let filling = AbortOnDropHandle::new(tokio::spawn(fill(sender)));
    // The body owns its task: a reader that leaves a silent stream leaves nothing behind.
    let body = body.map_frame(move |frame| {
        let _owned = &filling;
        frame
    });
    ([(CONTENT_TYPE, content_type)], Body::new(body)).into_response()
}

/// Answers server-sent events that `fill` writes while somebody reads them.
pub(super) fn events<F: Future<Output = ()> + Send + 'static>(fill: impl FnOnce(Sse) -> F) -> Response {
    let body = endless("text/event-stream", PIECES, |sender| fill(Sse(sender)));
    (
        [(CACHE_CONTROL, "no-cache, no-transform"), X_ACCEL_BUFFERING],
        body,
    )
        .into_response()
}

/// Keeps nginx from collecting a stream before it passes it on.
const X_ACCEL_BUFFERING: (axum::http::HeaderName, &str) =
    (axum::http::HeaderName::from_static("x-accel-buffering"), "no");

/// A stream of server-sent events. Its methods say whether somebody still reads.
pub(super) struct Sse(Sender<Bytes>);

impl Sse {
    /// Sends something that no reader takes for an event.
    pub(super) async fn comment(&mut self, text: &str) -> bool {
        self.write(format!(": {text}\n\n")).await
    }

    /// Sends an event; without a name it is a plain message.
    pub(super) async fn send(&mut self, id: Option<&str>, name: Option<&str>, data: &impl Serialize) -> bool {
        // JSON has no line ends outside its strings, where they are escaped.
        let Ok(data) = serde_json::to_string(data) else {
            return false;
        };
        let field = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{name}: {value}\n"))
        };
        self.write(format!(
            "{}{}data: {data}\n\n",
            field("id", id),
            field("event", name)
        ))
        .await
    }

    async fn write(&mut self, text: String) -> bool {
        self.0.send_data(text.into()).await.is_ok()
    }
}

/// Where a reader of a bus begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// With what comes next.
    Now,
    /// Behind this number.
    After(u64),
    /// It names a place that is no longer known.
    Lost,
}

impl From {
    /// Where a reader was that comes again.
    pub(super) fn header<T>(headers: &HeaderMap, bus: &Bus<T>) -> Self {
        let id = headers
            .get("last-event-id")
            .map(|id| id.to_str().unwrap_or_default());
        Self::id(id, bus)
    }

    /// Behind the event of that id; with what comes next if there is none.
    pub(super) fn id<T>(id: Option<&str>, bus: &Bus<T>) -> Self {
        match id {
            None | Some("") => Self::Now,
            Some(id) => bus.number(id).map_or(Self::Lost, Self::After),
        }
    }

    /// The reader of that place.
    pub(super) fn read<T>(self, bus: &Bus<T>) -> Reader<T> {
        match self {
            Self::Now | Self::Lost => bus.read(None),
            Self::After(number) => bus.read(Some(number)),
        }
    }
}

/// Sends what a bus gets, each thing as `say` has it if it says anything, until nobody reads.
///
/// The event `reset` says that something was missed: what the reader knows may be out of date.
pub(super) async fn follow<T, D: Serialize>(
    bus: Bus<T>,
    from: From,
    mut to: Sse,
    say: impl Fn(&T, &str) -> Option<(Option<&'static str>, D)>,
) {
    let mut reader = from.read(&bus);
    let here = bus.id(bus.latest());
    let mut reads = to.comment("stream open").await;
    match from {
        From::Lost => reads = reads && to.send(Some(&here), Some("reset"), &Empty {}).await,
        From::Now | From::After(_) => {}
    }
    let mut silence = pin!(sleep(HEARTBEAT));
    while reads {
        reads = tokio::select! {
            next = reader.next() => match next {
                Next::Item(number, item) => {
                    let id = bus.id(number);
                    let Some((name, data)) = say(&item, &id) else { continue };
                    to.send(Some(&id), name, &data).await
                }
                Next::Missed(before) => to.send(Some(&bus.id(before)), Some("reset"), &Empty {}).await,
            },
            () = &mut silence => to.comment("heartbeat").await,
        };
        silence.as_mut().reset(Instant::now() + HEARTBEAT);
    }
}

/// `{}`.
#[derive(Serialize)]
pub(super) struct Empty {}
