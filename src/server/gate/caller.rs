//! Who a handler works for.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use llmux_protocol::api::Action;

use super::super::error::Failure;
use crate::{
    auth::{Auth, AuthError, Identity, Typed},
    server::listen::Connection,
};

/// Who a handler works for. Comes with the request, through the gate.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(super) auth: Auth,
    /// Or why there is nobody.
    pub(super) identity: Result<Identity, Arc<AuthError>>,
    pub(super) connection: Connection,
    /// Whether the browser speaks TLS, to us or to a proxy.
    pub(super) secure: bool,
    pub(super) notes: Arc<Mutex<Notes>>,
}

/// What a handler tells the record.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) typed: Option<Typed>,
    pub(super) about: Option<String>,
}

impl Caller {
    /// Who it is. There is somebody on each route that asks for a credential.
    pub(crate) fn identity(&self) -> Result<&Identity, Failure> {
        self.identity.as_ref().map_err(|error| Failure::from(&**error))
    }

    /// Waits until they may no longer do what they could when they came; see [`Auth::revoked`]. Of those who are nobody
    /// there is nothing to take.
    pub(crate) fn revoked(&self) -> impl Future<Output = ()> + Send + use<> {
        let (auth, who) = (self.auth.clone(), self.identity.as_ref().ok().cloned());
        async move {
            match who {
                Some(who) => auth.revoked(&who).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Where they come from; none through the Unix socket.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.connection {
            Connection::Unix => None,
            Connection::Tcp { peer, .. } => Some(peer.ip()),
        }
    }

    /// Whether a cookie may say that it is for TLS only.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether something may be done on a session.
    pub(crate) fn may(&self, action: Action, session: &str) -> bool {
        self.identity
            .as_ref()
            .is_ok_and(|identity| identity.may(action, Some(session)))
    }

    /// Asks for more than the route does: an action on a session, or with `None` on all.
    pub(crate) fn must(&self, action: Action, session: Option<&str>) -> Result<(), Failure> {
        if self.identity()?.may(action, session) {
            Ok(())
        } else {
            Err(super::door::forbidden(action, session).into())
        }
    }

    /// Tells the record what was typed.
    pub(crate) fn typed(&self, text: &str) {
        self.notes().typed = Some(self.auth.typed(text));
    }

    /// Tells the record which user or token it is about.
    pub(crate) fn about(&self, whom: &str) {
        self.notes().about = Some(whom.chars().take(64).collect());
    }

    pub(super) fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Without the gate there is nobody.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Failure::from(&AuthError::Missing))
    }
}
