//! The processes llmux is made of, as subcommands that nobody types.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Subcommand;

use super::{
    args::Global,
    failure::{Exit, Failure},
    server,
};
use crate::config::Environment;

#[derive(Debug, Subcommand)]
#[command(disable_help_flag = true)]
pub(super) enum Hidden {
    /// The daemon, started in the background by the first command
    #[command(hide = true)]
    Daemon,
    /// Runs an agent in its pane and reports how it ended
    #[command(hide = true)]
    Run {
        /// The working directory
        #[arg(long)]
        cwd: Option<PathBuf>,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        argv: Vec<OsString>,
    },
    /// Holds the hub session and removes it when the daemon is gone
    #[command(hide = true)]
    HubGuard {
        /// The file the daemon keeps locked
        alive: PathBuf,
    },
    /// Becomes the tmux client
    #[command(hide = true)]
    TmuxClient {
        /// The parent's process id, then tmux's arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// The built-in agent
    #[command(hide = true)]
    DemoAgent {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

impl Hidden {
    pub(super) fn is_daemon(&self) -> bool {
        matches!(self, Self::Daemon)
    }
}

pub(super) fn dispatch(command: &Hidden, _env: &Environment, _global: &Global) -> ExitCode {
    let name = match command {
        Hidden::Daemon => "daemon",
        Hidden::Run { .. } => "run",
        Hidden::HubGuard { .. } => "hub-guard",
        Hidden::TmuxClient { .. } => "tmux-client",
        Hidden::DemoAgent { .. } => "demo-agent",
    };
    not_linked(name)
}

pub(super) fn serve(_start: &server::Start, _env: &Environment, _global: &Global) -> ExitCode {
    not_linked("server start")
}

fn not_linked(name: &str) -> ExitCode {
    Failure::new(Exit::Internal, format!("{name} is not linked into this binary"))
        .report()
        .into()
}
