//! Real agent CLIs, driven through `llmux` alone, against a model server on the loopback: `make test-agents`.
//!
//! Arguments are the keys of the agents to run; without any, all that `.ci/agents` has installed.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

use std::process::ExitCode;

use self::table::Report;

mod cli;
mod clock;
mod hooks;
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
#[path = "../it/lab.rs"]
mod lab;
mod model;
mod prompts;
mod table;
mod trial;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::new();
    for cli in cli::all() {
        if !args.is_empty() && !args.contains(&cli.key) {
            continue;
        }
        let Some(version) = cli.version() else {
            eprintln!("left out: {} is not installed; .ci/agents installs it", cli.key);
            continue;
        };
        report.add(&cli, version, &trial::run(&cli));
    }
    println!("{report}");
    if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
