//! Key names such as `C-d`, as the bytes a terminal sends.

use serde::Deserialize;

/// Key presses, written as names separated by blanks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Keys(pub(super) Vec<Vec<u8>>);

impl TryFrom<String> for Keys {
    type Error = BadKeys;

    fn try_from(names: String) -> Result<Self, BadKeys> {
        parse(&names).map(Self)
    }
}

/// Says which key name is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown key {0:?}; known are C-a to C-z, Esc, Enter, Tab, Space, Up, Down, Left, Right, Backspace and single characters"
)]
pub struct BadKeys(String);

/// Turns key names separated by blanks into the bytes of each key press.
///
/// # Errors
///
/// A name is unknown.
pub fn parse(names: &str) -> Result<Vec<Vec<u8>>, BadKeys> {
    names
        .split_whitespace()
        .map(|name| key(name).ok_or_else(|| BadKeys(name.to_owned())))
        .collect()
}

fn key(name: &str) -> Option<Vec<u8>> {
    let bytes: &[u8] = match name {
        "Esc" | "Escape" => b"\x1b",
        "Enter" => b"\r",
        "Tab" => b"\t",
        "Space" => b" ",
        "Up" => b"\x1b[A",
        "Down" => b"\x1b[B",
        "Right" => b"\x1b[C",
        "Left" => b"\x1b[D",
        "Backspace" => b"\x7f",
        _ => return control(name).or_else(|| single(name)),
    };
    Some(bytes.to_vec())
}

fn control(name: &str) -> Option<Vec<u8>> {
    match name.strip_prefix("C-")?.as_bytes() {
        // Control takes the upper three bits off a letter.
        [letter] if letter.is_ascii_alphabetic() => Some(vec![letter & 0x1f]),
        _ => None,
    }
}

fn single(name: &str) -> Option<Vec<u8>> {
    (name.chars().count() == 1).then(|| name.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_the_bytes_a_terminal_sends() {
        assert_eq!(parse("C-d C-C  q").unwrap(), [vec![4], vec![3], b"q".to_vec()]);
        assert_eq!(parse("Esc Up").unwrap(), [b"\x1b".to_vec(), b"\x1b[A".to_vec()]);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn an_unknown_key_is_named() {
        for name in ["C-", "C-1", "C-dd", "Return", "C-é"] {
            assert_eq!(parse(name), Err(BadKeys(name.to_owned())));
        }
    }
}
