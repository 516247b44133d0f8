//! Requests that may last for ever end when the daemon leaves, for the others are waited for; and when their credential is
//! no good any more.

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
use llmux_protocol::api::Action;
use tokio_util::sync::CancellationToken;

use super::{error::Failure, gate::Caller};
use crate::{
    auth::AuthError,
    session::{ProgramId, SessionError, Sessions},
};

/// Ends a request, if it is to end, by an error: in place of the answer, or by breaking off its body.
pub(super) async fn end(
    State(leaving): State<CancellationToken>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let revoked = caller.revoked();
    let mut end: End = Box::pin(async move {
        tokio::select! {
            () = leaving.cancelled() => SessionError::ShuttingDown.into(),
            () = revoked => Failure::from(&AuthError::BadToken),
        }
    });
    let response = tokio::select! {
        biased;
        response = next.run(request) => response,
        failure = &mut end => return failure.into_response(),
    };
    response.map(|body| match body.size_hint().exact() {
        Some(_) => body,
        None => Body::new(Ending { body, end }),
    })
}

/// Waits until the session of a program has another name than `name`, under which the caller may not do all of `what`: then
/// what is open on it is to end. Cancel safe.
pub(super) async fn hidden(
    sessions: Sessions,
    program: Option<ProgramId>,
    mut name: String,
    (caller, what): (Caller, Vec<Action>),
) {
    let Some(program) = program else {
        return std::future::pending().await;
    };
    loop {
        name = sessions.renamed(program, &name).await;
        if !what.iter().all(|action| caller.may(*action, &name)) {
            return;
        }
    }
}

/// Why a request ends, once it does.
type End = Pin<Box<dyn Future<Output = Failure> + Send>>;

/// An endless body that can be broken off.
struct Ending {
    body: Body,
    end: End,
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // First: a pane that prints without end has always another piece.
        if let Poll::Ready(Failure(error)) = self.end.as_mut().poll(cx) {
            return Poll::Ready(Some(Err(error.error.into())));
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
