//! The old form's way to send a terminal: as text, in which no character is cut.

/// Makes text of output that is cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// The beginning of a character whose end has not come.
    cut: Vec<u8>,
}

impl Text {
    /// The text of the output so far, as far as its characters are whole. What is no UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, output: &[u8]) -> String {
        let mut input = std::mem::take(&mut self.cut);
        input.extend_from_slice(output);
        let mut text = String::with_capacity(input.len());
        let mut chunks = input.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let rest = chunk.invalid();
            if chunks.peek().is_none() && is_beginning(rest) {
                self.cut = rest.to_vec();
            } else if !rest.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// Forgets what was cut.
    pub(super) fn reset(&mut self) {
        self.cut.clear();
    }
}

/// Whether more bytes could make a character of these.
fn is_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_waits_for_its_end_and_nonsense_does_not() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xf0\x9f"), "a");
        assert_eq!(text.push(b"\xa6"), "");
        assert_eq!(text.push(b"\x80b\xc3"), "🦀b");
        assert_eq!(text.push(b"x\xff"), "\u{fffd}x\u{fffd}");
        assert_eq!(text.push(b"\xe2\x82"), "");
        text.reset();
        assert_eq!(text.push("é".as_bytes()), "é");
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..60), all in ".{0,20}", at in any::<prop::sample::Index>()) {
            for input in [bytes, all.into_bytes()] {
                let (one, other) = input.split_at(at.index(input.len() + 1));
                let mut text = Text::default();
                let cut = text.push(one) + &text.push(other);
                prop_assert_eq!(cut, Text::default().push(&input));
            }
        }
    }
}
