//! The installed tmux: its version, and what is known to be wrong with that version.

use std::{fmt, process::Stdio, time::Duration};

use tokio::time::timeout;

/// How long `tmux -V` may take: it asks no server.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The oldest tmux with flow control, `-e` and `%extended-output`.
pub(super) const OLDEST: Version = Version { major: 3, minor: 2 };

/// A tmux version; letters behind the minor number do not matter to anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

/// Says why tmux can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No `tmux` on the path.
    #[error("tmux is not installed (no program `tmux` on PATH)")]
    Missing,
    /// It could not be started.
    #[error("cannot run `tmux -V`: {0}")]
    Io(#[source] std::io::Error),
    /// It does not answer.
    #[error("`tmux -V` does not answer within {} s", ANSWERS_WITHIN.as_secs())]
    Silent,
    /// It is too old.
    #[error("{0} is too old; llmux needs tmux {OLDEST} or newer")]
    TooOld(String),
    /// It said something else.
    #[error("cannot read a version from {0:?}, the answer to `tmux -V`")]
    Unreadable(String),
}

impl Unusable {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing => "install it: `apt install tmux`, `brew install tmux`",
            Self::TooOld(_) => "install a newer tmux; Debian 12 has 3.3a, Homebrew the newest",
            Self::Io(_) | Self::Unreadable(_) => "see what `tmux -V` prints",
            Self::Silent => "see which program `command -v tmux` names, and what `tmux -V` waits for",
        }
    }
}

impl Version {
    /// Reads `tmux 3.3a`, `tmux next-3.8` or `3.3a`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text
            .trim()
            .trim_start_matches("tmux ")
            .trim_start_matches("next-");
        let (major, rest) = digits.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    /// Whether `new-session -x -y` does nothing for a control client.
    pub(crate) fn ignores_session_size(self) -> bool {
        self < Self { major: 3, minor: 3 }
    }

    /// Whether `paste-buffer` rewrites control characters unless told `-S`, which older ones refuse.
    pub(crate) fn paste_needs_verbatim(self) -> bool {
        self >= Self { major: 3, minor: 7 }
    }

    /// The faults of this version that touch llmux, and what it does about them.
    pub(crate) fn known_faults(self) -> Vec<String> {
        FAULTS
            .iter()
            .filter(|(fixed, _)| self < *fixed)
            .map(|(fixed, text)| {
                if fixed.major == u32::MAX {
                    (*text).to_owned()
                } else {
                    format!("{text} (fixed in tmux {fixed})")
                }
            })
            .collect()
    }
}

/// Faults of tmux and the first version without them; see the tmux issues named.
const FAULTS: &[(Version, &str)] = &[
    (
        Version { major: 3, minor: 3 },
        "new sessions ignore the size asked for; llmux resizes them",
    ),
    (
        Version { major: 3, minor: 7 },
        "a control client slows a flooding pane about threefold",
    ),
    (
        Version { major: 3, minor: 7 },
        "the last output of a program that ends is often lost; llmux's wrapper lingers so that it is not",
    ),
    (
        Version { major: 3, minor: 7 },
        "`refresh-client -A %P:off` kills the server (tmux#5054); llmux never sends it",
    ),
    (
        Version { major: 3, minor: 8 },
        "`respawn-pane` can kill the server (tmux#5499); llmux never sends it",
    ),
    (
        Version { major: 3, minor: 8 },
        "`kill-server` hangs while a dead control client has a backlog; llmux kills its client with itself",
    ),
    (
        Version {
            major: u32::MAX,
            minor: 0,
        },
        "`destroy-unattached` on a control client's session can kill the server (tmux#5497); llmux never sets it",
    ),
];

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Asks the installed tmux for its version.
///
/// # Errors
/// When there is none, when it does not answer in time, when it is older than 3.2, or when its answer can't be read.
pub(crate) async fn installed() -> Result<Version, Unusable> {
    let asked = tokio::process::Command::new("tmux")
        .arg("-V")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(ANSWERS_WITHIN, asked)
        .await
        .map_err(|_| Unusable::Silent)?
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Unusable::Missing,
            _ => Unusable::Io(error),
        })?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match Version::read(&said) {
        None => Err(Unusable::Unreadable(said)),
        Some(version) if version < OLDEST => Err(Unusable::TooOld(said)),
        Some(version) => Ok(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_version_is_read() {
        let read = |text| Version::read(text).map(|v| (v.major, v.minor));
        assert_eq!(read("tmux 3.3a"), Some((3, 3)));
        assert_eq!(read("tmux next-3.8\n"), Some((3, 8)));
        assert_eq!(read("3.2"), Some((3, 2)));
        assert_eq!(read("tmux 10.12-rc2"), Some((10, 12)));
        assert_eq!(read("tmux openbsd-7"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_newer_tmux_has_fewer_faults() {
        let faults = |major, minor| Version { major, minor }.known_faults().len();
        assert!(faults(3, 2) > faults(3, 3));
        assert!(faults(3, 3) > faults(3, 7));
        assert_eq!(faults(3, 9), 1);
    }
}
