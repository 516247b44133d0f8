//! `/api/sessions/{name}/output`: a session's terminal as an endless body.

use axum::{extract::State, response::Response};
use bytes::Bytes;
use http_body_util::channel::Sender;
use llmux_protocol::api::Action;

use super::{Shared, error::Failure, extract::Path, gate::Caller, leaving, metrics::Metrics, sse};
use crate::pane::{Subscription, Update};

/// Pieces that wait for a slow reader before the subscription stands still.
const PIECES: usize = 4;
/// Clears a terminal that shows something, before a snapshot draws it anew.
const RESET: &[u8] = b"\x1bc";

/// Answers the screen as bytes that draw it, then all output as it comes, until the pane closes.
///
/// A reader that is too slow misses output and gets the screen again instead: it delays nobody.
pub(super) async fn output(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    shared.sessions.get(&name).await?;
    let program = shared.sessions.program_in(&name);
    let subscription = shared.sessions.subscribe(&name, None)?;
    let metrics = shared.metrics.clone();
    let hidden = leaving::hidden(shared.sessions, program, name, (caller, vec![Action::Watch]));
    Ok(sse::endless(
        "application/octet-stream",
        PIECES,
        |to| async move {
            tokio::select! {
                () = hidden => {}
                () = pour(subscription, to, metrics) => {}
            }
        },
    ))
}

async fn pour(mut from: Subscription, mut to: Sender<Bytes>, metrics: Metrics) {
    let fan_out = metrics.fan_out();
    let _viewer = fan_out.viewer();
    loop {
        let pieces = match from.next().await {
            Update::Snapshot(snapshot) => {
                fan_out.snapshots.inc();
                vec![Bytes::from_static(RESET), snapshot.bytes()]
            }
            Update::Output(pieces) => pieces,
            Update::Closed => return,
        };
        for piece in pieces {
            fan_out.bytes.inc_by(piece.len() as u64);
            if to.send_data(piece).await.is_err() {
                return;
            }
        }
    }
}
