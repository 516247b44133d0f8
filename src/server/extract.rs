//! What a request says beside its body, with errors in our own shape.

use axum::{extract::FromRequestParts, http::request::Parts};
use llmux_protocol::api::{ApiError, ErrorCode};
use serde::de::DeserializeOwned;

use super::error::Failure;

/// Names in the path.
pub(super) struct Path<T>(pub(super) T);

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        found
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|error| malformed(error.body_text()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found = axum::extract::Query::from_request_parts(parts, state).await;
        found
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| malformed(error.body_text()))
    }
}

fn malformed(why: String) -> Failure {
    Failure(ApiError::new(ErrorCode::BadRequest, why))
}
