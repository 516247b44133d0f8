//! What happened, numbered and kept for a while, for any number of readers that each go at their own pace.
//!
//! A reader holds no queue: memory is the ring, whoever reads. One that is too slow is told that it has missed something.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

/// A numbered ring of the last things that happened. Cheap to clone.
#[derive(Debug)]
pub struct Bus<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    capacity: usize,
    /// Tells these numbers from those of another run of the program.
    epoch: u64,
    kept: Mutex<VecDeque<Arc<T>>>,
    /// The number of the last one; the first is 1.
    latest: watch::Sender<u64>,
}

impl<T> Clone for Bus<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// One reader's place.
#[derive(Debug)]
pub struct Reader<T> {
    bus: Bus<T>,
    /// The number of the next one to read.
    next: u64,
    latest: watch::Receiver<u64>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next thing, with its number.
    Item(u64, Arc<T>),
    /// Something was missed; what comes next has a greater number than this.
    Missed(u64),
}

impl<T> Bus<T> {
    /// A ring of so many things.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Arc::new(Inner {
            capacity,
            epoch: u64::try_from(now.as_micros()).unwrap_or_default(),
            kept: Mutex::default(),
            latest: watch::Sender::new(0),
        }))
    }

    /// How many are kept.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Adds something and wakes who waits for it.
    pub fn publish(&self, item: T) {
        let mut kept = self.kept();
        if kept.len() == self.0.capacity {
            kept.pop_front();
        }
        kept.push_back(Arc::new(item));
        // Under the lock: numbers and what they stand for never differ.
        self.0.latest.send_modify(|latest| *latest += 1);
    }

    /// What is kept, oldest first, with its numbers.
    #[must_use]
    pub fn all(&self) -> Vec<(u64, Arc<T>)> {
        let kept = self.kept();
        let first = *self.0.latest.borrow() + 1 - kept.len() as u64;
        (first..).zip(kept.iter().cloned()).collect()
    }

    /// The number of the last one; 0 if there is none.
    #[must_use]
    pub fn latest(&self) -> u64 {
        *self.0.latest.borrow()
    }

    /// Reads on behind a number; without one, from now.
    #[must_use]
    pub fn read(&self, after: Option<u64>) -> Reader<T> {
        let latest = self.0.latest.subscribe();
        let next = after.unwrap_or_else(|| *latest.borrow()) + 1;
        Reader {
            bus: self.clone(),
            next,
            latest,
        }
    }

    /// A number as a word that no other run of the program gives to something else.
    #[must_use]
    pub fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.0.epoch)
    }

    /// The number in such a word, if it is of this run.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let is_ours = u64::from_str_radix(epoch, 16) == Ok(self.0.epoch);
        let number = number.parse().ok()?;
        (is_ours && number <= self.latest()).then_some(number)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<T>>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Reader<T> {
    /// Waits for the next thing. Cancel safe.
    pub async fn next(&mut self) -> Next<T> {
        loop {
            // Marked as seen before the ring is read: what comes in between wakes the wait below.
            self.latest.borrow_and_update();
            if let Some(next) = self.take() {
                return next;
            }
            if self.latest.changed().await.is_err() {
                // The sender lives in `self.bus`.
                std::future::pending::<()>().await;
            }
        }
    }

    fn take(&mut self) -> Option<Next<T>> {
        let kept = self.bus.kept();
        let latest = *self.bus.0.latest.borrow();
        let first = latest + 1 - kept.len() as u64;
        if self.next < first {
            self.next = first;
            return Some(Next::Missed(first - 1));
        }
        let item = kept.get(usize::try_from(self.next - first).ok()?)?.clone();
        let number = self.next;
        self.next += 1;
        Some(Next::Item(number, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_reader_gets_everything_once_and_in_order() {
        let bus = Bus::new(8);
        bus.publish("before");
        let (mut from_now, mut from_start) = (bus.read(None), bus.read(Some(0)));
        bus.publish("after");
        assert_eq!(from_now.next().await, Next::Item(2, Arc::new("after")));
        assert_eq!(from_start.next().await, Next::Item(1, Arc::new("before")));
        assert_eq!(from_start.next().await, Next::Item(2, Arc::new("after")));
        let reading = tokio::spawn(async move { from_now.next().await });
        bus.publish("later");
        assert_eq!(reading.await.unwrap(), Next::Item(3, Arc::new("later")));
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_it_missed_something_and_goes_on() {
        let bus = Bus::new(2);
        let mut reader = bus.read(None);
        for n in 1..=5 {
            bus.publish(n);
        }
        assert_eq!(reader.next().await, Next::Missed(3));
        assert_eq!(reader.next().await, Next::Item(4, Arc::new(4)));
        assert_eq!(
            bus.all().iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [4, 5]
        );
    }

    #[test]
    fn an_id_of_another_run_is_no_number() {
        let bus = Bus::new(2);
        bus.publish(());
        assert_eq!(bus.number(&bus.id(1)), Some(1));
        assert_eq!(bus.number(&bus.id(2)), None);
        for id in ["", "1", "0-1", "x-y", "-"] {
            assert_eq!(bus.number(id), None, "{id}");
        }
    }
}
