//! Strict turn order across programs: a session's channel, `llmux:NAME`, has one turn at a time.
//!
//! Without a url the turns are kept on this host, among files ([`local`]); with one, on a turnq server ([`remote`]).
mod error;
mod local;
mod remote;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

pub(crate) use self::error::TurnqError;
use self::{local::Local, remote::Remote};

/// Where turns are kept.
#[derive(Clone)]
pub(crate) struct Settings {
    /// A turnq server; without it turns are kept on this host.
    pub url: Option<String>,
    /// What the server asks for, in `x-api-key`.
    pub api_key: Option<String>,
    /// How long one turn may hold the others; a lease of the server is at least as long.
    pub max_hold: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A url may carry a password or a key, too.
        f.debug_struct("Settings")
            .field("url", &self.url.as_ref().map(|_| "..."))
            .field("api_key", &self.api_key.as_ref().map(|_| "..."))
            .field("max_hold", &self.max_hold)
            .finish()
    }
}

/// Gives turns, in the order in which they are asked for.
#[derive(Clone)]
pub(crate) struct Coordinator(Arc<Kind>);

enum Kind {
    Local(Local),
    Remote(Remote),
}

impl Coordinator {
    /// Keeps the turns of this host in `temp_dir`, where the old program looks for them (Node's `os.tmpdir()`), or on
    /// the server of `settings`. Nothing is made and nobody is asked yet.
    pub(crate) fn new(settings: Settings, mut temp_dir: PathBuf) -> Result<Self, TurnqError> {
        let kind = if settings.url.is_some() {
            Kind::Remote(Remote::new(settings)?)
        } else {
            temp_dir.push("turnq-locks");
            Kind::Local(Local::new(temp_dir))
        };
        Ok(Self(Arc::new(kind)))
    }

    /// Waits for the turn of channel `llmux:<session>`. Cancel safe: a dropped wait leaves the line.
    pub(crate) async fn acquire(&self, session: &str) -> Result<Hold, TurnqError> {
        let channel = format!("llmux:{session}");
        Ok(Hold(match &*self.0 {
            Kind::Local(local) => Held::Local {
                _turn: local.acquire(&channel).await?,
            },
            Kind::Remote(remote) => Held::Remote(remote.acquire(channel).await?),
        }))
    }
}

/// A turn. Dropping it gives it up as a failure, so far as that can be done without waiting.
pub(crate) struct Hold(Held);

enum Held {
    Local { _turn: local::Hold },
    Remote(remote::Hold),
}

impl Hold {
    /// Waits until the turn is lost: its lease expired, it was taken away, or the server is gone. Never returns for a
    /// turn of this host. Cancel safe.
    pub(crate) async fn lost(&mut self) -> TurnqError {
        match &mut self.0 {
            Held::Local { .. } => std::future::pending().await,
            Held::Remote(hold) => hold.lost().await,
        }
    }

    /// Gives the turn to the next, telling those who watch the channel how it went.
    pub(crate) async fn release(self, outcome: Result<(), String>) {
        match self.0 {
            Held::Local { .. } => {}
            Held::Remote(hold) => hold.release(outcome).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_their_secrets() {
        let settings = Settings {
            url: Some("https://user:sesame@example.org/?apiKey=sesame".into()),
            api_key: Some("sesame".into()),
            max_hold: Duration::from_secs(1),
        };
        assert!(!format!("{settings:?}").contains("sesame"));
        let Err(error) = Coordinator::new(settings, "/tmp".into()) else {
            panic!("a url with a password and a query is no address")
        };
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("sesame"));
    }

    #[test]
    fn waiting_can_be_done_in_any_task() {
        fn is_send<T: Send>(_: &T) {}
        let settings = Settings {
            url: None,
            api_key: None,
            max_hold: Duration::from_secs(1),
        };
        let coordinator = Coordinator::new(settings, "/nowhere".into()).unwrap();
        is_send(&coordinator.acquire("a"));
        is_send(&async {
            let mut hold = coordinator.acquire("a").await.unwrap();
            hold.lost().await;
            hold.release(Ok(())).await;
        });
    }
}
