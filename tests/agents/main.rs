//! Real agent CLIs, driven through `llmux` alone, against a model server on the loopback: `make test-agents`.
//!
//! Arguments are the keys of the agents to run; without any, all that `.ci/agents` has installed.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use comfy_table::{Table, presets::NOTHING};

use self::{cli::Cli, trial::Findings};

mod cli;
mod clock;
mod hooks;
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
#[path = "../it/lab.rs"]
mod lab;
mod model;
mod prompts;
mod trial;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |cli: &&Cli| args.is_empty() || args.iter().any(|arg| arg == cli.key);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "AGENT",
        "VERSION",
        "TURNS",
        "ACCEPTED BY",
        "ENDED BY",
        "REPLY FROM",
        "P50 OVERHEAD",
        "FAULTS",
    ]);
    let mut faults = 0;
    for cli in cli::ALL.iter().filter(wanted) {
        let Some(version) = cli.version() else {
            eprintln!("left out: {} is not installed; .ci/agents installs it", cli.key);
            continue;
        };
        let findings = catch_unwind(AssertUnwindSafe(|| trial::run(cli))).unwrap_or_else(|_| Findings {
            // It could not go on at all; the panic has said why.
            faults: 1,
            ..Findings::default()
        });
        faults += findings.faults;
        table.add_row(row(cli, version, &findings));
    }
    println!("{table}");
    if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn row(cli: &Cli, version: String, findings: &Findings) -> [String; 8] {
    let mut overheads = findings.overheads.clone();
    overheads.sort_unstable();
    let p50 = overheads.get(overheads.len() / 2);
    [
        cli.key.to_owned(),
        version,
        format!("{} of {}", findings.good, findings.tried),
        findings.accepted.to_string(),
        findings.ended.to_string(),
        findings.replies.to_string(),
        p50.map_or("-".to_owned(), |millis| format!("{millis} ms")),
        findings.faults.to_string(),
    ]
}
