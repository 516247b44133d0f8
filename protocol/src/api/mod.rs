//! The wire types of the llmux API: REST bodies and error codes.
//!
//! Field names are camelCase. A reader ignores fields it does not know; a writer leaves out what is absent.

mod agent;
mod daemon;
mod error;
mod screen;
mod session;

pub use agent::AgentView;
pub use daemon::{DaemonStatus, Handover, TmuxStatus};
pub use error::{ApiError, ErrorCode};
pub use screen::{CursorView, ScreenView, Until, WaitOutcome, WaitRequest};
pub use session::{
    BroadcastReply, BroadcastRequest, EditRequest, ExitView, SendRequest, Sent, SessionReply, SessionView,
    StartRequest, State, StopRequest, Stopped,
};
