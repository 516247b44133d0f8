//! `/api/events`, `/api/logs` and `/api/logs/stream`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName},
    response::Response,
};
use llmux_protocol::api::{Action, Event, LogEntry, LogsView};
use serde::Deserialize;

use super::{
    Shared,
    extract::Query,
    gate::Caller,
    sse::{self, From},
};

/// What a list of sessions says of itself: the id of the last event that it knows of, to follow from there.
pub(super) const EVENT: HeaderName = HeaderName::from_static("x-llmux-event");

/// The id of the event behind which to begin.
#[derive(Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// Sends what happens to those sessions, their agents and turns that the caller may watch.
///
/// A reader that comes again says in `Last-Event-ID` where it was: that is later than where it once began.
pub(super) async fn events(
    State(shared): State<Shared>,
    Query(After { after }): Query<After>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let bus = shared.events.clone();
    let from = match From::header(&headers, &bus) {
        From::Now => From::id(after.as_deref(), &bus),
        from => from,
    };
    let say = move |event: &Event, _: &str| {
        caller
            .may(Action::Watch, event.session())
            .then(|| (Some(event.name()), event.clone()))
    };
    sse::events(|to| sse::follow(bus, from, to, say))
}

pub(super) async fn logs(State(shared): State<Shared>) -> Json<LogsView> {
    let logs = &shared.logs;
    let entries = logs.all();
    Json(LogsView {
        capacity: logs.capacity(),
        entries: entries
            .into_iter()
            .map(|(number, entry)| with_id(&entry, &logs.id(number)))
            .collect(),
    })
}

/// How many lines that were written before are wanted.
#[derive(Deserialize)]
pub(super) struct Backlog {
    #[serde(default)]
    backlog: u64,
}

/// Sends each line as it is written. Without `backlog` none from before: so the old clients expect it.
pub(super) async fn log_stream(
    State(shared): State<Shared>,
    Query(Backlog { backlog }): Query<Backlog>,
    headers: HeaderMap,
) -> Response {
    let logs = shared.logs.clone();
    let from = match From::header(&headers, &logs) {
        From::Now => {
            let kept = logs.all().len() as u64;
            From::After(logs.latest() - backlog.min(kept).min(logs.latest()))
        }
        from => from,
    };
    sse::events(|to| sse::follow(logs, from, to, |entry, id| Some((None, with_id(entry, id)))))
}

fn with_id(entry: &LogEntry, id: &str) -> LogEntry {
    LogEntry {
        id: Some(id.to_owned()),
        ..entry.clone()
    }
}
