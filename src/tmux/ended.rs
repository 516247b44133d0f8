//! How a connection to tmux ends.

use std::time::Duration;

use super::version::OLDEST;

/// How long tmux may take to answer. Under floods replies take milliseconds; whoever needs seconds is wedged.
pub(super) const REPLY_DEADLINE: Duration = Duration::from_secs(10);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("the tmux client said: exit{}", .0.as_deref().map(|why| format!(" ({why})")).unwrap_or_default())]
    Exit(Option<String>),
    #[error("the tmux client closed its output")]
    Closed,
    #[error("tmux did not answer within {} s", REPLY_DEADLINE.as_secs())]
    Wedged,
    #[error("the hub session was replaced under the tmux client")]
    Moved,
    #[error("the hub's guard is gone")]
    Unguarded,
    #[error("the running tmux server is version {0}, which is too old; llmux needs tmux {OLDEST} or newer")]
    TooOld(String),
    #[error("the tmux client sent {0}")]
    Garbage(&'static str),
    #[error("cannot talk to the tmux client: {0}")]
    Io(#[from] std::io::Error),
}
