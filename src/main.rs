//! The `llmux` binary: parse, telemetry, run, exit code.

use std::{ffi::OsString, process::ExitCode};

use llmux::{
    cli::{self, Cli},
    logs::{self, Logs},
    tmux::helper,
};
use tracing_subscriber::EnvFilter;

/// A screen is read into many short-lived texts: the daemon spends a third of its time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // What stands between tmux and an agent starts before anything else is set up.
    if let Some(exit) = helper::dispatch(args.get(1..).unwrap_or_default()) {
        return exit;
    }
    // A shell asks what could stand next: it wants an answer, whatever it is about.
    if let Some(exit) = cli::complete(&args) {
        return exit;
    }
    match cli::parse(args) {
        Ok(cli) => {
            let logs = telemetry(&cli);
            cli::run(cli, logs)
        }
        Err(exit) => exit,
    }
}

/// Logs to standard error: the daemon always, another command only if `LLMUX_LOG` says what.
fn telemetry(cli: &Cli) -> Logs {
    let asked = std::env::var("LLMUX_LOG").ok();
    let filter = match asked.as_deref() {
        Some(directives) => Some(EnvFilter::new(directives)),
        None if cli.is_daemon() => Some(EnvFilter::new("info")),
        None => None,
    };
    logs::begin(filter)
}
