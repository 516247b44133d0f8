//! Why something asked of a session can't be done.

use std::{path::PathBuf, sync::Arc};

use llmux_protocol::{BadName, api::ErrorCode};

use crate::{
    agent::{BadKeys, CommandLineError},
    pane::{End, WaitError},
    store::RegistryError,
    tmux::RunError,
};

/// Why something asked of a session can't be done. Nothing was changed unless it says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("no session {name:?}")]
    NotFound { name: String, near: Vec<String> },
    #[error("session {0:?} already exists")]
    Exists(String),
    #[error("session {name:?} is not running")]
    NotRunning { name: String },
    #[error("a tmux session {0:?} exists that llmux did not start")]
    Foreign(String),
    #[error(transparent)]
    Name(#[from] BadName),
    #[error("unknown agent {key:?}")]
    UnknownAgent { key: String, near: Vec<String> },
    #[error("agent {key:?} is not installed on the daemon host")]
    NotInstalled { key: String, hint: String },
    #[error("{0}")]
    Command(#[from] CommandLineError),
    #[error("{running} sessions run already; limits.sessions of the configuration lets {most}")]
    TooMany { running: usize, most: usize },
    #[error("as many viewers look already as limits.viewers of the configuration lets: {0}")]
    TooManyViewers(usize),
    #[error("cwd does not exist: {}", .0.display())]
    NoCwd(PathBuf),
    #[error("not KEY=VALUE: {0:?}")]
    BadEnv(String),
    #[error("prompt required")]
    EmptyPrompt,
    #[error("the prompt has {0} bytes; at most {max} are possible", max = super::MAX_PROMPT_BYTES)]
    PromptTooLarge(usize),
    #[error("{}", start_failure(name, end))]
    StartFailed {
        name: String,
        end: End,
        rows: Vec<Arc<str>>,
    },
    #[error("{failure}; it was given {flag} to set up its hooks")]
    HooksRefused {
        failure: Box<SessionError>,
        flag: String,
    },
    #[error("{text:?} is no regular expression: {source}")]
    BadRegex { text: String, source: Box<regex::Error> },
    #[error("session {name:?}: what was waited for did not come within {ms} ms")]
    WaitTimeout { name: String, ms: u64 },
    #[error("session {name:?} ended while it was waited for{}", .end.code.map(|code| format!(" (exit status {code})")).unwrap_or_default())]
    EndedMeanwhile { name: String, end: End },
    #[error(transparent)]
    Tmux(#[from] RunError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("session {name:?} {done}: {source}")]
    NotNoted {
        name: String,
        done: &'static str,
        source: Box<SessionError>,
    },
    #[error("cannot write the prompt to a file for tmux: {0}")]
    Spool(#[source] std::io::Error),
    #[error("agent {0:?} keeps no conversations that llmux can list and resume")]
    NoHistory(String),
    #[error("no conversation {0} of this agent in this directory")]
    NoConversation(String),
    #[error("{wanted:?} is the beginning of more than one conversation: {}", ids.join(", "))]
    AmbiguousConversation { wanted: String, ids: Vec<String> },
    #[error("session {name:?} does not show that it is in conversation {id}; it is as it was before")]
    Unproven {
        name: String,
        id: String,
        rows: Vec<Arc<str>>,
    },
    #[error(transparent)]
    Key(#[from] BadKeys),
    #[error("one key at a time, not {0:?}")]
    Keys(String),
    #[error("nothing to change")]
    NothingToEdit,
    #[error("the daemon is shutting down")]
    ShuttingDown,
}

fn start_failure(name: &str, end: &End) -> String {
    match (&end.failure, end.code) {
        (Some(why), _) => format!("session {name:?} could not start: {why}"),
        (None, Some(code)) => format!("session {name:?} ended at once with exit status {code}"),
        (None, None) => format!("session {name:?} ended at once"),
    }
}

impl SessionError {
    /// The same, for a program.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::SessionNotFound,
            Self::Exists(_) => ErrorCode::SessionExists,
            Self::NotRunning { .. } | Self::EndedMeanwhile { .. } => ErrorCode::SessionNotRunning,
            Self::Foreign(_) => ErrorCode::ForeignSession,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::UnknownAgent { .. } => ErrorCode::AgentUnknown,
            Self::NotInstalled { .. } => ErrorCode::AgentNotInstalled,
            Self::NoCwd(_) => ErrorCode::CwdMissing,
            Self::TooMany { .. } | Self::TooManyViewers(_) => ErrorCode::TooMany,
            Self::Command(_)
            | Self::BadEnv(_)
            | Self::EmptyPrompt
            | Self::BadRegex { .. }
            | Self::Key(_)
            | Self::Keys(_)
            | Self::NothingToEdit => ErrorCode::BadRequest,
            Self::PromptTooLarge(_) => ErrorCode::PromptTooLarge,
            Self::StartFailed { .. } | Self::HooksRefused { .. } => ErrorCode::StartFailed,
            Self::NoHistory(_) => ErrorCode::NoHistory,
            Self::NoConversation(_) | Self::AmbiguousConversation { .. } => ErrorCode::ConversationNotFound,
            Self::Unproven { .. } => ErrorCode::ResumeUnproven,
            Self::WaitTimeout { .. } => ErrorCode::Timeout,
            Self::Tmux(_) | Self::ShuttingDown => ErrorCode::Tmux,
            Self::NotNoted { source, .. } => source.code(),
            Self::Registry(_) | Self::Spool(_) => ErrorCode::State,
        }
    }

    /// Says so if a program that ended at once speaks of the flag that it got for its hooks.
    pub(super) fn perhaps_of_hooks(self, flag: Option<String>) -> Self {
        match (self, flag) {
            (Self::StartFailed { name, end, rows }, Some(flag))
                if rows.iter().any(|row| row.contains(&flag)) =>
            {
                let failure = Box::new(Self::StartFailed { name, end, rows });
                Self::HooksRefused { failure, flag }
            }
            (other, _) => other,
        }
    }

    /// What the user can do.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { near, .. } => {
                Some(meant(near).unwrap_or_else(|| "`llmux session list` shows all".into()))
            }
            Self::UnknownAgent { near, .. } => Some(unknown_agent(near)),
            Self::Exists(name) => Some(format!(
                "choose another with --name, or `llmux session restart {name}` if it has exited"
            )),
            Self::NotRunning { name } => Some(format!("`llmux session restart {name}` starts it again")),
            Self::Foreign(name) => Some(format!(
                "choose another name, or end it: `tmux kill-session -t ={name}`"
            )),
            Self::NotInstalled { hint, .. } if !hint.is_empty() => Some(format!("install it: {hint}")),
            Self::Command(error) => Some(error.hint().to_owned()),
            Self::BadEnv(_) => Some("one KEY=VALUE a line; lines that begin with # are skipped".into()),
            Self::NoHistory(_) => Some("start it with its own flag for that: --flags".into()),
            Self::NoConversation(_) => Some("`llmux session history NAME` lists them".into()),
            Self::AmbiguousConversation { .. } => Some("give more of the id".into()),
            Self::StartFailed { rows, .. } | Self::Unproven { rows, .. } => {
                let last = rows
                    .iter()
                    .map(|row| row.trim_end())
                    .filter(|row| !row.is_empty())
                    .collect::<Vec<_>>();
                let last = &last[last.len().saturating_sub(LAST_ROWS)..];
                (!last.is_empty()).then(|| format!("its last output was:\n{}", last.join("\n")))
            }
            Self::HooksRefused { flag, .. } => Some(format!(
                "this version of it may not know {flag}; start the session with --no-hooks, or set agents.KEY.hooks to false"
            )),
            Self::PromptTooLarge(_) => Some("put it into a file and prompt the agent to read that".into()),
            Self::Tmux(_) => Some("`llmux server status` shows the connection".into()),
            Self::TooMany { .. } => Some(
                "raise it, or make room: `llmux session stop NAME` ends one and forgets how it was set up"
                    .into(),
            ),
            Self::TooManyViewers(_) => Some("close some of them, and try again".into()),
            Self::NoCwd(_) => Some("make it, or name another with --cwd".into()),
            Self::Name(_) => Some("for example: planner, claude-2, my_app".into()),
            Self::EmptyPrompt => Some("blanks, line ends and control characters alone are not typed".into()),
            Self::Registry(RegistryError::Version { .. }) => {
                Some("use the llmux that wrote it, or move the file away".into())
            }
            Self::Registry(RegistryError::File(_)) | Self::Spool(_) => {
                Some("nothing was changed; see whether the disk is full or not writable".into())
            }
            Self::NotNoted { .. } => {
                Some("see whether the disk is full or not writable; then run it again".into())
            }
            Self::ShuttingDown => Some("run it again: the next daemon takes it; agents keep running".into()),
            Self::NotInstalled { key, .. } => Some(format!("`llmux agent show {key}` shows its command")),
            Self::BadRegex { .. } => {
                Some("put a backslash before what is meant literally: . * + ? ( ) [ ] { } | ^ $".into())
            }
            Self::WaitTimeout { name, .. } => {
                Some(format!("`llmux session screen {name}` shows what is there"))
            }
            Self::EndedMeanwhile { name, .. } => {
                Some(format!("`llmux session restart {name}` starts it again"))
            }
            Self::Key(_) | Self::Keys(_) => Some("for example: Up, Enter, Escape, Tab, C-c".into()),
            Self::NothingToEdit => Some("give a name, cwd, flags, env or init prompts".into()),
        }
    }

    /// What went wrong with the record of a session, whose program is another by now: `done` says what became of it.
    pub(super) fn though(self, name: &str, done: &'static str) -> Self {
        match self {
            source @ Self::Registry(_) => Self::NotNoted {
                name: name.to_owned(),
                done,
                source: Box::new(source),
            },
            other => other,
        }
    }

    pub(crate) fn not_running(name: &str) -> Self {
        Self::NotRunning {
            name: name.to_owned(),
        }
    }

    pub(super) fn from_wait(name: &str, error: WaitError) -> Self {
        let end = match error {
            WaitError::Ended(end) => end,
            WaitError::Closed => End::default(),
        };
        Self::EndedMeanwhile {
            name: name.to_owned(),
            end,
        }
    }
}

/// The names that may have been meant, as a question.
fn meant(near: &[String]) -> Option<String> {
    let names: Vec<String> = near.iter().map(|name| format!("{name:?}")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

fn unknown_agent(near: &[String]) -> String {
    let first = meant(near).unwrap_or_else(|| "`llmux agent list --all` shows all".to_owned());
    format!("{first} (a configuration that can't be read is not in effect: `llmux server status`)")
}

/// How many of a dead program's last rows its error shows.
const LAST_ROWS: usize = 10;
