//! What auth refuses, and why.

use std::{path::PathBuf, time::Duration};

use llmux_protocol::api::ErrorCode;

use crate::store::FileError;

/// Says why a credential or a change was refused. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("unauthorized")]
    Missing,
    #[error("invalid token")]
    BadToken,
    #[error("token expired")]
    Expired,
    #[error("token owner no longer exists")]
    Orphan,
    #[error("authentication required")]
    NeedsUser,
    #[error("invalid credentials")]
    BadCredentials,
    #[error("current passphrase incorrect")]
    BadPassphrase,
    #[error("invalid or expired pairing code")]
    BadCode,
    #[error("invalid or expired setup token")]
    BadSetupToken,
    #[error("setup already complete")]
    SetupDone,
    /// What an admin may, or whose it is.
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("this token is limited to sessions")]
    Limited,
    #[error("only through the daemon's Unix socket")]
    OwnerOnly,
    /// A field that is missing or wrong.
    #[error("{0}")]
    Invalid(String),
    #[error("username '{0}' already exists")]
    UserExists(String),
    #[error("{0}")]
    UserNotFound(String),
    #[error("{0}")]
    TokenNotFound(String),
    #[error("too many attempts; try again in {} s", seconds(*.0))]
    Throttled(Duration),
    /// So many passphrases wait to be checked that one more would wait too long.
    #[error("too many sign-ins at once; try again in {} s", seconds(*.0))]
    Busy(Duration),
    /// A file that can't be understood. It stays as it is.
    #[error("cannot read {}: {why}", path.display())]
    Corrupt { path: PathBuf, why: String },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot {action}")]
    Internal {
        action: &'static str,
        source: std::io::Error,
    },
}

/// Whole seconds, rounded up: who comes back then is let in.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl AuthError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Whether it says nothing of who asks, but that a file can't be read.
    pub(super) fn is_of_files(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::File(_))
    }

    /// When to come back, in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Throttled(wait) | Self::Busy(wait) => Some(seconds(*wait).max(1)),
            _ => None,
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Missing
            | Self::BadToken
            | Self::Expired
            | Self::Orphan
            | Self::NeedsUser
            | Self::BadCredentials
            | Self::BadPassphrase
            | Self::BadCode => ErrorCode::Unauthorized,
            Self::Forbidden(_) | Self::Limited | Self::OwnerOnly => ErrorCode::Forbidden,
            Self::BadSetupToken | Self::SetupDone | Self::Invalid(_) | Self::UserExists(_) => {
                ErrorCode::BadRequest
            }
            Self::UserNotFound(_) => ErrorCode::UserNotFound,
            Self::TokenNotFound(_) => ErrorCode::TokenNotFound,
            Self::Throttled(_) | Self::Busy(_) => ErrorCode::TooManyRequests,
            Self::Corrupt { .. } | Self::File(_) => ErrorCode::State,
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing | Self::BadToken | Self::Orphan => {
                "sign in with: llmux auth login; or make a token on the daemon's host: llmux token create"
                    .to_owned()
            }
            Self::Expired => "sign in again, or make another token".to_owned(),
            Self::NeedsUser => "this needs a user's token: llmux token create, on the daemon's host".to_owned(),
            Self::BadCredentials => {
                "is the user name right? an admin can set another passphrase: llmux user reset-passphrase".to_owned()
            }
            Self::Forbidden(_) => {
                "ask an admin, or do it on the daemon's host; `llmux auth whoami --server URL` says who you are there"
                    .to_owned()
            }
            Self::Limited => "use a token that was made without --scope".to_owned(),
            Self::OwnerOnly => "do it on the daemon's host, as the user it runs as".to_owned(),
            Self::UserNotFound(_) | Self::UserExists(_) => "see who there is: llmux user list".to_owned(),
            Self::TokenNotFound(_) => "see which there are: llmux token list".to_owned(),
            Self::BadCode => "a code is good once, for a few minutes; ask for another".to_owned(),
            Self::BadSetupToken => "use the link that `llmux server start` printed last".to_owned(),
            Self::SetupDone => "sign in at /login".to_owned(),
            Self::Corrupt { path, .. } => format!(
                "correct {} or move it away; nothing in it was changed",
                path.display()
            ),
            _ => return None,
        })
    }
}
