//! Telling what becomes of sessions: whatever may change one, what they look like is compared with what was told.

use std::collections::BTreeMap;

use llmux_protocol::api::{Event, SessionView};
use tokio::sync::watch;

use super::Sessions;
use crate::bus::Bus;

/// Tells of each session that is new, changed or gone, whenever something may have changed.
pub(super) async fn run(sessions: Sessions, mut touched: watch::Receiver<()>, events: Bus<Event>) {
    let mut told: BTreeMap<String, SessionView> = BTreeMap::new();
    loop {
        touched.borrow_and_update();
        // While the registry can't be read nothing is told: nothing is known to have changed.
        if let Ok(views) = sessions.list().await {
            let now: BTreeMap<_, _> = views.into_iter().map(|view| (view.name.clone(), view)).collect();
            tell(&told, &now, &events);
            told = now;
        }
        if touched.changed().await.is_err() {
            return;
        }
    }
}

fn tell(before: &BTreeMap<String, SessionView>, now: &BTreeMap<String, SessionView>, events: &Bus<Event>) {
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        events.publish(Event::SessionGone { name: name.clone() });
    }
    for (name, view) in now {
        if before.get(name) != Some(view) {
            events.publish(Event::Session {
                session: Box::new(view.clone()),
            });
        }
    }
}
