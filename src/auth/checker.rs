//! Where passphrases are hashed: off the event loop, few at a time, in a queue that has an end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use super::{
    AuthError,
    passphrase::{Hashed, hash},
};

/// How many may wait for their turn.
const WAITING: usize = 16;
/// What a client is told when there are more.
const COME_BACK: Duration = Duration::from_secs(5);

pub(super) struct Checker {
    log_n: u8,
    /// Each check takes 128 MiB.
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Checker {
    pub(super) fn new(log_n: u8) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let running = if cores > 2 { 2 } else { 1 };
        Self {
            log_n,
            running: Arc::new(Semaphore::new(running)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }

    /// Whether `passphrase` is what was stored; with nothing stored it takes as long to say no.
    ///
    /// Dropping the future takes it out of the queue; a check that runs is finished.
    pub(super) async fn matches(&self, stored: Option<&str>, passphrase: &str) -> Result<bool, AuthError> {
        let known = stored.and_then(|stored| stored.parse::<Hashed>().ok());
        let (hashed, passphrase) = (
            known.unwrap_or_else(|| Hashed::nobody(self.log_n)),
            passphrase.to_owned(),
        );
        self.run(move || Ok(hashed.matches(&passphrase))).await
    }

    /// Hashes a new passphrase.
    pub(super) async fn hash(&self, passphrase: &str) -> Result<String, AuthError> {
        let (passphrase, log_n) = (passphrase.to_owned(), self.log_n);
        self.run(move || hash(&passphrase, log_n)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let turn = self.turn().await?;
        let worked = spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        worked.await.map_err(|error| AuthError::Internal {
            action: "check a passphrase",
            source: error.into(),
        })?
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, AuthError> {
        let _place = self
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|_| AuthError::Busy(COME_BACK))?;
        let turn = self.running.clone().acquire_owned().await;
        turn.map_err(|_| AuthError::Busy(COME_BACK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_is_turned_away_and_the_queue_goes_on() {
        let checker = Arc::new(Checker::new(4));
        let all = checker.running.available_permits();
        let held = checker
            .running
            .clone()
            .acquire_many_owned(all as u32)
            .await
            .unwrap();
        let queue: Vec<_> = (0..WAITING)
            .map(|_| {
                let checker = checker.clone();
                tokio::spawn(async move { checker.matches(None, "x").await })
            })
            .collect();
        while checker.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(
            checker.matches(None, "x").await,
            Err(AuthError::Busy(_))
        ));
        drop(held);
        for waiting in queue {
            assert!(!waiting.await.unwrap().unwrap());
        }
        assert!(!checker.matches(None, "x").await.unwrap());
    }

    #[tokio::test]
    async fn what_was_hashed_is_recognised() {
        let checker = Checker::new(4);
        let stored = checker.hash("passphrase").await.unwrap();
        assert!(checker.matches(Some(&stored), "passphrase").await.unwrap());
        assert!(!checker.matches(Some(&stored), "another one").await.unwrap());
        assert!(!checker.matches(Some("not a hash"), "passphrase").await.unwrap());
    }
}
