//! The `llmux` binary: parse, telemetry, run, exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use llmux::demo::{self, DemoArgs};
use llmux::tmux::helper::{client, guard, stage, terminal, wrapper};

/// Runs AI agent CLIs in named tmux sessions.
#[derive(Parser)]
enum Llmux {
    #[command(hide = true)]
    Run {
        #[arg(long)]
        cwd: Option<PathBuf>,
        #[arg(last = true, required = true)]
        argv: Vec<OsString>,
    },
    #[command(hide = true)]
    Stage {
        #[arg(last = true, required = true)]
        argv: Vec<OsString>,
    },
    #[command(hide = true)]
    ReturnTty {
        group: i32,
        modes: String,
    },
    DemoAgent(DemoArgs),
    #[command(hide = true)]
    HubGuard {
        alive_file: PathBuf,
    },
    #[command(hide = true)]
    TmuxClient {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match Llmux::parse() {
        Llmux::Run { cwd, argv } => wrapper::run(&argv, cwd.as_deref()),
        Llmux::Stage { argv } => stage::run(&argv),
        Llmux::ReturnTty { group, modes } => terminal::return_tty(group, &modes),
        Llmux::DemoAgent(args) => demo::run(args),
        Llmux::HubGuard { alive_file } => guard::run(&alive_file),
        Llmux::TmuxClient { args } => {
            eprintln!("llmux: cannot become the tmux client: {}", client::exec(&args));
            ExitCode::FAILURE
        }
    }
}
