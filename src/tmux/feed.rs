//! The queue between the tmux reader and one pane: bounded, ordered, and never awaited by the reader.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::screen::Capture;

/// Output that may wait for one pane's task. Beyond it the pane is captured again instead of read through: a
/// terminal's user wants the end of a flood, not its middle.
pub(super) const FEED_LIMIT_BYTES: usize = 4 << 20;

/// What happens to a pane, in the order in which tmux said it.
#[derive(Debug)]
pub(crate) enum FeedItem {
    /// The program printed this.
    Output(Bytes),
    /// Output was lost; what follows belongs after the next [`FeedItem::Capture`].
    Resync,
    /// The pane as it was before all output that follows, and after all that was dropped.
    Capture(Box<Capture>),
    /// The pane is closed. Nothing follows.
    Gone,
}

impl FeedItem {
    /// How much output it holds, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Output(data) => data.len(),
            Self::Resync | Self::Capture(_) | Self::Gone => 0,
        }
    }
}

#[derive(Default)]
struct Queue {
    items: VecDeque<FeedItem>,
    bytes: usize,
    abandoned: bool,
}

/// The reader's end.
#[derive(Default)]
pub(super) struct Feed {
    queue: Mutex<Queue>,
    filled: Notify,
}

/// A pane's end.
pub(crate) struct FeedReader(Arc<Feed>);

impl Feed {
    pub(super) fn open() -> (Arc<Self>, FeedReader) {
        let feed = Arc::new(Self::default());
        (feed.clone(), FeedReader(feed))
    }

    /// Appends output; `false` says that the queue was full and all output in it is dropped.
    pub(super) fn output(&self, data: Bytes) -> bool {
        let mut queue = self.lock();
        if queue.bytes + data.len() > FEED_LIMIT_BYTES {
            queue.drop_output();
            return false;
        }
        queue.bytes += data.len();
        queue.items.push_back(FeedItem::Output(data));
        drop(queue);
        self.filled.notify_one();
        true
    }

    /// Appends what must not be lost.
    pub(super) fn push(&self, item: FeedItem) {
        let mut queue = self.lock();
        if matches!(item, FeedItem::Resync) {
            queue.drop_output();
        }
        queue.items.push_back(item);
        drop(queue);
        self.filled.notify_one();
    }

    /// Whether nobody reads any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Forgets what a capture to come will show anyway.
    fn drop_output(&mut self) {
        self.items.retain(|item| matches!(item, FeedItem::Gone));
        self.bytes = 0;
    }
}

impl FeedReader {
    /// Moves all that has come into `items`, waiting for the first. Cancel safe.
    pub(crate) async fn next(&mut self, items: &mut Vec<FeedItem>) {
        loop {
            {
                let mut queue = self.0.lock();
                if !queue.items.is_empty() {
                    items.extend(queue.items.drain(..));
                    queue.bytes = 0;
                    return;
                }
            }
            self.0.filled.notified().await;
        }
    }
}

impl Drop for FeedReader {
    fn drop(&mut self) {
        self.0.lock().abandoned = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drain(reader: &mut FeedReader) -> Vec<FeedItem> {
        let mut items = Vec::new();
        reader.next(&mut items).await;
        items
    }

    #[tokio::test]
    async fn a_flood_is_dropped_and_said_but_the_rest_is_kept() {
        let (feed, mut reader) = Feed::open();
        assert!(feed.output(Bytes::from(vec![b'x'; FEED_LIMIT_BYTES])));
        assert!(!feed.output(Bytes::from_static(b"y")));
        feed.push(FeedItem::Resync);
        feed.push(FeedItem::Gone);
        let items = drain(&mut reader).await;
        assert!(
            matches!(items[..], [FeedItem::Resync, FeedItem::Gone]),
            "{items:?}"
        );
    }

    #[tokio::test]
    async fn what_comes_while_nobody_waits_is_there_later() {
        let (feed, mut reader) = Feed::open();
        feed.output(Bytes::from_static(b"a"));
        feed.output(Bytes::from_static(b"b"));
        assert_eq!(drain(&mut reader).await.len(), 2);
        feed.output(Bytes::from_static(b"c"));
        assert_eq!(drain(&mut reader).await.len(), 1);
    }

    #[test]
    fn a_dropped_reader_is_noticed() {
        let (feed, reader) = Feed::open();
        assert!(!feed.is_abandoned());
        drop(reader);
        assert!(feed.is_abandoned());
    }
}
