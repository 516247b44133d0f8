//! `/ws/{name}`: a session's terminal over a WebSocket. `protocol/websocket.md` describes it.
//!
//! A viewer is one task. Three futures in it read, write and watch over the silence; what many viewers get is written once
//! and shared (`pane::ring`, `board`).

mod board;
mod connection;
mod hands;
mod incoming;
mod talk;
mod teller;
mod text;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use axum::{
    body::Body,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
    response::Response,
};
use fastwebsockets::upgrade::{is_upgrade_request, upgrade};
use llmux_protocol::api::{
    Action, ApiError, ErrorCode,
    socket::{CLOSE_ENDED, SUBPROTOCOL},
};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use self::{board::Boards, connection::Connection};
use super::{Shared, error::Failure, extract::Path, gate};
use crate::session::Viewer;

/// How many viewers there may be at a time.
const VIEWERS: usize = 8192;
/// The longest id of a viewer.
const MAX_ID_BYTES: usize = 64;

/// All viewers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Viewers {
    boards: Arc<Boards>,
    places: Arc<Semaphore>,
    connections: TaskTracker,
}

impl Viewers {
    pub(crate) fn new() -> Self {
        Self {
            boards: Arc::default(),
            places: Arc::new(Semaphore::new(VIEWERS)),
            connections: TaskTracker::new(),
        }
    }

    /// Waits until all viewers have been told that the daemon leaves.
    pub(crate) async fn closed(&self) {
        self.connections.close();
        self.connections.wait().await;
    }
}

/// Which form a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    V1,
    Old,
}

impl Form {
    /// Our own, if it is among those that the client offers.
    fn asked_for(headers: &HeaderMap) -> Self {
        let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut words = offered
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(','));
        if words.any(|word| word.trim() == SUBPROTOCOL) {
            Self::V1
        } else {
            Self::Old
        }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// It broke, or the viewer is dumb: nothing more can be said.
    Gone,
    /// The viewer closed it, with this code.
    ByPeer(u16),
    /// The viewer sent what is no WebSocket frame.
    NoFrame(&'static str),
    /// Text that is no UTF-8.
    NoText,
    TooLarge,
    Leaving,
    Revoked,
    /// The session was renamed, and what the viewer may do does not hold for its new name.
    Renamed,
    /// The program has ended, with this status if it is known.
    Ended(Option<i32>),
}

impl End {
    /// The close code; none where nothing can be said.
    fn code(&self) -> Option<u16> {
        Some(match self {
            Self::Gone => return None,
            Self::ByPeer(code) => *code,
            Self::NoFrame(_) => 1002,
            Self::NoText => 1007,
            Self::TooLarge => 1009,
            Self::Leaving => 1001,
            Self::Revoked | Self::Renamed => 1008,
            Self::Ended(_) => CLOSE_ENDED,
        })
    }

    fn reason(&self) -> String {
        match self {
            Self::Gone | Self::ByPeer(_) => String::new(),
            Self::NoFrame(why) => (*why).to_owned(),
            Self::NoText => "text that is no UTF-8".to_owned(),
            Self::TooLarge => "a message over the limit".to_owned(),
            Self::Leaving => "the daemon leaves".to_owned(),
            Self::Revoked => "the credential is no good any more".to_owned(),
            Self::Renamed => "the session has a name under which you may not do this".to_owned(),
            Self::Ended(code) => {
                let code = code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
                format!("pty exited code={code} signal=none")
            }
        }
    }
}

/// Where a viewer was, and who it is.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    epoch: Option<String>,
    from: Option<u64>,
    viewer: Option<String>,
}

/// Upgrades a request to a viewer's connection.
pub(super) async fn view(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    caller: gate::Caller,
    asked: Result<Query<Asked>, QueryRejection>,
    mut request: Request,
) -> Result<Response, Failure> {
    let Query(asked) = asked.map_err(|error| bad(error.body_text()))?;
    let viewer_id = match asked.viewer {
        Some(id) if !is_id(&id) => {
            return Err(bad(format!(
                "viewer is 1 to {MAX_ID_BYTES} letters, digits, - and _, not \"{id}\""
            )));
        }
        Some(id) => id,
        None => new_id(),
    };
    if !is_upgrade_request(&request) {
        return Err(bad("this is a WebSocket: ask for an upgrade"));
    }
    let may = |action: &Action| *action != Action::Admin && caller.may(*action, &name);
    let may = Action::ALL.into_iter().filter(may).collect();
    let form = Form::asked_for(request.headers());
    let who: Arc<str> = caller.identity()?.label().into();
    let viewer = Viewer {
        id: viewer_id.into(),
        who: who.clone(),
    };
    let at = asked.epoch.as_deref().zip(asked.from);
    let view = shared.sessions.view_by(&name, viewer, at).await?;
    let place = place(&shared.viewers)?;
    let (answer, upgraded) = upgrade(&mut request).map_err(|error| bad(error.to_string()))?;
    let audience = view.presence.follow();
    let board = shared.viewers.boards.of(view.program, &shared.turns, audience);
    let connection = Connection {
        form,
        who,
        may,
        name,
        view,
        board,
        gaze: shared.push.gaze().clone(),
        leaving: shared.leaving.clone(),
        sessions: shared.sessions,
        caller,
    };
    shared.viewers.connections.spawn(async move {
        let _place = place;
        connection.serve(upgraded).await;
    });
    let mut answer = answer.map(Body::new);
    if form == Form::V1 {
        let chosen = HeaderValue::from_static(SUBPROTOCOL);
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    Ok(answer)
}

fn place(viewers: &Viewers) -> Result<OwnedSemaphorePermit, Failure> {
    viewers.places.clone().try_acquire_owned().map_err(|_| {
        let error = ApiError::new(ErrorCode::TooMany, format!("{VIEWERS} viewers look already"));
        Failure(error.hint("close some of them, and try again"))
    })
}

fn bad(why: impl Into<String>) -> Failure {
    Failure(ApiError::new(ErrorCode::BadRequest, why))
}

fn is_id(id: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(is_fit)
}

/// An id for a viewer that made none for itself.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("{nanos:x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_form_is_found_among_the_subprotocols_offered() {
        for (offered, form) in [
            (&["llmux.v1"][..], Form::V1),
            (&["llmux.v1, ticket.abc"], Form::V1),
            (&["ticket.abc", "x,llmux.v1"], Form::V1),
            (&["llmux.v10"], Form::Old),
            (&[], Form::Old),
        ] {
            let mut headers = HeaderMap::new();
            for offer in offered {
                headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
            }
            assert_eq!(Form::asked_for(&headers), form, "{offered:?}");
        }
    }

    #[test]
    fn ids_are_what_the_page_says_and_ours_are_such() {
        for good in ["a", "A-b_9", &"x".repeat(64), &new_id()] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "é", "a/b", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
        assert_ne!(new_id(), new_id());
    }

    #[test]
    fn the_end_of_a_program_is_told_as_the_old_program_did() {
        assert_eq!(End::Ended(Some(3)).reason(), "pty exited code=3 signal=none");
        assert_eq!(End::Ended(Some(3)).code(), Some(4040));
    }
}
