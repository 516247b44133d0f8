//! The gate that every request comes through, and the door of each route.
//!
//! In order: is it for us (`Host`), is it from us (`Origin`), who is it (credential), did a person mean it (rules for cookies); then,
//! at the route's door, the body's type and what the route asks. Through the Unix socket it is the daemon's owner.

mod caller;
mod credential;
mod door;
mod headers;
mod hosts;
mod need;
mod return_to;
mod table;
#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use llmux_protocol::api::{ApiError, ErrorCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use self::{
    caller::Caller,
    credential::{LEGACY, SESSION},
    hosts::Hosts,
    need::{Need, Reach, every, on_session, on_turn, some},
    return_to::own_path,
    table::{Routes, delete, get, patch, post, put},
};
use self::{
    credential::Presented,
    door::{bad_request, is_safe},
    hosts::Foreign,
};
use super::{error::Failure, listen::Connection};
use crate::auth::{Auth, AuthError, Identity};

type SessionOf = dyn Fn(String) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync;

/// What the gate works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate {
    auth: Auth,
    hosts: Arc<Hosts>,
    /// Finds the session of a turn.
    session_of: Arc<SessionOf>,
}

impl Gate {
    pub(crate) fn new<F>(
        auth: Auth,
        hosts: Hosts,
        session_of: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<String>> + Send + 'static,
    {
        Self {
            auth,
            hosts: Arc::new(hosts),
            session_of: Arc::new(move |id| Box::pin(session_of(id))),
        }
    }

    async fn session_of(&self, turn: String) -> Option<String> {
        (self.session_of)(turn).await
    }

    /// Judges all that is not about the route.
    fn look(&self, request: &Request, connection: Connection) -> Result<Caller, Failure> {
        let (uri, headers) = (request.uri(), request.headers());
        let mut caller = Caller {
            auth: self.auth.clone(),
            identity: Ok(Identity::Owner),
            connection,
            secure: is_secure(connection, headers),
            notes: Arc::new(Mutex::default()),
        };
        if connection == Connection::Unix {
            return Ok(caller);
        }
        self.hosts.judge(uri, headers).map_err(foreign)?;
        let Presented { identity, by_cookie } = credential::present(&self.auth, uri, headers);
        if identity.is_ok() && by_cookie && !is_meant(request) {
            return Err(foreign(Foreign::Origin));
        }
        caller.identity = identity.map_err(Arc::new);
        Ok(caller)
    }
}

/// Lets a request through to its route, with a [`Caller`]. A request of unknown origin is refused.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>().copied();
    let page = page(&request);
    let mut response = match connection.map(|connection| gate.look(&request, connection)) {
        None => Failure::from(&AuthError::Missing).into_response(),
        Some(Err(refusal)) => refusal.into_response(),
        Some(Ok(caller)) => match &caller.identity {
            // To a stranger all paths that are none look like those that are.
            Err(error) if request.extensions().get::<MatchedPath>().is_none() => {
                Failure::from(&**error).into_response()
            }
            _ => {
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
        },
    };
    if let (StatusCode::UNAUTHORIZED, Some(page)) = (response.status(), page) {
        response = (StatusCode::FOUND, [(header::LOCATION, page)]).into_response();
    }
    headers::harden(response.headers_mut());
    response
}

/// Where a person goes who is not signed in, if the request is a person's, for a page.
fn page(request: &Request) -> Option<String> {
    let path = request.uri().path();
    let accepts = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let is_page = request.method() == Method::GET
        && accepts.is_some_and(|accepts| accepts.contains("text/html"))
        && !["/api/", "/ws/", "/login"]
            .iter()
            .any(|prefix| path.starts_with(prefix));
    is_page.then(|| {
        let back = utf8_percent_encode(own_path(path).unwrap_or("/"), NON_ALPHANUMERIC);
        format!("/login?returnTo={back}")
    })
}

/// Whether a request that a browser gave our cookie to is meant: it changes nothing, or it comes from our own page.
fn is_meant(request: &Request) -> bool {
    let headers = request.headers();
    let upgrades = headers.contains_key(header::UPGRADE);
    let from_us = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin");
    // An `Origin` that is there was found to be ours.
    (is_safe(request.method()) && !upgrades) || from_us || headers.contains_key(header::ORIGIN)
}

/// Whether the browser speaks TLS: to us, or to a proxy before us, as the origin of our own page says.
fn is_secure(connection: Connection, headers: &HeaderMap) -> bool {
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    matches!(connection, Connection::Tcp { tls: true, .. })
        || origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn foreign(how: Foreign) -> Failure {
    match how {
        Foreign::Unreadable => bad_request("the request needs one Host header that names a host"),
        Foreign::Host => Failure(
            ApiError::new(
                ErrorCode::Forbidden,
                "the request's Host is no name of this daemon",
            )
            .hint("add the name to server.allowedHosts in the configuration"),
        ),
        Foreign::Origin => Failure(
            ApiError::new(
                ErrorCode::Forbidden,
                "the request does not come from a page of this daemon",
            )
            .hint("a program sends no Origin, and its token as `Authorization: Bearer ..`"),
        ),
    }
}
