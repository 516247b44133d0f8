//! From bytes to items: cuts lines, keeps the open reply, unescapes output.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::{
    Notice,
    escape::unescape_into,
    grammar::{self, Guard},
};
use crate::PaneId;

/// The longest line kept, in bytes: 64 MiB. Output lines stay under 11 KB; a reply line has no limit in tmux, but what
/// we ask for stays far under this one, so that a longer line could only eat memory.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// One thing tmux said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A pane printed (`%output`, `%extended-output`).
    Output {
        /// The pane.
        pane: PaneId,
        /// How long tmux held the bytes back, in milliseconds; said once `pause-after` is on.
        age_ms: Option<u64>,
        /// What it printed, unescaped. May begin and end inside a UTF-8 character or an escape sequence.
        ///
        /// The outputs of one [`Demux::feed`] share an allocation: copy what is kept for long.
        data: Bytes,
    },
    /// One command was answered.
    Reply(Reply),
    /// Any other notification.
    Notice(Notice),
    /// A line outside any reply that is no notification. tmux 3.2 and 3.5 up print the output of `run-shell` so, all
    /// versions the failure of `load-buffer`, whose reply then says it went well.
    Stray(Bytes),
    /// A line over [`MAX_LINE_BYTES`] was dropped; inside a reply, that reply lacks it.
    Overlong {
        /// Its length without the line feed.
        bytes: u64,
    },
}

/// The answer to one command: what stood between `%begin` and the `%end` or `%error` with the same three numbers.
///
/// Whatever a line in between looks like, it is body. tmux up to 3.7 puts the `%pause` and `%continue` that a
/// `refresh-client -A` causes there, and every version `%message`: they are found in `body`, not as notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// When the command was run, in Unix seconds.
    pub time: u64,
    /// The command's number: it grows, with gaps, over all clients of the tmux server.
    pub number: u64,
    /// See [`Reply::is_ours`].
    pub flags: u64,
    /// Whether it ended with `%end`. After an error tmux drops the rest of that command line.
    pub ok: bool,
    /// The lines of the answer, without line feeds; carriage returns are kept.
    pub body: Vec<Bytes>,
}

impl Reply {
    /// Whether this client sent the command; the command of the process's arguments and users' hooks are others.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The body as text: lines joined by line feeds, bytes that are no UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body.join(&b'\n')).into_owned()
    }
}

/// Cuts bytes into lines and lines into items; keeps what is incomplete.
///
/// Total: no input makes it fail or panic, and a line that makes no sense never spoils the next.
#[derive(Debug)]
pub struct Demux {
    limit: usize,
    /// The start of a line whose end has not come yet.
    carry: BytesMut,
    /// How much of an overlong line was dropped so far.
    dropped: Option<u64>,
    block: Option<Block>,
    /// Where this feed's items keep their bytes: one allocation for all of them.
    arena: BytesMut,
}

/// A reply whose end has not come yet.
#[derive(Debug)]
struct Block {
    guard: Guard,
    body: Vec<Bytes>,
}

impl Block {
    /// Whether the line ends this block, and then whether the command went well.
    fn closed_by(&self, line: &[u8]) -> Option<bool> {
        grammar::end(line)
            .filter(|(_, guard)| *guard == self.guard)
            .map(|(ok, _)| ok)
    }

    fn into_reply(self, ok: bool) -> Reply {
        let Guard { time, number, flags } = self.guard;
        Reply {
            time,
            number,
            flags,
            ok,
            body: self.body,
        }
    }
}

impl Default for Demux {
    fn default() -> Self {
        Self::new()
    }
}

impl Demux {
    /// Makes one for a fresh connection.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(MAX_LINE_BYTES)
    }

    fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            carry: BytesMut::new(),
            dropped: None,
            block: None,
            arena: BytesMut::new(),
        }
    }

    /// Takes the next bytes and gives each item that they complete to `sink`, in order.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut impl FnMut(Item)) {
        self.arena.reserve(self.carry.len() + chunk.len());
        let mut rest = chunk;
        while let Some(at) = memchr(b'\n', rest) {
            self.finish_line(&rest[..at], sink);
            rest = &rest[at + 1..];
        }
        self.begin_line(rest);
    }

    /// Whether a `%begin` was seen whose end was not.
    #[must_use]
    pub fn open_block(&self) -> bool {
        self.block.is_some()
    }

    fn begin_line(&mut self, part: &[u8]) {
        if self.dropped.is_none() && self.carry.len() + part.len() <= self.limit {
            self.carry.extend_from_slice(part);
        } else {
            let before = self.dropped.unwrap_or(0) + self.carry.len() as u64;
            self.dropped = Some(before + part.len() as u64);
            self.carry = BytesMut::new();
        }
    }

    fn finish_line(&mut self, part: &[u8], sink: &mut impl FnMut(Item)) {
        if self.dropped.is_none() && self.carry.is_empty() && part.len() <= self.limit {
            return self.line(part, None, sink);
        }
        self.begin_line(part);
        if let Some(bytes) = self.dropped.take() {
            sink(Item::Overlong { bytes });
        } else {
            let line = self.carry.split().freeze();
            self.line(&line, Some(&line), sink);
        }
    }

    /// Takes one line; `owner` is what already holds its bytes, if anything does.
    fn line(&mut self, line: &[u8], owner: Option<&Bytes>, sink: &mut impl FnMut(Item)) {
        if let Some(mut block) = self.block.take() {
            if let Some(ok) = block.closed_by(line) {
                sink(Item::Reply(block.into_reply(ok)));
            } else {
                block.body.push(self.keep(line, owner));
                self.block = Some(block);
            }
        } else if let Some(output) = grammar::output(line) {
            // tmux escapes carriage returns of the pane; a raw one belongs to the line's end.
            let data = output.data.strip_suffix(b"\r").unwrap_or(output.data);
            unescape_into(data, &mut self.arena);
            sink(Item::Output {
                pane: output.pane,
                age_ms: output.age_ms,
                data: self.arena.split().freeze(),
            });
        } else if let Some(guard) = grammar::begin(line) {
            self.block = Some(Block {
                guard,
                body: Vec::new(),
            });
        } else {
            let line = self.keep(line.strip_suffix(b"\r").unwrap_or(line), owner);
            sink(grammar::notice(&line).map_or(Item::Stray(line), Item::Notice));
        }
    }

    fn keep(&mut self, part: &[u8], owner: Option<&Bytes>) -> Bytes {
        if let Some(owner) = owner {
            return owner.slice_ref(part);
        }
        self.arena.extend_from_slice(part);
        self.arena.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WindowId;

    fn items(demux: &mut Demux, chunk: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        demux.feed(chunk, &mut |item| items.push(item));
        items
    }

    fn all(text: &[u8]) -> Vec<Item> {
        items(&mut Demux::new(), text)
    }

    fn reply(ok: bool, body: &[&'static str]) -> Item {
        let body = body
            .iter()
            .map(|line| Bytes::from_static(line.as_bytes()))
            .collect();
        Item::Reply(Reply {
            time: 10,
            number: 7,
            flags: 1,
            ok,
            body,
        })
    }

    fn unknown(name: &'static str, rest: &'static str) -> Item {
        Item::Notice(Notice::Unknown {
            name: name.into(),
            rest: rest.into(),
        })
    }

    #[test]
    fn a_lookalike_end_line_stays_in_the_body() {
        let body = [
            "%end 10 7 0",
            "%end 10 6 1",
            "%error 9 7 1",
            "%end 10 7 1 ",
            "%begin 10 8 1",
            "%output %1 x",
            "%exit",
        ];
        let text = format!("%begin 10 7 1\n{}\n%end 10 7 1\n", body.join("\n"));
        assert_eq!(all(text.as_bytes()), [reply(true, &body)]);
    }

    #[test]
    fn an_error_is_a_reply_that_is_not_ok() {
        assert_eq!(
            all(b"%begin 10 7 1\nno pane\n%error 10 7 1\n"),
            [reply(false, &["no pane"])]
        );
    }

    #[test]
    fn an_open_block_is_known() {
        let mut demux = Demux::new();
        assert!(!demux.open_block());
        assert_eq!(items(&mut demux, b"%begin 10 7 1\nx\n%end 10 "), []);
        assert!(demux.open_block());
        assert_eq!(items(&mut demux, b"7 1\n"), [reply(true, &["x"])]);
        assert!(!demux.open_block());
    }

    #[test]
    fn a_carriage_return_ends_a_line_but_stays_in_a_body() {
        let got = all(b"%begin 10 7 1\r\nx\r\n%end 10 7 1\r\n%output %1 a\\015\r\n%window-add @3\r\n");
        let output = Item::Output {
            pane: PaneId(1),
            age_ms: None,
            data: Bytes::from_static(b"a\r"),
        };
        assert_eq!(
            got,
            [
                reply(true, &["x\r"]),
                output,
                Item::Notice(Notice::WindowAdd(WindowId(3)))
            ]
        );
    }

    #[test]
    fn extended_output_says_its_age_and_may_grow() {
        for line in [
            "%extended-output %3 12 : a : b",
            "%extended-output %3 12 new 9 : a : b",
        ] {
            let want = Item::Output {
                pane: PaneId(3),
                age_ms: Some(12),
                data: Bytes::from_static(b"a : b"),
            };
            assert_eq!(all(format!("{line}\n").as_bytes()), [want]);
        }
    }

    #[test]
    fn an_output_line_may_be_empty() {
        let want = Item::Output {
            pane: PaneId(3),
            age_ms: None,
            data: Bytes::new(),
        };
        assert_eq!(all(b"%output %3 \n"), [want]);
    }

    #[test]
    fn a_malformed_line_is_kept_as_unknown() {
        assert_eq!(all(b"%output %x hi\n"), [unknown("output", "%x hi")]);
        assert_eq!(
            all(b"%output %99999999999 hi\n"),
            [unknown("output", "%99999999999 hi")]
        );
        assert_eq!(all(b"%window-add 3\n"), [unknown("window-add", "3")]);
        assert_eq!(
            all(b"%layout-change @1 x y z\n"),
            [unknown("layout-change", "@1 x y z")]
        );
        assert_eq!(all(b"%begin 1 2\n"), [unknown("begin", "1 2")]);
        assert_eq!(all(b"%end 1 2 3\n"), [unknown("end", "1 2 3")]);
    }

    #[test]
    fn a_line_that_is_no_notification_is_stray() {
        for line in ["", "%", "%%", "% x", "hello", "%Window-add @1", "%x1 y"] {
            let want = Item::Stray(Bytes::copy_from_slice(line.as_bytes()));
            assert_eq!(all(format!("{line}\n").as_bytes()), [want]);
        }
    }

    #[test]
    fn an_overlong_line_is_counted_and_the_next_one_read() {
        let text = [&b"0123456789abcdefg"[..], b"\n0123456789abcdef\n%pause %1\n"].concat();
        let want = [
            Item::Overlong { bytes: 17 },
            Item::Stray(Bytes::from_static(b"0123456789abcdef")),
            Item::Notice(Notice::Pause(PaneId(1))),
        ];
        for size in 1..=text.len() {
            let mut demux = Demux::with_limit(16);
            let got: Vec<Item> = text
                .chunks(size)
                .flat_map(|chunk| items(&mut demux, chunk))
                .collect();
            assert_eq!(got, want, "in chunks of {size}");
            assert!(demux.carry.is_empty());
        }
    }

    #[test]
    fn a_dropped_line_holds_no_memory() {
        let mut demux = Demux::with_limit(16);
        for _ in 0..1000 {
            assert_eq!(items(&mut demux, &[b'x'; 1024]), []);
        }
        assert!(demux.carry.capacity() == 0);
        assert_eq!(items(&mut demux, b"\n"), [Item::Overlong { bytes: 1_024_000 }]);
    }
}
