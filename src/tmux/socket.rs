//! Which tmux server is meant.

use std::{convert::Infallible, ffi::OsString, path::PathBuf, str::FromStr};

/// Which tmux server is meant, tmux(1) options `-L` and `-S`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Socket {
    /// The user's own.
    #[default]
    Default,
    /// The one of a name in tmux's socket directory.
    Name(String),
    /// The one of a socket path.
    Path(PathBuf),
}

impl Socket {
    /// The arguments that make `tmux` talk to it; they come before the command.
    #[must_use]
    pub fn args(&self) -> Vec<OsString> {
        match self {
            Self::Default => Vec::new(),
            Self::Name(name) => vec!["-L".into(), name.into()],
            Self::Path(path) => vec!["-S".into(), path.into()],
        }
    }
}

impl FromStr for Socket {
    type Err = Infallible;

    /// Takes a text with a slash as a path, an empty one as the default and any other as a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "" => Self::Default,
            path if path.contains('/') => Self::Path(path.into()),
            name => Self::Name(name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_it_a_path() {
        let args = |text: &str| text.parse::<Socket>().unwrap().args();
        assert_eq!(args(""), [""; 0]);
        assert_eq!(args("work"), ["-L", "work"]);
        assert_eq!(args("/run/t"), ["-S", "/run/t"]);
        assert_eq!(args("./t"), ["-S", "./t"]);
    }
}
