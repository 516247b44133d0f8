//! tmux object ids: `%pane`, `@window`, `$session`. Within one tmux server an id is never reused.

use std::{fmt, str::FromStr};

/// Says that a text is not the id it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a tmux {kind} id (expected {sigil} and a number)")]
pub struct BadId {
    kind: &'static str,
    sigil: char,
    text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $sigil:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($sigil, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($sigil)
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or_else(|| BadId { kind: $kind, sigil: $sigil, text: text.to_owned() })
            }
        }
    };
}

id!(
    /// A pane, printed as `%7`.
    PaneId, '%', "pane"
);
id!(
    /// A window, printed as `@7`.
    WindowId, '@', "window"
);
id!(
    /// A tmux session, printed as `$7`.
    SessionId, '$', "session"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_its_sigil_and_reads_back() {
        assert_eq!(PaneId(7).to_string().parse(), Ok(PaneId(7)));
        assert_eq!(SessionId(0).to_string(), "$0");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "%", "7", "@7", "%-1", "%+1", "%99999999999", "%1 "] {
            assert!(text.parse::<PaneId>().is_err(), "{text}");
        }
    }
}
