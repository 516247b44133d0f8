//! Requests that may last for ever end when the daemon leaves: the others are waited for.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::error::Failure;
use crate::session::SessionError;

/// Ends a request when the daemon leaves, by an error: in place of the answer, or by breaking off its body.
pub(super) async fn end(State(leaving): State<CancellationToken>, request: Request, next: Next) -> Response {
    let response = tokio::select! {
        biased;
        response = next.run(request) => response,
        () = leaving.cancelled() => return Failure::from(SessionError::ShuttingDown).into_response(),
    };
    response.map(|body| match body.size_hint().exact() {
        Some(_) => body,
        None => Body::new(Ending {
            body,
            leaving: Box::pin(leaving.cancelled_owned()),
        }),
    })
}

/// An endless body that breaks off when the daemon leaves.
struct Ending {
    body: Body,
    leaving: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // First: a pane that prints without end has always another piece.
        if self.leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(SessionError::ShuttingDown.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(BoxError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
