//! Request bodies: bounded JSON, and errors in our own shape.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    http::header::CONTENT_LENGTH,
};
use llmux_protocol::api::{ApiError, ErrorCode};
use serde::de::DeserializeOwned;

use super::error::Failure;

/// The largest body: a prompt of 1 MiB in which JSON writes every byte as `\u0000`, and a little.
const MAX_BODY_BYTES: usize = 7 << 20;

/// A JSON body. An empty one counts as `{}`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let said = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if said.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_large());
        }
        let bytes = to_bytes(Body::new(request.into_body()), MAX_BODY_BYTES)
            .await
            .map_err(|_| too_large())?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text).map(Self).map_err(|error| {
            Failure(ApiError::new(
                ErrorCode::BadRequest,
                format!("cannot read the request's JSON: {error}"),
            ))
        })
    }
}

fn too_large() -> Failure {
    Failure(ApiError::new(
        ErrorCode::PromptTooLarge,
        format!("the request's body is over {} MiB", MAX_BODY_BYTES >> 20),
    ))
}
