//! What is worth telling of all that happens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use llmux_protocol::api::{ActivityState, Event, Origin};
use tokio::time::sleep;

use super::{Message, Push};
use crate::bus::{Next, Reader};

/// How long a question must be open: some are answered at once, by a person who looks or by a program.
const OPEN_FOR: Duration = Duration::from_millis(1500);

/// The question that is open in each session, by its id.
type Asked = Arc<Mutex<HashMap<String, String>>>;

/// Follows what happens for as long as the daemon lives.
pub(super) async fn follow(push: Push, mut events: Reader<Event>) {
    let asked = Asked::default();
    loop {
        let Next::Item(_, event) = events.next().await else {
            // What was missed is in the pages.
            continue;
        };
        match &*event {
            Event::Activity { session, activity } => {
                let is_open = activity.state == ActivityState::Blocked;
                // One that can't be read has no id.
                let dialog = activity
                    .dialog
                    .as_ref()
                    .map_or(&activity.since, |dialog| &dialog.id);
                let before = {
                    let mut asked = lock(&asked);
                    if is_open {
                        asked.insert(session.clone(), dialog.clone())
                    } else {
                        asked.remove(session)
                    }
                };
                if is_open && before.as_ref() != Some(dialog) {
                    let message = Message::asks(session, activity);
                    tokio::spawn(tell_if_open(push.clone(), asked.clone(), message, dialog.clone()));
                }
            }
            Event::Turn { turn } if turn.origin == Origin::Prompt || turn.origin == Origin::Broadcast => {
                if let Some(message) = Message::over(turn) {
                    push.tell(&message);
                }
            }
            Event::SessionGone { name } => {
                lock(&asked).remove(name);
            }
            _ => {}
        }
    }
}

async fn tell_if_open(push: Push, asked: Asked, message: Message, dialog: String) {
    sleep(OPEN_FOR).await;
    let is_open = lock(&asked).get(&message.session) == Some(&dialog);
    if is_open {
        push.tell(&message);
    }
}

fn lock(asked: &Asked) -> MutexGuard<'_, HashMap<String, String>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
