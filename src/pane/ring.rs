//! A pane's recent output, numbered: the one place every viewer reads from.
//!
//! A viewer is a number. One that stands still costs nothing and delays nobody; one that fell out of the ring, or whose
//! output was lost on the way, is told to take a snapshot.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use llmux_protocol::api::socket::{HEAD_BYTES, Kind, write_terminal};
use tokio::sync::watch;

/// How much output is kept for viewers who are behind or come back.
pub(crate) const RING_BYTES: usize = 256 << 10;
/// How many pieces that may be: a program that prints single bytes must not cost a hundred times its output.
const RING_PIECES: usize = 2048;
/// How much output goes into one message to a viewer.
const MESSAGE_BYTES: usize = 32 << 10;
/// How many messages are kept for other viewers who are at the same place.
const MESSAGES: usize = 8;

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
    /// Messages that were written last, oldest first, with the number of their first byte.
    messages: VecDeque<(u64, Bytes)>,
}

/// What a viewer at some number gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<T = Vec<Bytes>> {
    /// The output from there on, and the number of the byte behind it.
    Output(T, u64),
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
            messages: VecDeque::new(),
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
        kept.messages.clear();
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
        kept.at(seq, || {
            let output = kept.from(seq).collect();
            (output, kept.end)
        })
    }

    /// Reads from `seq` on as one message of bounded size. Viewers who stand at the same number share it: what many get is
    /// copied once.
    pub(crate) fn read_message(&self, seq: u64) -> Read<Bytes> {
        let mut kept = self.lock();
        if let Some((_, message)) = kept.messages.iter().rev().find(|(from, _)| *from == seq)
            && seq >= kept.start
        {
            let next = seq + (message.len() - HEAD_BYTES) as u64;
            return Read::Output(message.clone(), next);
        }
        let read = kept.at(seq, || kept.message(seq));
        if let Read::Output(message, _) = &read {
            let message = message.clone();
            kept.keep(seq, message);
        }
        read
    }

    fn announce(&self, end: u64) {
        self.head.send_modify(|head| head.seq = end);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What a viewer at `seq` gets; `output` is what is there, if something is.
    fn at<T>(&self, seq: u64, output: impl FnOnce() -> (T, u64)) -> Read<T> {
        if seq < self.start || seq > self.end {
            return Read::Behind;
        }
        if seq == self.end {
            return Read::UpToDate;
        }
        let (output, next) = output();
        Read::Output(output, next)
    }

    /// The output from `seq` on, which is kept.
    fn from(&self, seq: u64) -> impl Iterator<Item = Bytes> {
        let mut skip = (seq - self.start) as usize;
        self.pieces.iter().filter_map(move |piece| {
            let rest = (skip < piece.len()).then(|| piece.slice(skip..));
            skip = skip.saturating_sub(piece.len());
            rest
        })
    }

    fn message(&self, seq: u64) -> (Bytes, u64) {
        let mut room = MESSAGE_BYTES;
        let pieces: Vec<Bytes> = self
            .from(seq)
            .map_while(|piece| {
                let part = piece.slice(..piece.len().min(room));
                room -= part.len();
                (!part.is_empty()).then_some(part)
            })
            .collect();
        let message = write_terminal(Kind::Output, seq, pieces.iter().map(Bytes::as_ref));
        let next = seq + (message.len() - HEAD_BYTES) as u64;
        (message, next)
    }

    fn keep(&mut self, seq: u64, message: Bytes) {
        if self.messages.len() == MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back((seq, message));
    }

    fn prune(&mut self) {
        while (self.end - self.start) as usize > RING_BYTES || self.pieces.len() > RING_PIECES {
            let Some(oldest) = self.pieces.pop_front() else {
                break;
            };
            self.start += oldest.len() as u64;
        }
        while self.messages.front().is_some_and(|(from, _)| *from < self.start) {
            self.messages.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(read: Read) -> Vec<u8> {
        match read {
            Read::Output(pieces, _) => pieces.concat(),
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

    fn message(ring: &Ring, seq: u64) -> (Bytes, u64) {
        match ring.read_message(seq) {
            Read::Output(message, next) => (message, next),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn viewers_at_one_place_share_one_message() {
        let ring = Ring::new();
        ring.push(Bytes::from_static(b"hello "));
        let (first, next) = message(&ring, 0);
        assert_eq!(
            (first.as_ref(), next),
            (b"\x01\0\0\0\0\0\0\0\0hello ".as_slice(), 6)
        );
        ring.push(Bytes::from_static(b"world"));
        // The one who comes later gets the same piece, so that both stand at the same place again.
        let (second, _) = message(&ring, 0);
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_eq!(&message(&ring, 6).0[HEAD_BYTES..], b"world");
        assert_eq!(ring.read_message(11), Read::UpToDate);
        ring.discontinue();
        assert_eq!(ring.read_message(6), Read::Behind);
    }

    #[test]
    fn a_message_that_is_still_there_is_no_way_around_the_end_of_what_is_kept() {
        let ring = Ring::new();
        ring.push(Bytes::from_static(b"a"));
        message(&ring, 0);
        ring.push(Bytes::from(vec![b'x'; RING_BYTES]));
        assert_eq!(ring.read_message(0), Read::Behind);
    }

    proptest! {
        #[test]
        fn messages_are_bounded_and_continue_each_other(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 0..10), steps in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let ring = Ring::new();
            for piece in &pieces {
                ring.push(Bytes::from(piece.clone()));
            }
            let all = pieces.concat();
            for step in steps {
                // Anybody may have begun anywhere.
                let _ = ring.read_message(step.index(all.len() + 1) as u64);
            }
            let (mut seq, mut got) = (0, Vec::new());
            while let Read::Output(message, next) = ring.read_message(seq) {
                prop_assert!(next > seq && message.len() <= MESSAGE_BYTES + HEAD_BYTES);
                got.extend_from_slice(&message[HEAD_BYTES..]);
                seq = next;
            }
            prop_assert_eq!(got, all);
        }

        #[test]
        fn what_is_kept_is_what_was_pushed(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 0..40), at in any::<prop::sample::Index>()) {
            let ring = Ring::new();
            for piece in &pieces {
                ring.push(Bytes::from(piece.clone()));
            }
            let all = pieces.concat();
            let seq = at.index(all.len() + 1);
            match ring.read(seq as u64) {
                Read::Output(read, next) => {
                    prop_assert_eq!(read.concat(), &all[seq..]);
                    prop_assert_eq!(next, all.len() as u64);
                }
                Read::UpToDate => prop_assert_eq!(seq, all.len()),
                Read::Behind => prop_assert!(all.len() - seq > RING_BYTES - 20_000),
            }
        }
    }
}
