//! Takes out of a pane's output what tmux swallows or has answered already.
//!
//! A viewer that got a terminal query would answer it once more, into the program's input; one that got
//! `ESC k title ESC \` would print the title. The states are those of tmux's own parser (the VT500 parser with
//! its string states), so that what is a sequence here is one there. 0x80 to 0x9f are no controls: they are
//! parts of UTF-8 characters.

use std::mem;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

use super::judge::{self, Verdict};

/// Longest escape sequence that is held until its end is seen. A longer one is swallowed.
const SEQUENCE_LIMIT: usize = 256;

/// Longest operating system command that is held until its end is seen. A longer one is swallowed.
const STRING_LIMIT: usize = 64 * 1024;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Something a pane's output said beside what it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The bell rang.
    Bell,
    /// A title was set (OSC 0 and 2).
    Title(String),
    /// The wrapper around the agent spoke: what follows `OSC 7777;llmux;`.
    Wrapper(Bytes),
    /// A status sequence: OSC 9, 133, 777 or 7501.
    Osc {
        /// Its number.
        number: u32,
        /// What follows the number and its semicolon.
        payload: Bytes,
    },
}

/// Takes out of a pane's output what a viewer must not get, and tells what it said.
///
/// Result and signals do not depend on where the output is cut. Holds at most 64 KiB: the beginning of a
/// sequence whose end has not come; a viewer never gets half of one.
#[derive(Debug, Default)]
pub struct Filter {
    state: State,
    /// The sequence so far, as far as it lies in earlier chunks.
    held: Vec<u8>,
    /// The sequence is longer than its limit and will be swallowed.
    too_long: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC and intermediates.
    Intermediate,
    /// After `ESC [`.
    Csi,
    /// In an operating system command, which ESC, BEL, CAN or SUB ends.
    Osc,
    /// After an ESC in one: a backslash makes the two the string's terminator.
    OscEscape,
    /// In a string of no use (SOS, PM, APC, `ESC k`), which ESC, CAN or SUB ends.
    Ignored,
    /// After an ESC in one.
    IgnoredEscape,
    /// After `ESC P`, before the character that ends the parameters.
    DcsEntry,
    /// In the body of a device control string, which only `ESC \` ends.
    Dcs,
    /// After an ESC in one.
    DcsEscape,
}

impl Filter {
    /// Makes a filter that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets a sequence that has not ended.
    ///
    /// tmux forgets a string (OSC, DCS and the like) five seconds after its beginning; a caller with a clock does
    /// the same, asking [`Filter::is_waiting`].
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether a sequence has begun whose end has not come.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.state != State::Ground
    }

    /// Takes the next output; gives what a viewer may get of it and adds what it said to `signals`.
    ///
    /// The result is the chunk itself, or a part of it, where nothing had to be cut out of its middle.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a handle, and most callers are done with it"
    )]
    pub fn push(&mut self, chunk: Bytes, signals: &mut Vec<Signal>) -> Bytes {
        let mut cut = Cut {
            chunk: &chunk,
            signals,
            kept: 0,
            start: 0,
            out: None,
        };
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            at = self.step(&mut cut, at, byte);
        }
        self.hold(&mut cut)
    }

    /// Looks at the byte at `at`, or at more; gives the place to go on.
    fn step(&mut self, cut: &mut Cut<'_>, at: usize, byte: u8) -> usize {
        match self.state {
            State::Ground => return self.ground(cut, at),
            State::Escape | State::Intermediate | State::Csi if !(0x20..0x7f).contains(&byte) => {
                self.control(cut, at, byte);
            }
            State::Escape => self.escape(cut, at, byte),
            State::Intermediate => {
                if byte >= 0x30 {
                    self.finish(cut, at + 1, b"");
                }
            }
            State::Csi => {
                if byte >= 0x40 {
                    self.finish(cut, at + 1, b"");
                }
            }
            State::Osc => return self.osc(cut, at),
            State::OscEscape | State::IgnoredEscape | State::DcsEscape if byte == b'\\' => {
                self.finish(cut, at + 1, b"");
            }
            State::OscEscape | State::IgnoredEscape => return self.string_without_end(cut, at),
            State::Ignored => return self.ignored(cut, at),
            State::DcsEntry => self.dcs_entry(cut, at, byte),
            State::Dcs => return self.skip_to(cut, at, State::DcsEscape),
            State::DcsEscape => self.state = State::Dcs,
        }
        at + 1
    }

    fn ground(&mut self, cut: &mut Cut<'_>, at: usize) -> usize {
        let Some(found) = memchr2(ESC, BEL, &cut.chunk[at..]) else {
            return cut.chunk.len();
        };
        if cut.chunk[at + found] == BEL {
            cut.signals.push(Signal::Bell);
        } else {
            self.begin(cut, at + found);
        }
        at + found + 1
    }

    /// Begins a sequence with the ESC at `at`.
    fn begin(&mut self, cut: &mut Cut<'_>, at: usize) {
        self.state = State::Escape;
        self.held.clear();
        self.too_long = false;
        cut.start = at;
    }

    /// Handles a byte that is no part of an escape or control sequence, but lies in one.
    ///
    /// ESC, CAN and SUB end the sequence without effect. Other controls are executed at once, so they go ahead
    /// of it; the rest is ignored.
    fn control(&mut self, cut: &mut Cut<'_>, at: usize, byte: u8) {
        match byte {
            ESC => {
                cut.replace(at, &[]);
                self.begin(cut, at);
            }
            CAN | SUB => {
                cut.replace(at + 1, &[]);
                self.end();
            }
            _ => {
                self.held.extend_from_slice(&cut.chunk[cut.start..at]);
                cut.replace(
                    at + 1,
                    if byte < 0x20 {
                        std::slice::from_ref(&byte)
                    } else {
                        &[]
                    },
                );
                if byte == BEL {
                    cut.signals.push(Signal::Bell);
                }
                cut.start = at + 1;
            }
        }
    }

    fn escape(&mut self, cut: &mut Cut<'_>, at: usize, byte: u8) {
        match byte {
            0x20..=0x2f => self.state = State::Intermediate,
            b'[' => self.state = State::Csi,
            b']' => self.state = State::Osc,
            b'P' => self.state = State::DcsEntry,
            b'X' | b'^' | b'_' | b'k' => self.state = State::Ignored,
            _ => self.finish(cut, at + 1, b""),
        }
    }

    fn osc(&mut self, cut: &mut Cut<'_>, at: usize) -> usize {
        let Some(end) = cut.chunk[at..]
            .iter()
            .position(|b| matches!(*b, BEL | CAN | SUB | ESC))
        else {
            return cut.chunk.len();
        };
        let end = at + end;
        match cut.chunk[end] {
            BEL => self.finish(cut, end + 1, b""),
            ESC => self.state = State::OscEscape,
            // The string has its effect, as in tmux; CAN or SUB itself has none.
            _ => {
                self.finish(cut, end, b"\x1b\\");
                cut.start = end;
                cut.replace(end + 1, &[]);
            }
        }
        end + 1
    }

    /// Skips the body of a string of no use.
    fn ignored(&mut self, cut: &mut Cut<'_>, at: usize) -> usize {
        let Some(end) = cut.chunk[at..].iter().position(|b| matches!(*b, CAN | SUB | ESC)) else {
            return cut.chunk.len();
        };
        let end = at + end;
        if cut.chunk[end] == ESC {
            self.state = State::IgnoredEscape;
        } else {
            cut.replace(end + 1, &[]);
            self.end();
        }
        end + 1
    }

    /// Ends a string whose ESC no backslash follows: that ESC begins the next sequence. Looks at `at` again.
    fn string_without_end(&mut self, cut: &mut Cut<'_>, at: usize) -> usize {
        if at > cut.start {
            self.finish(cut, at - 1, b"\x1b\\");
            self.begin(cut, at - 1);
        } else {
            // The ESC came with an earlier chunk.
            self.held.pop();
            self.finish(cut, at, b"\x1b\\");
            self.begin(cut, at);
            self.held.push(ESC);
        }
        at
    }

    fn dcs_entry(&mut self, cut: &mut Cut<'_>, at: usize, byte: u8) {
        match byte {
            0x40..=0x7e => self.state = State::Dcs,
            b':' => self.state = State::Ignored,
            ESC | CAN | SUB => self.control(cut, at, byte),
            _ => {}
        }
    }

    /// Goes to the byte after the next ESC and into `state`.
    fn skip_to(&mut self, cut: &Cut<'_>, at: usize, state: State) -> usize {
        let Some(found) = memchr(ESC, &cut.chunk[at..]) else {
            return cut.chunk.len();
        };
        self.state = state;
        at + found + 1
    }

    /// Ends the sequence before `end`, which lacks `terminator`, and lets it through or not.
    fn finish(&mut self, cut: &mut Cut<'_>, end: usize, terminator: &[u8]) {
        let tail = &cut.chunk[cut.start..end];
        let length = self.held.len() + tail.len() + terminator.len();
        if self.too_long || length > self.limit() {
            cut.replace(end, &[]);
        } else if length > tail.len() {
            self.held.extend_from_slice(tail);
            self.held.extend_from_slice(terminator);
            match judge::sequence(&self.held, cut.signals) {
                Verdict::Pass => cut.replace(end, &self.held),
                Verdict::Drop => cut.replace(end, &[]),
            }
        } else if judge::sequence(tail, cut.signals) == Verdict::Drop {
            cut.replace(end, &[]);
        }
        self.end();
    }

    fn end(&mut self) {
        self.state = State::Ground;
        self.held.clear();
        self.too_long = false;
    }

    /// The longest sequence of the present kind that gets through.
    fn limit(&self) -> usize {
        match self.state {
            State::Ground | State::Escape | State::Intermediate | State::Csi => SEQUENCE_LIMIT,
            State::Osc | State::OscEscape => STRING_LIMIT,
            State::Ignored | State::IgnoredEscape | State::DcsEntry | State::Dcs | State::DcsEscape => 0,
        }
    }

    /// Ends the chunk, keeping back a sequence that has not ended.
    fn hold(&mut self, cut: &mut Cut<'_>) -> Bytes {
        let (chunk, start) = (cut.chunk, cut.start);
        if self.state == State::Ground {
            return cut.finish(chunk.len());
        }
        self.held.extend_from_slice(&chunk[start..]);
        if self.too_long || self.held.len() > self.limit() {
            self.too_long = true;
            self.held = Vec::new();
        }
        cut.finish(start)
    }
}

/// A chunk, and what has been cut out of it so far.
struct Cut<'a> {
    chunk: &'a Bytes,
    signals: &'a mut Vec<Signal>,
    /// Where the bytes begin that are kept but not yet copied.
    kept: usize,
    /// Where the current sequence begins, or the rest of one that began in an earlier chunk.
    start: usize,
    /// What is kept of the bytes before `kept`; nothing was cut out as long as there is none.
    out: Option<BytesMut>,
}

impl Cut<'_> {
    /// Puts `bytes` in place of the sequence, which ends before `end`.
    fn replace(&mut self, end: usize, bytes: &[u8]) {
        let out = self
            .out
            .get_or_insert_with(|| BytesMut::with_capacity(self.chunk.len() + bytes.len()));
        out.extend_from_slice(&self.chunk[self.kept..self.start]);
        out.extend_from_slice(bytes);
        self.kept = end;
    }

    /// What is kept of the bytes before `end`.
    fn finish(&mut self, end: usize) -> Bytes {
        let rest = self.kept..end.max(self.kept);
        match mem::take(&mut self.out) {
            None => self.chunk.slice(rest),
            Some(mut out) => {
                out.extend_from_slice(&self.chunk[rest]);
                out.freeze()
            }
        }
    }
}

#[cfg(test)]
mod tests;
