//! Server-sent events, read bit by bit. Source: HTML Living Standard, 9.2.6.

/// The most that an event, or a line, may have.
pub(super) const MAX_EVENT_BYTES: usize = 1 << 20;

/// An event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

/// An event larger than [`MAX_EVENT_BYTES`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Turns bytes into events, wherever they were cut.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    after_cr: bool,
    after_first_line: bool,
}

impl Reader {
    /// Reads on, and appends the events that are complete now.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut impl Extend<Event>) -> Result<(), TooLarge> {
        for &byte in bytes {
            let second_half = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if second_half => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ if self.line.len() + self.data.len() >= MAX_EVENT_BYTES => return Err(TooLarge),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.after_first_line, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            // A comment has no name before its colon; ids and delays are of no use here.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        let name: &[u8] = if name.is_empty() { b"message" } else { &name };
        Some(Event {
            name: String::from_utf8_lossy(name).into_owned(),
            data: String::from_utf8_lossy(&data).into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut reader, mut events) = (Reader::default(), Vec::new());
        for piece in pieces {
            reader.push(piece, &mut events).unwrap();
        }
        events
    }

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn events_comments_and_fields_are_told_apart() {
        let text = b"\xef\xbb\xbf: keepalive\n\nevent: your-turn\nid: 7\ndata: {\"a\":1}\n\n: keepalive\n\ndata:x\ndata\ndata:  y\n\nevent: no-data\n\n";
        assert_eq!(
            read(&[text]),
            [event("your-turn", "{\"a\":1}"), event("message", "x\n\n y")]
        );
    }

    #[test]
    fn what_the_end_cuts_off_is_no_event() {
        assert_eq!(read(&[b"event: a\ndata: b\n"]), []);
    }

    #[test]
    fn an_event_without_an_end_is_not_collected_for_ever() {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        reader.push(&vec![b'x'; MAX_EVENT_BYTES], &mut events).unwrap();
        assert_eq!(reader.push(b"x", &mut events), Err(TooLarge));
        let mut reader = Reader::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        let lines = line.repeat(MAX_EVENT_BYTES / 1000 + 1);
        assert_eq!(reader.push(&lines, &mut events), Err(TooLarge));
    }

    #[test]
    fn comments_may_go_on_for_ever() {
        let mut reader = Reader::default();
        for _ in 0..MAX_EVENT_BYTES / 1000 + 10 {
            let comment = [b":".as_slice(), &[b'k'; 1000], b"\r\n"].concat();
            reader.push(&comment, &mut Vec::new()).unwrap();
        }
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("event: a".to_owned()),
            Just("data: {}".to_owned()),
            Just(": keepalive".to_owned()),
            "[a-z: ]{0,8}",
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\r".to_owned()),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_it_is_cut(text in stream(), cut in any::<prop::sample::Index>()) {
            let (a, b) = text.split_at(cut.index(text.len() + 1));
            prop_assert_eq!(read(&[a, b]), read(&[&text]));
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            prop_assert_eq!(read(&bytes), read(&[&text]));
        }

        #[test]
        fn every_line_end_means_the_same(lines in prop::collection::vec("(data|event|): ?[a-z]{0,4}|", 0..20)) {
            let with = |end: &str| lines.iter().flat_map(|line| [line, end]).collect::<String>();
            let plain = read(&[with("\n").as_bytes()]);
            prop_assert_eq!(&read(&[with("\r\n").as_bytes()]), &plain);
            prop_assert_eq!(&read(&[with("\r").as_bytes()]), &plain);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&[&bytes]);
        }
    }
}
