//! `/api/push`: devices that are told while no page is open.

use axum::{Json as Reply, extract::State};
use llmux_protocol::api::{ApiError, Done, ErrorCode, PushRequest, PushView};

use super::{Shared, body::Json, error::Failure, gate::Caller};
use crate::push::PushError;

type Answer<T> = Result<Reply<T>, Failure>;

pub(super) async fn get(State(shared): State<Shared>, caller: Caller) -> Answer<PushView> {
    let token = caller
        .identity()?
        .bearer()
        .ok()
        .map(|bearer| bearer.token_id.as_str());
    Ok(Reply(shared.push.view(token)))
}

/// Only who has signed in: with their token the subscription ends.
pub(super) async fn subscribe(
    State(shared): State<Shared>,
    caller: Caller,
    Json(request): Json<PushRequest>,
) -> Answer<Done> {
    let bearer = caller
        .identity()?
        .bearer()
        .map_err(|error| Failure::from(&error))?;
    let subscribed = shared.push.subscribe(&bearer.username, &bearer.token_id, request);
    subscribed.await?;
    Ok(Reply(Done { ok: true }))
}

pub(super) async fn unsubscribe(State(shared): State<Shared>, caller: Caller) -> Answer<Done> {
    let bearer = caller
        .identity()?
        .bearer()
        .map_err(|error| Failure::from(&error))?;
    shared.push.unsubscribe(&bearer.token_id).await?;
    Ok(Reply(Done { ok: true }))
}

impl From<PushError> for Failure {
    fn from(error: PushError) -> Self {
        let (code, hint) = match error {
            PushError::Off => (ErrorCode::Forbidden, "the operator can turn it on"),
            PushError::Service => (
                ErrorCode::BadRequest,
                "the operator can add its host to notifications.services of the configuration",
            ),
            PushError::Keys => (
                ErrorCode::BadRequest,
                "give the browser's own subscription, as it is",
            ),
            PushError::Full => (ErrorCode::TooMany, "unsubscribe some of them"),
            PushError::File(_) => (ErrorCode::State, "see whether the disk is full"),
        };
        Self(ApiError::new(code, error.to_string()).hint(hint))
    }
}
