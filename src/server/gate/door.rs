//! One route's door: the body's type, what it asks of the caller, and the record of what was done.

use axum::{
    body::HttpBody,
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use llmux_protocol::api::{Action, ApiError, ErrorCode};

use super::{Caller, Gate, Need, Reach};
use crate::{
    auth::{AuthError, Entry, Identity, Where},
    server::error::Failure,
};

/// A route's door.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) path: &'static str,
    pub(super) need: Need,
}

/// What the path names.
#[derive(Default)]
struct Named {
    session: Option<String>,
    /// A turn, a token or a user.
    other: Option<String>,
}

/// Lets a request in, if it may.
pub(super) async fn enter(
    State(door): State<Door>,
    caller: Caller,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(params) = params else {
        return bad_request("the path is not percent-encoded UTF-8").into_response();
    };
    let mut named = Named::of(&params);
    let method = request.method().clone();
    let admitted = match Door::check_body(&request) {
        Ok(()) => door.admit(&caller, &mut named).await,
        Err(refusal) => Err(refusal),
    };
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    door.record(&caller, named, &method, response.status());
    response
}

impl Door {
    async fn admit(&self, caller: &Caller, named: &mut Named) -> Result<(), Failure> {
        match self.need {
            Need::Open | Need::SignIn => Ok(()),
            Need::Known => caller.identity().map(drop),
            Need::Account if caller.identity()?.is_unlimited() => Ok(()),
            Need::Account => Err(match caller.identity()? {
                Identity::User(_) => (&AuthError::Limited).into(),
                _ => (&AuthError::NeedsUser).into(),
            }),
            Need::Owner => match caller.identity()? {
                Identity::Owner => Ok(()),
                _ => Err((&AuthError::OwnerOnly).into()),
            },
            Need::Do(action, reach) => self.admit_to(action, reach, caller.identity()?, named).await,
        }
    }

    async fn admit_to(
        &self,
        action: Action,
        reach: Reach,
        who: &Identity,
        named: &mut Named,
    ) -> Result<(), Failure> {
        if reach == Reach::Turn && !who.may_at(action, Where::Everywhere) {
            // Whether there is such a turn is told only to those who may see its session.
            let id = named.other.take().unwrap_or_default();
            named.session = self.gate.session_of(id).await;
        }
        let place = match (reach, &named.session) {
            (Reach::Session | Reach::Turn, Some(session)) => Where::On(session),
            (Reach::Session | Reach::Turn | Reach::Every, _) => Where::Everywhere,
            (Reach::Some, _) => Where::Somewhere,
        };
        if who.may_at(action, place) {
            Ok(())
        } else {
            Err(forbidden(action, named.session.as_deref()).into())
        }
    }

    /// Refuses a body that is no JSON, whether the handler reads it or not: a browser sends a form anywhere without asking. How
    /// large it may be is the handlers' to say.
    fn check_body(request: &Request) -> Result<(), Failure> {
        let is_empty = request.body().size_hint().exact() == Some(0);
        if is_empty || is_safe(request.method()) || is_json(request.headers()) {
            return Ok(());
        }
        let error = ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "the body's content type is not JSON",
        );
        Err(Failure(
            error.hint("send the header `content-type: application/json`"),
        ))
    }

    fn record(&self, caller: &Caller, named: Named, method: &Method, status: StatusCode) {
        // Strangers must not be able to fill the record: of theirs it holds what was throttled, and what succeeded.
        let who = caller.identity.as_ref().ok();
        let known = who.is_some();
        let told = known || status.is_success() || status == StatusCode::UNAUTHORIZED;
        let refused = status == StatusCode::TOO_MANY_REQUESTS || (!known && self.need != Need::SignIn);
        if !self.need.is_recorded() || !told || refused {
            return;
        }
        let mut notes = caller.notes();
        caller.auth.record(Entry {
            who: who.map_or_else(|| "-".to_owned(), Identity::label),
            token_id: who.and_then(Identity::token_id).map(str::to_owned),
            address: caller.address(),
            what: format!("{method} {}", self.path),
            session: named.session,
            about: notes.about.take().or(named.other),
            typed: notes.typed.take(),
            status: status.as_u16(),
            ..Entry::default()
        });
    }
}

impl Named {
    fn of(params: &RawPathParams) -> Self {
        let mut named = Self::default();
        for (key, value) in params {
            match key {
                "name" => named.session = Some(value.to_owned()),
                _ => named.other = Some(value.to_owned()),
            }
        }
        named
    }
}

pub(super) fn forbidden(action: Action, session: Option<&str>) -> Refused {
    Refused {
        action,
        session: session.map(str::to_owned),
    }
}

/// That somebody may not do something.
pub(super) struct Refused {
    action: Action,
    session: Option<String>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let place = refused.session.map_or("everywhere".to_owned(), |session| {
            format!("on session {session:?}")
        });
        let action = refused.action.as_str();
        let hint = match refused.action {
            Action::Admin => "ask an admin, or do it on the daemon's host".to_owned(),
            _ => format!("use a user's token that has no --scope, or one whose scopes allow {action} there"),
        };
        let error = ApiError::new(
            ErrorCode::Forbidden,
            format!("this credential does not allow {action} {place}"),
        );
        Self(error.hint(hint))
    }
}

/// Whether a body is JSON by its content type.
fn is_json(headers: &HeaderMap) -> bool {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|said| said.to_str().ok());
    let kind = said.and_then(|said| said.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// Whether a method changes nothing.
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

pub(super) fn bad_request(message: &str) -> Failure {
    Failure(ApiError::new(ErrorCode::BadRequest, message))
}
