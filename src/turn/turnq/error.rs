use std::{
    io,
    path::{Path, PathBuf},
};

/// Says why there is no turn. A server is named by its host; its key is never shown.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TurnqError {
    #[error("turnq.url is no address of a turnq server: {0}")]
    Url(&'static str),
    #[error("the turnq API key has characters that can't be sent")]
    Key,
    #[error("cannot use TLS: {0}")]
    Tls(String),
    #[error("the directory {} can't be used for turns: {why}", dir.display())]
    Dir { dir: PathBuf, why: String },
    #[error("cannot {action} {}: {why}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        why: String,
    },
    #[error("cannot reach the turnq server {host}: {why}")]
    Unreachable { host: String, why: String },
    #[error("the turnq server {host} does not accept the API key ({status})")]
    Denied { host: String, status: u16 },
    #[error("the turnq server {host} has a full queue for {channel}")]
    Full { host: String, channel: String },
    #[error(
        "the turnq server {host} has ended the wait for {channel}: it took longer than the channel allows"
    )]
    WaitedTooLong { host: String, channel: String },
    #[error("the turnq server {host} has ended the turn of {channel}: its lease expired")]
    LeaseExpired { host: String, channel: String },
    #[error("the turnq server {host} has given the turn of {channel} away")]
    Lost { host: String, channel: String },
    #[error("the turnq server {host} refused to {action}: {status} {message}")]
    Refused {
        host: String,
        action: &'static str,
        status: u16,
        message: String,
    },
    #[error("the turnq server {host} answers otherwise than expected: {why}")]
    Protocol { host: String, why: String },
}

impl TurnqError {
    /// Whether the coordinator can't be asked at all, so that one may decide to go on without it. A coordinator that
    /// says no has been reached.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Dir { .. } | Self::File { .. }
        )
    }

    /// What the user can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Url(_) => "write it as http://HOST:PORT or https://HOST".into(),
            Self::Key => "an API key is one line of ASCII; look for a quote or a line end in it".into(),
            Self::Tls(_) => "install the system's CA certificates, or name them with SSL_CERT_FILE".into(),
            Self::Dir { dir, .. } => format!(
                "make {} a directory that is yours and that you can write to, or set TMPDIR to another place",
                dir.display()
            ),
            Self::File { path, .. } => {
                format!("see who owns {} and whether the disk is full", path.display())
            }
            Self::Unreachable { .. } => {
                "see whether it runs; a prompt may go on without it if that is asked for".into()
            }
            Self::Denied { .. } => "set the key that the server was started with (TURNQ_API_KEY)".into(),
            Self::Full { .. } => "wait for other turns to end, or raise the channel's maxDepth".into(),
            Self::WaitedTooLong { .. } => "try again, or raise the channel's maxWaitMs".into(),
            Self::LeaseExpired { .. } => {
                "the lease must cover the longest turn: delete the channel to have it made anew, or raise \
                 turnq.maxHoldMs"
                    .into()
            }
            Self::Lost { .. } => {
                "somebody released it by force, or the server restarted; see what the agent does before you \
                 prompt again"
                    .into()
            }
            Self::Refused { .. } | Self::Protocol { .. } => {
                "see whether turnq.url is that of a turnq server, 0.4 or later, and not of a proxy".into()
            }
        }
    }

    pub(super) fn file(action: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            why: error.to_string(),
        }
    }
}
