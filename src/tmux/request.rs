//! What the rest of the program asks of the connection.

use std::sync::Arc;

use llmux_protocol::{
    PaneId, SessionId, WindowId,
    control::{CommandLine, Reply},
};
use tokio::sync::oneshot;

use super::{RunError, ServerId, feed::Feed};
use crate::screen::Size;

/// Takes the result of a line.
pub(super) type Answer = oneshot::Sender<Result<Vec<Reply>, RunError>>;

/// What the rest of the program asks of the connection, and of which server: ids mean nothing on another.
pub(super) struct Request {
    pub(super) server: ServerId,
    pub(super) what: What,
}

pub(super) enum What {
    /// Runs a line of commands.
    Run { line: CommandLine, reply: Answer },
    /// Runs a line that makes a pane, whose id is the third word of the first reply, and routes its output from the
    /// first byte on.
    Create {
        /// Makes the line, given the hub: another one after each reconnection.
        line: Box<dyn FnOnce(SessionId) -> CommandLine + Send>,
        size: Size,
        feed: Arc<Feed>,
        reply: Answer,
    },
    /// Looks at all panes soon.
    Look,
    /// Routes a pane that exists, from a capture on.
    Adopt {
        pane: PaneId,
        link: Option<WindowId>,
        feed: Arc<Feed>,
    },
}
