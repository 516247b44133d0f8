//! The draft: what is typed and pasted before it is sent.

/// A paste with so many line ends is shown as a placeholder.
const COLLAPSE_LINES: usize = 3;

/// So is one with more bytes than this.
const COLLAPSE_BYTES: usize = 800;

#[derive(Debug)]
enum Piece {
    Typed(String),
    Pasted { label: String, text: String },
}

#[derive(Debug, Default)]
pub(super) struct Composer {
    pieces: Vec<Piece>,
    pastes: usize,
}

impl Composer {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn type_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Typed(typed)) => typed.push_str(text),
            _ => self.pieces.push(Piece::Typed(text.to_owned())),
        }
    }

    pub(super) fn paste(&mut self, text: String) {
        let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        if lines < COLLAPSE_LINES && text.len() <= COLLAPSE_BYTES {
            return self.type_text(&text);
        }
        self.pastes += 1;
        let more = if lines == 0 {
            String::new()
        } else {
            format!(" +{lines} lines")
        };
        self.pieces.push(Piece::Pasted {
            label: format!("[Pasted text #{}{more}]", self.pastes),
            text,
        });
    }

    /// Removes the last character, or the last collapsed paste.
    pub(super) fn backspace(&mut self) {
        if let Some(Piece::Typed(text)) = self.pieces.last_mut() {
            text.pop();
            if !text.is_empty() {
                return;
            }
        }
        self.pieces.pop();
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Empties the composer; returns the prompt with its pastes in full, or `None` if it is blank.
    pub(super) fn take(&mut self) -> Option<String> {
        let blank = |piece: &Piece| matches!(piece, Piece::Typed(text) if text.trim().is_empty());
        if self.pieces.iter().all(blank) {
            return None;
        }
        let text: String = self.pieces.drain(..).map(Piece::into_text).collect();
        Some(text.trim_end().to_owned())
    }

    /// The end of what is shown, at most about `bytes` long: a huge draft must not be walked at each key.
    pub(super) fn tail(&self, bytes: usize) -> String {
        let mut tail = Vec::new();
        let mut left = bytes;
        for piece in self.pieces.iter().rev() {
            let shown = piece.shown();
            let from = shown.ceil_char_boundary(shown.len().saturating_sub(left));
            tail.push(&shown[from..]);
            left = left.saturating_sub(shown.len());
            if left == 0 {
                break;
            }
        }
        tail.into_iter().rev().collect()
    }
}

impl Piece {
    fn shown(&self) -> &str {
        match self {
            Self::Typed(text) | Self::Pasted { label: text, .. } => text,
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Typed(text) | Self::Pasted { text, .. } => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_paste_is_shown_short_and_sent_whole() {
        let mut composer = Composer::default();
        composer.type_text("look: ");
        composer.paste("1\n2\n3\n4\n5\n6\n7".to_owned());
        assert_eq!(composer.tail(1000), "look: [Pasted text #1 +6 lines]");
        composer.paste("a\nb\nc".to_owned());
        assert_eq!(composer.tail(1000), "look: [Pasted text #1 +6 lines]a\nb\nc");
        assert_eq!(
            composer.take().as_deref(),
            Some("look: 1\n2\n3\n4\n5\n6\n7a\nb\nc")
        );
        assert!(composer.is_empty());
    }

    #[test]
    fn backspace_takes_a_character_or_a_whole_paste() {
        let mut composer = Composer::default();
        composer.paste("x".repeat(2000));
        composer.type_text("é");
        composer.backspace();
        assert_eq!(composer.tail(100), "[Pasted text #1]");
        composer.backspace();
        composer.backspace();
        assert!(composer.is_empty());
    }

    #[test]
    fn a_blank_draft_is_no_prompt() {
        let mut composer = Composer::default();
        composer.type_text(" \n");
        assert_eq!(composer.take(), None);
    }

    #[test]
    fn the_tail_of_a_huge_draft_is_cut_at_a_character() {
        let mut composer = Composer::default();
        composer.type_text(&"é".repeat(1000));
        assert_eq!(composer.tail(5), "éé");
    }
}
