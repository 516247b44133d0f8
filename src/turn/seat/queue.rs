//! The queue of a seat.

use std::{
    collections::VecDeque,
    sync::{Arc, MutexGuard},
};

use super::{Live, Seat, is_init, lock};

/// What waits.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) turns: VecDeque<Arc<Live>>,
    /// The program has ended: nobody would take what comes now.
    closed: bool,
}

/// Why a turn can't wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::turn) enum NoPlace {
    Full,
    /// The program has ended.
    Gone,
}

impl Seat {
    /// How many wait.
    pub(in crate::turn) fn waiting(&self) -> usize {
        lock(&self.queue).turns.len()
    }

    /// Puts a turn into the queue, if there is room: as many may wait as the configuration says, besides the one that is
    /// being taken and the init prompts.
    pub(in crate::turn) fn enqueue(&self, live: Arc<Live>) -> Result<(), NoPlace> {
        let most = self.policy().most_queued;
        let queue = lock(&self.queue);
        let waiting = queue.turns.iter().filter(|live| !is_init(live)).count();
        // The first one of an idle agent doesn't wait.
        if !queue.closed && waiting + usize::from(self.works()) > most {
            return Err(NoPlace::Full);
        }
        self.put(queue, live)
    }

    /// Puts a turn into the queue that was promised before: whatever the limit is, it is not lost.
    ///
    /// # Errors
    /// The program has ended.
    pub(in crate::turn) fn enqueue_promised(&self, live: Arc<Live>) -> Result<(), NoPlace> {
        self.put(lock(&self.queue), live)
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, live: Arc<Live>) -> Result<(), NoPlace> {
        if queue.closed {
            return Err(NoPlace::Gone);
        }
        let ahead = queue.turns.len() + usize::from(self.works());
        if is_init(&live) {
            self.init_waits();
        }
        live.place((ahead > 0).then(|| u32::try_from(ahead).unwrap_or(u32::MAX)));
        queue.turns.push_back(live);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// Whether a turn is being taken.
    fn works(&self) -> bool {
        lock(&self.current)
            .as_ref()
            .is_some_and(|current| !current.state().is_final())
    }

    /// Takes a turn out of the queue; says whether it was there.
    pub(in crate::turn) fn unqueue(&self, live: &Arc<Live>) -> bool {
        let turns = &mut lock(&self.queue).turns;
        let place = turns.iter().position(|waiting| Arc::ptr_eq(waiting, live));
        place.and_then(|place| turns.remove(place)).is_some()
    }

    /// The next turn that can be taken.
    pub(super) fn next(&self) -> Option<Arc<Live>> {
        let passes_init = self.passes_init();
        let mut queue = lock(&self.queue);
        let place = queue
            .turns
            .iter()
            .position(|live| !(passes_init && is_init(live)))?;
        let live = queue.turns.remove(place)?;
        for (index, waiting) in queue.turns.iter().enumerate() {
            waiting.place(Some(u32::try_from(index + 1).unwrap_or(u32::MAX)));
        }
        *lock(&self.current) = Some(live.clone());
        drop(queue);
        live.place(None);
        Some(live)
    }

    /// Takes all that waits, and lets nothing more come.
    pub(super) fn drain(&self) -> VecDeque<Arc<Live>> {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        std::mem::take(&mut queue.turns)
    }
}
