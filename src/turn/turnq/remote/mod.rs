//! Turns given by a turnq server: one task follows each turn, from its place in the queue to its end.
//!
//! - **Leaving the stream is leaving the queue**, so it stays open as long as the turn. There is no way to renew a lease: it
//!   must cover the longest turn.
//! - **A place that nobody listens at blocks the channel.** A request for one is never cut off, and whoever gives up
//!   says so (`abort`).
//! - **A connection that breaks is made again, at the same place.** If the server has given the place away meanwhile, one that
//!   waited queues again at the end; one that had the turn has lost it.
//! - **What never worked is not tried again**: a server that can't be reached is reported at once.

mod http;
mod line;
mod protocol;
mod sse;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use self::{http::Server, line::Line};
use super::{Settings, TurnqError};

/// What a lease is longer than the longest turn: time to say that the turn is over.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// The longest delay that the server's timers know; a longer one ends at once.
const MAX_LEASE_MS: u64 = i32::MAX as u64;

/// How long a place may hear nothing before it is asked for.
const ASK_AFTER: Duration = Duration::from_secs(30);

/// The turns of a server.
pub(super) struct Remote(Arc<Shared>);

struct Shared {
    server: Server,
    max_hold_ms: u64,
    /// The lease of channels that are made.
    lease_ms: u64,
    ask_after: Duration,
    /// Channels of others whose lease was looked at.
    looked_at: Mutex<HashSet<String>>,
}

/// A turn; dropping it aborts it.
pub(super) struct Hold {
    lost: watch::Receiver<Option<TurnqError>>,
    release: oneshot::Sender<Release>,
}

struct Release {
    outcome: Result<(), String>,
    done: oneshot::Sender<()>,
}

impl Remote {
    pub(super) fn new(settings: Settings) -> Result<Self, TurnqError> {
        let url = settings.url.unwrap_or_default();
        let server = Server::new(&url, settings.api_key.as_deref())?;
        Ok(Self::of(server, settings.max_hold))
    }

    fn of(server: Server, max_hold: Duration) -> Self {
        Self(Arc::new(Shared {
            server,
            max_hold_ms: millis(max_hold),
            lease_ms: millis(max_hold.saturating_add(LEASE_MARGIN)),
            ask_after: ASK_AFTER,
            looked_at: Mutex::default(),
        }))
    }

    pub(super) async fn acquire(&self, channel: String) -> Result<Hold, TurnqError> {
        let (granted, answer) = oneshot::channel();
        let line = Line::new(self.0.clone(), channel)?;
        tokio::spawn(line.follow(granted));
        let ended = |_| Err(self.0.server.unreachable("this program is ending"));
        answer.await.unwrap_or_else(ended)
    }
}

impl Hold {
    pub(super) async fn lost(&mut self) -> TurnqError {
        // The guard of the value must not live across the wait below.
        let error = match self.lost.wait_for(Option::is_some).await {
            Ok(error) => error.clone(),
            Err(_) => None,
        };
        match error {
            Some(error) => error,
            // Only the end of the runtime ends the task that says more.
            None => std::future::pending().await,
        }
    }

    pub(super) async fn release(self, outcome: Result<(), String>) {
        let (done, finished) = oneshot::channel();
        // Fails if the turn was lost: then there is nothing to give back.
        if self.release.send(Release { outcome, done }).is_ok() {
            let _ = finished.await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).map_or(MAX_LEASE_MS, |ms| ms.min(MAX_LEASE_MS))
}
