//! How reaching the daemon fails.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use llmux_protocol::api::{ApiError, ErrorCode};
use tokio_rustls::rustls;

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
    /// Nobody answers over the network.
    #[error("cannot reach {url}")]
    Unreachable {
        /// The server.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody answers who is not trusted, or does not speak TLS.
    #[error("no safe connection to {url}")]
    Tls {
        /// The server.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// The server is not named by a URL that can be used.
    #[error("{url:?} is no llmux server: {why}")]
    BadServer {
        /// What it was named by.
        url: String,
        /// Why.
        why: String,
    },
    /// A certificate is to be checked, and nothing is encrypted there.
    #[error("{what} needs https://, not {url}")]
    NeedsTls {
        /// What names the certificate.
        what: &'static str,
        /// The server.
        url: String,
    },
    /// The token can't be one.
    #[error("the token holds characters that no token has")]
    BadToken,
    /// What is to be trusted can't be used.
    #[error("cannot tell whom to trust: {0}")]
    BadTrust(String),
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
    /// What came back over the network is no HTTP.
    #[error("what answers at {url} speaks no HTTP")]
    NotHttp {
        /// The server.
        url: String,
        /// Why.
        source: hyper::Error,
    },
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
            Self::Api { error, .. } if error.code == ErrorCode::Unauthorized && error.hint.is_none() => {
                vec!["log in with: llmux auth login; or give a token by --token or LLMUX_TOKEN".to_owned()]
            }
            Self::Api { error, .. } if error.code == ErrorCode::NotFound && error.hint.is_none() => {
                vec!["does the server's address end right, and is its llmux as new as this one?".to_owned()]
            }
            Self::Api { error, .. } => error.hint.iter().cloned().collect(),
            Self::Unreachable { source, .. } => vec![unreachable_hint(source).to_owned()],
            Self::Tls { source, .. } => vec![tls_hint(source).to_owned()],
            Self::BadServer { .. } => {
                vec!["for example: --server https://box:3001, or unix:/path/to/socket".to_owned()]
            }
            Self::NeedsTls { url, .. } => vec![format!(
                "write https:{}, or leave it out: then everything, the token too, is sent in clear",
                url.strip_prefix("http:").unwrap_or(url)
            )],
            Self::NotHttp { url, .. } if url.starts_with("http:") => {
                vec!["does it speak https:// rather than http://?".to_owned()]
            }
            Self::NotHttp { .. } => vec!["is the port an llmux daemon's?".to_owned()],
            Self::BadToken => vec!["copy it again, without line ends".to_owned()],
            Self::BadTrust(_) => {
                vec!["--ca-file names a PEM file, --pin the fingerprint that the daemon prints".to_owned()]
            }
            Self::NoDaemon { .. } => vec!["start one with: llmux server start".to_owned()],
            Self::Socket { socket, .. } => vec![format!("check who owns {}", socket.display())],
            Self::Broken(_) => vec!["see what happened with: llmux session list".to_owned()],
            Self::Protocol(_) => {
                vec![
                    "is another program, or another version of llmux, there? on its host: llmux server stop"
                        .to_owned(),
                ]
            }
            Self::Launch(error) => error.hints(),
        }
    }
}

fn unreachable_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "does `llmux server start` run there, on this port?",
        io::ErrorKind::TimedOut => "is the host up, and does a firewall let the port through?",
        _ => "is the host's name right?",
    }
}

fn tls_hint(error: &io::Error) -> &'static str {
    let reason = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidMessage(_)) => "does it speak http:// rather than https://?",
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure)) => {
            "it has another certificate than the one that is pinned (--pin, LLMUX_PIN, or the profile); the daemon prints \
             the fingerprint of its own"
        }
        _ => {
            "name its authority by --ca-file, or pin the fingerprint that the daemon prints by --pin sha256:.."
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
