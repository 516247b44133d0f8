//! What the daemon tells the service manager that started it, if one did: `sd_notify(3)`.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// How many signs of life fit into the time after which the manager takes the daemon for dead.
const SIGNS: u32 = 3;

/// Says that the daemon serves; the task goes on to give signs of life, if they are wanted.
pub(super) fn ready() -> JoinHandle<()> {
    tell(&[NotifyState::Ready]);
    tokio::spawn(async {
        if let Some(patience) = watchdog_enabled() {
            live((patience / SIGNS).max(Duration::from_millis(1))).await;
        }
    })
}

/// Says that it is about to leave.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life. They come from where requests are served: a daemon that hangs gives none.
async fn live(every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
