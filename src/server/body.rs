//! Request bodies: JSON, bounded in size and time, and errors in our own shape. That a body says it is JSON is seen to at the
//! door.

use std::{fmt::Display, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    http::header::CONTENT_LENGTH,
};
use llmux_protocol::api::{ApiError, ErrorCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::Failure;

/// The largest body of most routes.
const SMALL: usize = 64 << 10;
/// The largest body with a prompt: 1 MiB in which JSON writes every byte as `\u0000`, and a little.
pub(super) const PROMPT: usize = 7 << 20;
/// The largest body with a file.
pub(super) const FILE: usize = 12 << 20;
/// How long a body may take to come, on a slow phone too.
const ALL_WITHIN: Duration = Duration::from_mins(2);

/// A JSON body of at most `MAX` bytes. An empty one counts as `{}`.
pub(super) struct Json<T, const MAX: usize = SMALL>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for Json<T, MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (head, body) = request.into_parts();
        let said = head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|length| length > MAX as u64) {
            return Err(too_large(MAX));
        }
        let bytes = timeout(ALL_WITHIN, to_bytes(Body::new(body), MAX))
            .await
            .map_err(|_| too_slow())?
            .map_err(|_| too_large(MAX))?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        // A list would be read as the fields in their order.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(unreadable("it is no object"));
        }
        serde_json::from_slice(text).map(Self).map_err(unreadable)
    }
}

fn unreadable(why: impl Display) -> Failure {
    Failure(ApiError::new(
        ErrorCode::BadRequest,
        format!("cannot read the request's JSON: {why}"),
    ))
}

fn too_large(max: usize) -> Failure {
    let code = if max == PROMPT {
        ErrorCode::PromptTooLarge
    } else {
        ErrorCode::BodyTooLarge
    };
    Failure(ApiError::new(
        code,
        format!("the request's body is over {} KiB", max >> 10),
    ))
}

fn too_slow() -> Failure {
    let text = format!(
        "the request's body did not come within {} s",
        ALL_WITHIN.as_secs()
    );
    Failure(ApiError::new(ErrorCode::Timeout, text))
}
