//! The one kind of name a session can be given.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest session name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A session name: `[A-Za-z0-9][A-Za-z0-9_-]*`, at most [`MAX_NAME_BYTES`] long.
///
/// Nothing in it means anything to tmux (no `.`, `:`, `#`, `$`, `=`), to a shell, to a path or to a URL, and `@`
/// stays free for `session@host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Says why a text can't be a session name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// No characters at all.
    #[error("a session name can't be empty")]
    Empty,
    /// Over [`MAX_NAME_BYTES`].
    #[error("the session name is {0} bytes long; at most {MAX_NAME_BYTES} are possible")]
    TooLong(usize),
    /// A character outside the alphabet, or a first one that is no letter or digit.
    #[error(
        "the session name {name:?} has {found:?} at byte {at}; names start with a letter or digit and go on with letters, digits, '_' and '-'"
    )]
    BadCharacter {
        /// The name as given.
        name: String,
        /// The offending character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

impl SessionName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = BadName;

    fn from_str(name: &str) -> Result<Self, BadName> {
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(BadName::TooLong(name.len()));
        }
        let fits = |(at, c): (usize, char)| c.is_ascii_alphanumeric() || (at > 0 && matches!(c, '_' | '-'));
        match name.char_indices().find(|&c| !fits(c)) {
            None => Ok(Self(name.to_owned())),
            Some((at, found)) => Err(BadName::BadCharacter {
                name: name.to_owned(),
                found,
                at,
            }),
        }
    }
}

impl TryFrom<String> for SessionName {
    type Error = BadName;

    fn try_from(name: String) -> Result<Self, BadName> {
        name.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl Borrow<str> for SessionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken_as_they_are() {
        for name in ["a", "9", "claude-sdd", "A_b-3", &"x".repeat(64)] {
            assert_eq!(name.parse::<SessionName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn nothing_that_means_something_elsewhere_gets_in() {
        let long = "x".repeat(65);
        for name in [
            "", "-a", "_llmux", "a.b", "a:b", "a b", "a\nb", "a#b", "a$b", "=a", "a@b", "é", "a\0", &long,
        ] {
            assert!(name.parse::<SessionName>().is_err(), "{name:?}");
        }
    }
}
