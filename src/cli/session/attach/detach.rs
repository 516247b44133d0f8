//! The key that leaves a session.

use std::str::FromStr;

/// A key with Ctrl, as terminals send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DetachKey(Vec<Vec<u8>>);

impl Default for DetachKey {
    fn default() -> Self {
        Self::of(b']')
    }
}

impl DetachKey {
    /// Ctrl and a character.
    fn of(character: u8) -> Self {
        let code = character.to_ascii_lowercase();
        // As a control character, and as programs can ask a terminal to send it instead.
        Self(vec![
            vec![character.to_ascii_uppercase() & 0x1f],
            format!("\x1b[{code};5u").into_bytes(),
            format!("\x1b[27;5;{code}~").into_bytes(),
        ])
    }

    /// Where in what was typed it is, if it is.
    pub(super) fn find(&self, typed: &[u8]) -> Option<usize> {
        let places = self.0.iter().filter_map(|key| {
            typed
                .windows(key.len())
                .position(|window| window == key.as_slice())
        });
        places.min()
    }
}

impl FromStr for DetachKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let lower = text.to_ascii_lowercase();
        let name = ["^", "ctrl-", "c-"]
            .iter()
            .find_map(|prefix| lower.strip_prefix(prefix));
        match name.map(str::as_bytes) {
            // Ctrl-[ is Esc, Ctrl-M Enter, Ctrl-I Tab, Ctrl-J the line feed: nobody could type them any more.
            Some(b"[" | b"m" | b"i" | b"j") | None => {}
            Some([character @ (b'@'..=b'_' | b'a'..=b'z')]) => return Ok(Self::of(*character)),
            Some(_) => {}
        }
        Err("a detach key is ^ and a letter or one of @ \\ ] ^ _, such as ^], or none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_in_each_form_that_a_terminal_sends() {
        let key: DetachKey = "^]".parse().unwrap();
        assert_eq!(key, DetachKey::default());
        assert_eq!(key.find(b"ab\x1dcd\x1d"), Some(2));
        assert_eq!(key.find(b"\x1b[93;5u"), Some(0));
        assert_eq!(key.find(b"x\x1b[27;5;93~"), Some(1));
        assert_eq!(key.find(b"]\x1b[93u"), None);
    }

    #[test]
    fn keys_are_named_in_the_usual_ways() {
        for name in ["^a", "^A", "ctrl-a", "Ctrl-A", "C-a"] {
            assert_eq!(
                name.parse::<DetachKey>().unwrap().find(b"x\x01"),
                Some(1),
                "{name}"
            );
        }
        assert_eq!("none".parse::<DetachKey>().unwrap().find(b"\x1d"), None);
        for bad in ["", "a", "^", "^é", "^[", "^M", "ctrl-ab", "^1"] {
            assert!(bad.parse::<DetachKey>().is_err(), "{bad}");
        }
    }
}
