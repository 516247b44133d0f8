//! How a command fails: one shape, one printer, one table of exit codes.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use llmux_protocol::api::ErrorCode;

use super::table::plain;
use crate::{
    agent::CatalogError,
    client::{ClientError, CredentialsError, LaunchError},
    config::ConfigError,
    daemon::DaemonError,
    store::DirError,
};

/// How the process ends.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done |
/// | 1 | failed |
/// | 10 | refused: nothing was typed (a dialog, a draft, an agent that is not ready) |
/// | 11 | unsubmitted: typed and taken back |
/// | 12 | blocked: the agent asks something and waits for a person |
/// | 13 | the session is gone or not running |
/// | 14 | the turn was cancelled |
/// | 15 | unknown: nobody can say how the turn ended |
/// | 16 | the agent says that the turn failed |
/// | 64 | the command line is wrong |
/// | 69 | no daemon, or tmux is not to be had |
/// | 70 | a fault of llmux itself |
/// | 124 | what was waited for did not come in time |
/// | 130 | interrupted while it waited |
/// | 141 | nobody reads standard output any more |
/// | 143 | told to end while it waited |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Nothing was typed, for a stated reason.
    Refused = 10,
    /// Typed and taken back: the agent did not accept it.
    Unsubmitted = 11,
    /// The agent asks something and waits for a person.
    Blocked = 12,
    /// The session is gone or not running.
    Gone = 13,
    /// The turn was cancelled.
    Cancelled = 14,
    /// Nobody can say how the turn ended.
    Unknown = 15,
    /// The agent says that the turn failed.
    AgentFailed = 16,
    /// The command line is wrong; `EX_USAGE` of sysexits.h.
    Usage = 64,
    /// No daemon, or tmux is not to be had; `EX_UNAVAILABLE`.
    Unavailable = 69,
    /// A fault of llmux itself; `EX_SOFTWARE`.
    Internal = 70,
    /// What was waited for did not come in time, as timeout(1) says it.
    TimedOut = 124,
    /// Interrupted while it waited, as a shell reports SIGINT.
    Interrupted = 130,
    /// Nobody reads standard output any more, as a shell reports SIGPIPE.
    Pipe = 141,
    /// Told to end while it waited, as a shell reports SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not succeed, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Exit,
    error: anyhow::Error,
    notes: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(kind: Exit, message: impl Into<String>) -> Self {
        Self {
            kind,
            error: anyhow::Error::msg(message.into()),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind: Exit::Internal,
            error: error.into(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Says what failed, before why.
    #[must_use]
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.error = self.error.context(what.to_owned());
        self
    }

    /// Adds lines between the message and the hints.
    #[must_use]
    pub(crate) fn notes(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(lines);
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn kind(&self) -> Exit {
        self.kind
    }

    /// Whether it is only that nobody reads any more.
    pub(crate) fn is_pipe(&self) -> bool {
        self.kind == Exit::Pipe
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    #[cfg(test)]
    pub(crate) fn noted(&self) -> &[String] {
        &self.notes
    }

    /// The message on one line, causes included.
    pub(crate) fn message(&self) -> String {
        let causes = self.error.chain().map(ToString::to_string);
        // Some layers repeat what they wrap.
        let joined = causes.reduce(|said, cause| {
            if said.contains(&cause) {
                said
            } else {
                format!("{said}: {cause}")
            }
        });
        one_line(&joined.unwrap_or_default())
    }

    /// Prints the failure, unless nobody is there to read it, and says how to end.
    pub(crate) fn report(&self) -> Exit {
        if self.kind != Exit::Pipe {
            say(&self.message());
            for note in &self.notes {
                tell(note);
            }
            for hint in &self.hints {
                tell(&format!("hint: {hint}"));
            }
        }
        self.kind
    }
}

/// A text without its line ends; some parsers draw pictures of their errors.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Says something to the person, on standard error.
pub(crate) fn say(message: &str) {
    tell(&format!("llmux: {message}"));
}

pub(crate) fn tell(text: &str) {
    for line in text.lines() {
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{}", plain(line));
    }
}

/// A refusal in words of this command's, where the daemon's own are fixed by what old clients know.
pub(crate) fn reworded(error: ClientError, code: ErrorCode, message: String) -> Failure {
    let is_meant = error.code() == Some(code);
    let mut failure = Failure::from(error);
    if is_meant {
        failure.error = anyhow::Error::msg(message);
    }
    failure
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let kind = match &error {
            ClientError::NoDaemon { .. }
            | ClientError::Broken(_)
            | ClientError::NotHttp { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Tls { .. } => Exit::Unavailable,
            ClientError::BadServer { .. }
            | ClientError::NeedsTls { .. }
            | ClientError::BadToken
            | ClientError::BadTrust(_) => Exit::Usage,
            ClientError::Launch(LaunchError::Refused { status, .. }) => match status.code() {
                Some(1) => Exit::Failed,
                Some(70) => Exit::Internal,
                _ => Exit::Unavailable,
            },
            ClientError::Api { error, .. } => match error.code {
                ErrorCode::Timeout => Exit::TimedOut,
                ErrorCode::Tmux => Exit::Unavailable,
                ErrorCode::Internal => Exit::Internal,
                ErrorCode::SessionNotRunning => Exit::Gone,
                ErrorCode::Blocked => Exit::Blocked,
                ErrorCode::DialogChanged | ErrorCode::NoDialog => Exit::Refused,
                _ => Exit::Failed,
            },
            ClientError::Protocol(_) => Exit::Internal,
            _ => Exit::Failed,
        };
        let hints = error.hints();
        Self {
            kind,
            error: error.into(),
            notes: Vec::new(),
            hints,
        }
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        let hints = error.hint().into_iter().collect();
        Self {
            kind: Exit::Failed,
            error: error.into(),
            notes: Vec::new(),
            hints,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        Self {
            kind: Exit::Failed,
            error: error.into(),
            notes: Vec::new(),
            hints: vec![hint],
        }
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        Self {
            kind: Exit::Failed,
            error: error.into(),
            notes: Vec::new(),
            hints: vec!["correct the configuration file".into()],
        }
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let kind = match &error {
            DaemonError::Tmux(_) | DaemonError::NoConnection(_) => Exit::Unavailable,
            _ => Exit::Failed,
        };
        let hints = error.hint().into_iter().collect();
        Self {
            kind,
            error: error.into(),
            notes: Vec::new(),
            hints,
        }
    }
}

impl From<DirError> for Failure {
    fn from(error: DirError) -> Self {
        let hint = error.hint();
        Self {
            kind: Exit::Failed,
            error: error.into(),
            notes: Vec::new(),
            hints: vec![hint],
        }
    }
}

#[cfg(test)]
mod tests {
    use llmux_protocol::api::ApiError;

    use super::*;

    fn of(code: ErrorCode) -> Failure {
        ClientError::Api {
            status: 500,
            error: ApiError::new(code, "no").hint("do"),
        }
        .into()
    }

    #[test]
    fn each_kind_of_refusal_has_its_exit_code() {
        for (code, exit) in [
            (ErrorCode::SessionNotFound, Exit::Failed),
            (ErrorCode::Timeout, Exit::TimedOut),
            (ErrorCode::Tmux, Exit::Unavailable),
            (ErrorCode::Internal, Exit::Internal),
            (ErrorCode::SessionNotRunning, Exit::Gone),
            (ErrorCode::DialogChanged, Exit::Refused),
            (ErrorCode::TurnNotFound, Exit::Failed),
        ] {
            let failure = of(code);
            assert_eq!((failure.kind, failure.message().as_str()), (exit, "no"));
            assert_eq!(failure.hints, ["do"]);
        }
    }

    #[test]
    fn causes_are_on_the_same_line() {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let failure = Failure::from(ClientError::NoDaemon {
            socket: "/s".into(),
            source,
        });
        assert_eq!(
            failure.message(),
            "no llmux daemon answers at /s: connection refused"
        );
        assert_eq!(failure.kind, Exit::Unavailable);
    }
}
