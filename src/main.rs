//! The `llmux` binary: parse, telemetry, run, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use llmux::demo::{self, DemoArgs};
use llmux::tmux::helper;

/// Runs AI agent CLIs in named tmux sessions.
#[derive(Parser)]
enum Llmux {
    /// Run the built-in agent
    DemoAgent(DemoArgs),
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = helper::dispatch(&args) {
        return code;
    }
    match Llmux::parse() {
        Llmux::DemoAgent(args) => demo::run(args),
    }
}
