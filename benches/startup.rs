//! What a command costs before it does anything: `llmux --version` beside `tmux -V`.

mod bench;

use std::process::Stdio;

use bench::{Samples, lab::Lab, now, setting, table};

fn main() {
    let lab = Lab::new();
    let count = setting("LLMUX_BENCH_SAMPLES", 200);
    let (mut ours, mut theirs) = (Samples::new(), Samples::new());
    for _ in 0..count {
        ours.push(run(&lab, bench::lab::LLMUX, "--version"));
        theirs.push(run(&lab, "tmux", "-V"));
    }
    table::begin(&lab, &format!("start-up, {count} runs of each in turn"));
    for percent in [50, 99] {
        let what = format!("llmux --version : tmux -V, p{percent}");
        table::at_most(&what, ours.percentile(percent), theirs.percentile(percent), 2.0);
    }
}

fn run(lab: &Lab, program: &str, argument: &str) -> u64 {
    let mut command = lab.command(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null());
    let started = now();
    let status = command.status().expect("it runs");
    let took = now() - started;
    assert!(status.success(), "{program} {argument}");
    took
}
