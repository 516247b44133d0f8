//! `/api/sessions/{name}/output`: a session's terminal as an endless body.

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Shared, error::Failure};
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
) -> Result<Response, Failure> {
    shared.sessions.get(&name).await?;
    let subscription = shared.sessions.subscribe(&name, None)?;
    let (sender, body) = Channel::<Bytes>::new(PIECES);
    let pouring = AbortOnDropHandle::new(tokio::spawn(pour(subscription, sender)));
    // The body owns its task: a reader that leaves a silent pane leaves nothing behind.
    let body = body.map_frame(move |frame| {
        let _owned = &pouring;
        frame
    });
    Ok(([("content-type", "application/octet-stream")], Body::new(body)).into_response())
}

async fn pour(mut from: Subscription, mut to: Sender<Bytes>) {
    loop {
        let pieces = match from.next().await {
            Update::Snapshot(snapshot) => vec![Bytes::from_static(RESET), snapshot.bytes()],
            Update::Output(pieces) => pieces,
            Update::Closed => return,
        };
        for piece in pieces {
            if to.send_data(piece).await.is_err() {
                return;
            }
        }
    }
}
