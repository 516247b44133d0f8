//! Errors as responses.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use llmux_protocol::api::{ApiError, ErrorCode};

use crate::{
    auth::AuthError,
    session::SessionError,
    turn::{TurnFault, TurnRefusal},
};

/// A failed request.
pub(crate) struct Failure(pub(super) ApiError);

/// A failed change of a session. The contract of the Node program answers an unknown session with 400 there.
pub(super) struct Refused(Failure);

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if response.status() == StatusCode::NOT_FOUND {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        response
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let mut body = ApiError::new(error.code(), with_causes(&error));
        body.hint = error.hint();
        Self(body)
    }
}

impl From<&AuthError> for Failure {
    fn from(error: &AuthError) -> Self {
        let mut body = ApiError::new(error.code(), with_causes(error));
        body.hint = error.hint();
        Self(body)
    }
}

impl From<TurnFault> for Failure {
    fn from(fault: TurnFault) -> Self {
        let mut body = ApiError::new(fault.code(), with_causes(&fault));
        body.hint = fault.hint();
        Self(body)
    }
}

impl From<TurnRefusal> for Failure {
    fn from(refusal: TurnRefusal) -> Self {
        let mut body = ApiError::new(refusal.code, refusal.to_string());
        body.hint = refusal.hint;
        Self(body)
    }
}

/// An error with its causes, each said once: many transparent layers repeat what they wrap.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        next = cause.source();
    }
    said
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (status(self.0.code), Json(self.0)).into_response()
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::NotFound
        | ErrorCode::SessionNotFound
        | ErrorCode::TurnNotFound
        | ErrorCode::UserNotFound
        | ErrorCode::TokenNotFound => StatusCode::NOT_FOUND,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::SessionNotRunning
        | ErrorCode::NotSubmitted
        | ErrorCode::TurnConflict
        | ErrorCode::NoDialog
        | ErrorCode::DialogChanged
        | ErrorCode::ResumeUnproven
        | ErrorCode::NewChatUnproven
        | ErrorCode::SizeHeld
        | ErrorCode::Blocked => StatusCode::CONFLICT,
        ErrorCode::PromptTooLarge | ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::Tmux | ErrorCode::State | ErrorCode::Internal | ErrorCode::Other => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        // The contract of the Node program answers all of these with 400, an existing name included.
        _ => StatusCode::BAD_REQUEST,
    }
}
