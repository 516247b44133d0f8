//! How reaching the daemon fails.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use llmux_protocol::api::{ApiError, ErrorCode};

use crate::store::FileError;

/// Says why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket.
    #[error("no llmux daemon answers at {}", socket.display())]
    NoDaemon {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The socket exists and can't be used.
    #[error("cannot open the socket {}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon answered that it can't.
    #[error("{}", error.error)]
    Api {
        /// The HTTP status.
        status: u16,
        /// What it said.
        error: ApiError,
    },
    /// The connection broke; the request may or may not have been carried out.
    #[error("the daemon closed the connection before it answered")]
    Broken(#[source] hyper::Error),
    /// What came back is not the llmux API.
    #[error("the daemon's answer makes no sense: {0}")]
    Protocol(String),
    /// The background daemon could not be started.
    #[error("cannot start the llmux daemon")]
    Launch(#[from] LaunchError),
}

impl ClientError {
    /// The daemon's own code for what went wrong, if it answered.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Api { error, .. } => Some(error.code),
            _ => None,
        }
    }

    /// What to do next, one sentence each.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Api { error, .. } => error.hint.iter().cloned().collect(),
            Self::NoDaemon { .. } => vec!["start one with: llmux server start".to_owned()],
            Self::Socket { socket, .. } => vec![format!("check who owns {}", socket.display())],
            Self::Broken(_) => vec!["see what happened with: llmux session list".to_owned()],
            Self::Protocol(_) => {
                vec!["is another program or another version at that socket? llmux server stop".to_owned()]
            }
            Self::Launch(error) => error.hints(),
        }
    }
}

/// Says why the background daemon is not there.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Its log can't be opened.
    #[error(transparent)]
    Log(#[from] FileError),
    /// The program can't be run.
    #[error("cannot run {}", exe.display())]
    Spawn {
        /// The program.
        exe: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its words can't be read.
    #[error("cannot read what it said")]
    Read(#[from] io::Error),
    /// It said why it can't run.
    #[error("{message}")]
    Refused {
        /// Its message.
        message: String,
        /// Its hints.
        hints: Vec<String>,
        /// How it ended: its exit codes are the command line's.
        status: ExitStatus,
    },
    /// It ended without a word.
    #[error("it ended without a word ({status})")]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// Where it may have said why.
        log: PathBuf,
    },
    /// It was ready, and is not there.
    #[error("it said that it is ready, but does not answer")]
    Lost,
    /// It said nothing for too long.
    #[error("it was not ready after {} s", waited.as_secs())]
    Slow {
        /// How long.
        waited: Duration,
        /// Where it may say why.
        log: PathBuf,
    },
}

impl LaunchError {
    fn hints(&self) -> Vec<String> {
        match self {
            Self::Refused { hints, .. } => hints.clone(),
            Self::Died { log, .. } | Self::Slow { log, .. } => vec![format!("read {}", log.display())],
            Self::Lost => {
                vec!["is LLMUX_SOCKET or XDG_RUNTIME_DIR another one than the daemon's?".to_owned()]
            }
            Self::Log(_) => vec![
                "see whether the state directory can be written to (XDG_STATE_HOME names another), and whether the \
                 disk is full"
                    .to_owned(),
            ],
            Self::Spawn { exe, .. } => vec![format!("was {} moved or replaced? run it anew", exe.display())],
            Self::Read(_) => vec!["run it again".to_owned()],
        }
    }
}
