//! The wire types of the llmux API: REST bodies and error codes.
//!
//! Field names are camelCase. A reader ignores fields it does not know; a writer leaves out what is absent.

mod activity;
mod agent;
mod auth;
mod conversation;
mod daemon;
mod error;
mod event;
mod push;
mod screen;
mod session;
mod settings;
pub mod socket;
mod turn;

pub use activity::{
    Activity, ActivityState, AnswerRequest, Answered, Dialog, DialogKind, DialogOption, Explanation,
    HookCall, HookRequest, HooksView, Source, Vote,
};
pub use agent::AgentView;
pub use auth::{
    Action, BootstrapToken, BootstrapView, LoginReply, LoginRequest, NameRequest, PairRequest, PairingCode,
    PairingRequest, PassphraseRequest, Revoked, Role, Secret, SetupReply, SetupRequest, Ticket,
    TicketRequest, TokenList, TokenLogin, TokenMade, TokenOwner, TokenReply, TokenRequest, TokenScope,
    TokenView, UserReply, UserRequest, UserView, Whoami,
};
pub use conversation::{
    BoundBy, ConversationView, FoundView, NewChatReply, PendingPrompt, ResumeRequest, TranscriptPart,
    TranscriptTurn, TranscriptView,
};
pub use daemon::{DaemonStatus, Endpoint, Handover, NetworkStatus, ReloadReply, TmuxStatus};
pub use error::{ApiError, ErrorCode};
pub use event::{Event, LogEntry, LogsView};
pub use push::{PushKeys, PushRequest, PushView, PushWish};
pub use screen::{CursorView, ScreenView, Until, WaitOutcome, WaitRequest};
pub use session::{
    BroadcastReply, BroadcastRequest, Directories, Done, EditRequest, ExitView, KeyRequest, ModelsView,
    RestartRequest, SendRequest, Sent, SessionReply, SessionView, StartRequest, State, StopRequest, Stopped,
    UploadRequest, Uploaded,
};
pub use settings::{InitPromptsReply, InitPromptsRequest, SettingsView, TurnqReply, TurnqRequest, TurnqView};
pub use turn::{
    DraftPolicy, Evidence, Origin, Reply, Stages, Step, Turn, TurnCancel, TurnError, TurnEvent, TurnRequest,
    TurnState, TurnWait, Typed, WaitFor,
};
