//! Telling what agents do and what becomes of turns.

use std::sync::Arc;

use llmux_protocol::api::{Event, Turn};

use super::{live::Live, picture::Picture, seat::Seat};
use crate::bus::Bus;

/// Tells of each change of a turn until it is over; of changes that follow each other at once, the last.
pub(super) fn turn(live: &Live, events: Bus<Event>) {
    let mut turns = live.follow();
    tokio::spawn(async move {
        loop {
            let turn = turns.borrow_and_update().clone();
            let is_over = turn.state.is_final();
            events.publish(Event::Turn {
                // A reply may be long, and who wants it asks for the turn.
                turn: Box::new(Turn { reply: None, ..turn }),
            });
            if is_over || turns.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Tells of what an agent does, whenever it does something else, until its program ends.
pub(super) fn activity(seat: Arc<Seat>, events: Bus<Event>) {
    let mut pictures = seat.oracle.pictures();
    tokio::spawn(async move {
        let mut told = None;
        loop {
            let picture = pictures.borrow_and_update().clone();
            let seen = essence(&picture);
            if told.as_ref() != Some(&seen) {
                told = Some(seen);
                events.publish(Event::Activity {
                    session: seat.name(),
                    activity: picture.belief.activity(),
                });
            }
            if picture.has_ended() || pictures.changed().await.is_err() {
                return;
            }
        }
    });
}

/// What of a picture is worth telling: the state, and which question is open.
fn essence(picture: &Picture) -> (llmux_protocol::api::ActivityState, Option<String>) {
    let belief = &picture.belief;
    (
        belief.state,
        belief.dialog.as_ref().map(|dialog| dialog.id.clone()),
    )
}
