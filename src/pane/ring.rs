//! A pane's recent output, numbered: the one place every viewer reads from.
//!
//! A viewer is a number. One that stands still costs nothing and delays nobody; one that fell out of the ring, or whose
//! output was lost on the way, is told to take a snapshot.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

/// How much output is kept for viewers who are behind or come back.
pub(crate) const RING_BYTES: usize = 256 << 10;
/// How many pieces that may be: a program that prints single bytes must not cost a hundred times its output.
const RING_PIECES: usize = 2048;

/// Numbered output. Sequence numbers count bytes; where output was lost, one number is skipped, so that no viewer
/// from before can take itself to be up to date.
pub(crate) struct Ring {
    kept: Mutex<Kept>,
    head: watch::Sender<Head>,
}

/// The end of the output so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) closed: bool,
}

struct Kept {
    pieces: VecDeque<Bytes>,
    start: u64,
    end: u64,
}

/// What a viewer at some number gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The output from there on, as far as it goes.
    Output(Vec<Bytes>),
    /// It is not kept: take a snapshot.
    Behind,
    /// Nothing yet.
    UpToDate,
}

impl Ring {
    pub(crate) fn new() -> Self {
        let kept = Kept {
            pieces: VecDeque::new(),
            start: 0,
            end: 0,
        };
        Self {
            kept: Mutex::new(kept),
            head: watch::channel(Head {
                seq: 0,
                closed: false,
            })
            .0,
        }
    }

    /// Appends output.
    pub(crate) fn push(&self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        let mut kept = self.lock();
        kept.end += data.len() as u64;
        kept.pieces.push_back(data);
        kept.prune();
        self.announce(kept.end);
    }

    /// Says that output was lost here: everyone needs a snapshot.
    pub(crate) fn discontinue(&self) {
        let mut kept = self.lock();
        kept.end += 1;
        kept.start = kept.end;
        kept.pieces.clear();
        self.announce(kept.end);
    }

    /// Says that nothing more will come.
    pub(crate) fn close(&self) {
        self.head.send_modify(|head| head.closed = true);
    }

    /// The number of the next byte.
    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    /// Follows the end of the output.
    pub(crate) fn follow(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Reads from `seq` on.
    pub(crate) fn read(&self, seq: u64) -> Read {
        let kept = self.lock();
        if seq < kept.start || seq > kept.end {
            return Read::Behind;
        }
        if seq == kept.end {
            return Read::UpToDate;
        }
        let mut skip = (seq - kept.start) as usize;
        let mut output = Vec::new();
        for piece in &kept.pieces {
            if skip < piece.len() {
                output.push(piece.slice(skip..));
            }
            skip = skip.saturating_sub(piece.len());
        }
        Read::Output(output)
    }

    fn announce(&self, end: u64) {
        self.head.send_modify(|head| head.seq = end);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn prune(&mut self) {
        while (self.end - self.start) as usize > RING_BYTES || self.pieces.len() > RING_PIECES {
            let Some(oldest) = self.pieces.pop_front() else {
                break;
            };
            self.start += oldest.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(read: Read) -> Vec<u8> {
        match read {
            Read::Output(pieces) => pieces.concat(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_viewer_reads_on_from_its_number() {
        let ring = Ring::new();
        ring.push(Bytes::from_static(b"hello "));
        ring.push(Bytes::from_static(b"world"));
        assert_eq!(text(ring.read(0)), b"hello world");
        assert_eq!(text(ring.read(8)), b"rld");
        assert_eq!(ring.read(11), Read::UpToDate);
        assert_eq!(ring.read(12), Read::Behind);
    }

    #[test]
    fn lost_output_sends_even_the_one_who_was_up_to_date_to_a_snapshot() {
        let ring = Ring::new();
        ring.push(Bytes::from_static(b"abc"));
        ring.discontinue();
        assert_eq!(ring.read(3), Read::Behind);
        assert_eq!(ring.read(ring.end()), Read::UpToDate);
    }

    #[test]
    fn single_bytes_are_bounded_too() {
        let ring = Ring::new();
        for _ in 0..10_000 {
            ring.push(Bytes::from_static(b"x"));
        }
        assert!(ring.lock().pieces.len() <= RING_PIECES);
        assert_eq!(ring.read(0), Read::Behind);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_pushed(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 0..40), at in any::<prop::sample::Index>()) {
            let ring = Ring::new();
            for piece in &pieces {
                ring.push(Bytes::from(piece.clone()));
            }
            let all = pieces.concat();
            let seq = at.index(all.len() + 1);
            match ring.read(seq as u64) {
                Read::Output(read) => prop_assert_eq!(read.concat(), &all[seq..]),
                Read::UpToDate => prop_assert_eq!(seq, all.len()),
                Read::Behind => prop_assert!(all.len() - seq > RING_BYTES - 20_000),
            }
        }
    }
}
