//! The wire types of the llmux API: REST bodies and error codes.
//!
//! Field names are camelCase. A reader ignores fields it does not know; a writer leaves out what is absent.

mod activity;
mod agent;
mod conversation;
mod daemon;
mod error;
mod screen;
mod session;
pub mod socket;
mod turn;

pub use activity::{
    Activity, ActivityState, AnswerRequest, Answered, Dialog, DialogKind, DialogOption, Explanation,
    HookRequest, Source, Vote,
};
pub use agent::AgentView;
pub use conversation::{ConversationView, FoundView, ResumeRequest};
pub use daemon::{DaemonStatus, Handover, TmuxStatus};
pub use error::{ApiError, ErrorCode};
pub use screen::{CursorView, ScreenView, Until, WaitOutcome, WaitRequest};
pub use session::{
    BroadcastReply, BroadcastRequest, EditRequest, ExitView, RestartRequest, SendRequest, Sent, SessionReply,
    SessionView, StartRequest, State, StopRequest, Stopped,
};
pub use turn::{
    DraftPolicy, Evidence, Origin, Reply, Stages, Step, Turn, TurnCancel, TurnError, TurnEvent, TurnRequest,
    TurnState, TurnWait, Typed, WaitFor,
};
