//! Waiting for pictures.

use std::sync::Arc;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::picture::Picture;

/// What one look decides.
pub(super) enum Look<T> {
    /// It is what was waited for.
    Found(T),
    /// Wait for the next picture.
    Wait,
    /// Wait for the next picture, but look again then at the latest: only time has to pass.
    Until(Instant),
}

/// Looks at each picture until one is what is waited for; `None` if that does not happen before `deadline`.
///
/// Cancel safe. A program that has ended is a picture like any other; if the pane itself is gone, no more come, and the
/// last picture says so.
pub(super) async fn watch_for<T>(
    pictures: &mut watch::Receiver<Arc<Picture>>,
    deadline: Option<Instant>,
    mut look: impl FnMut(&Arc<Picture>) -> Look<T>,
) -> Option<T> {
    loop {
        let picture = pictures.borrow_and_update().clone();
        let again = match look(&picture) {
            Look::Found(found) => return Some(found),
            Look::Wait => None,
            Look::Until(at) => Some(at),
        };
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return None;
        }
        let wake = [deadline, again.map(|at| at.max(now))]
            .into_iter()
            .flatten()
            .min();
        tokio::select! {
            changed = pictures.changed() => if changed.is_err() {
                // Nothing more will come; only time can change anything.
                sleep(wake).await;
            },
            () = sleep(wake) => {}
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
