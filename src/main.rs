//! The `llmux` binary: parse, telemetry, run, exit code.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
};

use llmux::{
    cli::{self, Cli},
    tmux::helper,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // What stands between tmux and an agent starts before anything else is set up.
    if let Some(exit) = helper::dispatch(args.get(1..).unwrap_or_default()) {
        return exit;
    }
    match cli::parse(args) {
        Ok(cli) => {
            telemetry(&cli);
            cli::run(cli)
        }
        Err(exit) => exit,
    }
}

/// Logs to standard error: the daemon always, another command only if `LLMUX_LOG` says what.
fn telemetry(cli: &Cli) {
    let asked = std::env::var("LLMUX_LOG").ok();
    let filter = match asked.as_deref() {
        Some(directives) => EnvFilter::new(directives),
        None if cli.is_daemon() => EnvFilter::new("info"),
        None => return,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // On a full disk, telling that nothing can be told is a panic.
        .log_internal_errors(false)
        .init();
}
