//! Terminal input: bytes in, keys out. Linear in its input, whatever the reads are cut into.

use memchr::memmem;

const PASTE_END: &[u8] = b"\x1b[201~";

/// A key sequence longer than this is none.
const SEQUENCE_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Typed characters, as many as came at once.
    Text(String),
    /// One bracketed paste, with LF line ends.
    Paste(String),
    Enter,
    Newline,
    Esc,
    Tab,
    Backspace,
    Up,
    Down,
    Right,
    Ctrl(char),
}

/// Turns terminal input into keys. Does no IO and knows no time: the caller flushes a lone ESC.
#[derive(Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

impl Parser {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut data = std::mem::take(&mut self.pending);
        data.extend_from_slice(bytes);
        let mut rest = &data[..];
        while !rest.is_empty() {
            let step = if self.paste.is_some() {
                self.pasted(rest)
            } else {
                self.key(rest)
            };
            let Some((key, used)) = step else { break };
            keys.extend(key);
            rest = &rest[used..];
        }
        self.pending = rest.to_vec();
        keys
    }

    /// Tells whether an unfinished sequence waits for more, or for [`Parser::flush`].
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Gives up on an unfinished sequence: its ESC was the key.
    pub(super) fn flush(&mut self) -> Vec<Key> {
        let pending = std::mem::take(&mut self.pending);
        if pending.first() == Some(&0x1b) {
            vec![Key::Esc]
        } else {
            Vec::new()
        }
    }

    /// Takes all of `rest` up to the end of the paste.
    fn pasted(&mut self, rest: &[u8]) -> Option<(Option<Key>, usize)> {
        let paste = self.paste.as_mut()?;
        let before = paste.len();
        paste.extend_from_slice(rest);
        let from = before.saturating_sub(PASTE_END.len() - 1);
        let Some(end) = memmem::find(&paste[from..], PASTE_END) else {
            return Some((None, rest.len()));
        };
        let text = normal_lines(&paste[..from + end]);
        self.paste = None;
        Some((Some(Key::Paste(text)), from + end + PASTE_END.len() - before))
    }

    /// Takes one key from the start of `rest`, which is not empty; `None` if it is not complete.
    fn key(&mut self, rest: &[u8]) -> Option<(Option<Key>, usize)> {
        let key = match rest[0] {
            0x1b => return self.sequence(rest),
            b'\r' => Key::Enter,
            b'\n' => Key::Newline,
            b'\t' => Key::Tab,
            0x08 | 0x7f => Key::Backspace,
            byte @ 0..0x20 => Key::Ctrl(char::from(byte | 0x60)),
            _ => return text(rest),
        };
        Some((Some(key), 1))
    }

    fn sequence(&mut self, rest: &[u8]) -> Option<(Option<Key>, usize)> {
        match *rest.get(1)? {
            b'[' => {
                let Some(end) = rest[2..].iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
                    return (rest.len() > SEQUENCE_MAX).then_some((None, rest.len()));
                };
                let body = &rest[2..end + 3];
                if body == b"200~" {
                    self.paste = Some(Vec::new());
                }
                Some((arrow(body), end + 3))
            }
            b'O' => Some((arrow(rest.get(2..3)?), 3)),
            b'\r' => Some((Some(Key::Newline), 2)),
            0x1b => Some((Some(Key::Esc), 1)),
            0x20..0x7f => Some((None, 2)),
            _ => Some((None, 1)),
        }
    }
}

fn arrow(body: &[u8]) -> Option<Key> {
    match body {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"C" => Some(Key::Right),
        _ => None,
    }
}

/// Takes the run of characters at the start of `rest`; waits for the rest of a split character.
fn text(rest: &[u8]) -> Option<(Option<Key>, usize)> {
    let end = rest
        .iter()
        .position(|&byte| byte < 0x20 || byte == 0x7f)
        .unwrap_or(rest.len());
    let run = &rest[..end];
    let (run, used) = match std::str::from_utf8(run) {
        Err(error) if error.error_len().is_none() && end == rest.len() => {
            (&run[..error.valid_up_to()], error.valid_up_to())
        }
        _ => (run, end),
    };
    (used > 0).then(|| (Some(Key::Text(String::from_utf8_lossy(run).into_owned())), used))
}

fn normal_lines(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Key {
        Key::Text(text.to_owned())
    }

    #[test]
    fn a_paste_is_one_key_however_it_is_cut() {
        let input = b"a\x1b[200~x\r\ny\rz\x1b[31m\x1b[201~\rb";
        let expected = vec![
            text("a"),
            Key::Paste("x\ny\nz\x1b[31m".to_owned()),
            Key::Enter,
            text("b"),
        ];
        for cut in 0..=input.len() {
            let mut parser = Parser::default();
            let mut keys = parser.feed(&input[..cut]);
            keys.extend(parser.feed(&input[cut..]));
            assert_eq!(keys, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_lone_escape_is_a_key_only_after_a_pause() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"\x1b").is_empty() && parser.is_waiting());
        assert_eq!(parser.flush(), vec![Key::Esc]);
        parser.feed(b"\x1b");
        assert_eq!(
            parser.feed(b"[A\x1bOB\x1b\rx"),
            vec![Key::Up, Key::Down, Key::Newline, text("x")]
        );
    }

    #[test]
    fn a_split_character_stays_whole() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(&"é❯".as_bytes()[..3]), vec![text("é")]);
        assert_eq!(parser.feed(&"é❯".as_bytes()[3..]), vec![text("❯")]);
        assert_eq!(parser.feed(b"\xff\r"), vec![text("\u{fffd}"), Key::Enter]);
    }

    proptest! {
        #[test]
        fn no_input_is_lost_to_a_wedge(input in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut parser = Parser::default();
            let cut = cut.min(input.len());
            parser.feed(&input[..cut]);
            parser.feed(&input[cut..]);
            parser.flush();
            parser.feed(PASTE_END);
            parser.flush();
            let keys = parser.feed(b"\rok\r");
            prop_assert!(keys.ends_with(&[text("ok"), Key::Enter]), "{:?}", keys);
        }
    }
}
