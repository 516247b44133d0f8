//! Following one program: what it does, and how its turns go.

use std::sync::Arc;

use llmux_protocol::api::{Activity, Turn};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};

use super::{live::Live, picture::Picture, seat::Seat, seats::Seats};

/// What is new.
pub(crate) enum News {
    /// The agent does something else.
    Activity(Activity),
    /// A turn changed.
    Turn(Box<Turn>),
}

/// Follows what an agent does and how its turns go.
pub(crate) struct Follow {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    pictures: watch::Receiver<Arc<Picture>>,
    begun: broadcast::Receiver<String>,
    /// What was told last.
    activity: Option<Activity>,
    /// Each waits for the next change of one turn.
    turns: JoinSet<watch::Receiver<Turn>>,
}

impl Follow {
    pub(super) fn new(seats: Arc<Seats>, seat: Arc<Seat>) -> Self {
        // Before the present turns are looked for: none is in neither.
        let begun = seats.begun();
        let mut follow = Self {
            pictures: seat.oracle.pictures(),
            begun,
            seats,
            seat,
            activity: None,
            turns: JoinSet::new(),
        };
        follow.find();
        follow
    }

    /// Waits for what is new, from the present activity on; `None` when the program is gone. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            let now = self.pictures.borrow_and_update().belief.activity();
            let told = self.activity.as_ref();
            if told.is_none_or(|told| (told.state, &told.dialog) != (now.state, &now.dialog)) {
                self.activity = Some(now.clone());
                return Some(News::Activity(now));
            }
            tokio::select! {
                changed = self.pictures.changed() => changed.ok()?,
                begun = self.begun.recv() => match begun {
                    Ok(id) => if let Some(turn) = self.seats.live(&id).and_then(|live| self.add(&live)) {
                        return Some(News::Turn(Box::new(turn)));
                    },
                    // Those that were missed are among the present ones; one that is followed twice is told twice.
                    Err(broadcast::error::RecvError::Lagged(_)) => self.find(),
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                Some(Ok(mut turn)) = self.turns.join_next() => {
                    let now = turn.borrow_and_update().clone();
                    self.follow(turn, &now);
                    return Some(News::Turn(Box::new(now)));
                }
            }
        }
    }

    /// Follows the turns that are not over.
    fn find(&mut self) {
        for live in self.seats.lives() {
            let _ = self.add(&live);
        }
    }

    /// Follows a turn, if it is of this program, and returns it as it is.
    fn add(&mut self, live: &Live) -> Option<Turn> {
        if !live.is_for(&self.seat.program.id.to_string()) {
            return None;
        }
        let mut turn = live.follow();
        let now = turn.borrow_and_update().clone();
        self.follow(turn, &now);
        Some(now)
    }

    fn follow(&mut self, mut turn: watch::Receiver<Turn>, now: &Turn) {
        if !now.state.is_final() {
            self.turns.spawn(async move {
                // Its end is its last change.
                let _ = turn.changed().await;
                turn
            });
        }
    }
}
