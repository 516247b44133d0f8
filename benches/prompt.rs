//! From the decision to prompt until the agent has read the prompt and its Enter.
//!
//! Ours, as a whole CLI process and over a kept connection, beside what a script would do: two `tmux send-keys`. The
//! agent is this program itself: it reads its terminal raw, notes when it has read an Enter, and echoes as agents do.
//! `LLMUX_BENCH_SAMPLES` sets how many prompts each way gets (300), `LLMUX_BENCH_SESSIONS` how many idle sessions are up
//! beside it (0).

mod bench;

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixDatagram,
    process::Stdio,
};

use bench::{Samples, lab::LLMUX, lab::Lab, now, setting, table};
use llmux::client::Client;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--reader"), Some(mailbox)) => read_for_ever(&mailbox),
        _ => measure(),
    }
}

/// The agent: tells the bench when it had read an Enter, and how many bytes came before it.
fn read_for_ever(mailbox: &str) {
    let mailbox = bench::mailbox_of(mailbox);
    let stdin = io::stdin();
    let mut modes = tcgetattr(&stdin).expect("a terminal");
    modes.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &modes).expect("a terminal");
    let (mut stdin, mut stdout) = (stdin.lock(), io::stdout());
    let mut echo = |bytes: &[u8]| stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok();
    echo(b"ready\r\n");
    let (mut chunk, mut taken) = ([0; 4096], 0);
    loop {
        let Ok(length @ 1..) = stdin.read(&mut chunk) else {
            return;
        };
        let stamp = now();
        let entered = chunk[..length].contains(&b'\r');
        taken += length as u64;
        if entered {
            bench::send(&mailbox, stamp, taken);
            taken = 0;
        }
        if !echo(&chunk[..length]) || entered && !echo(b"\n") {
            return;
        }
    }
}

/// One way to prompt: returns when the prompt is sent, which may be before it is read.
type Way<'a> = &'a mut dyn FnMut(&str);

fn measure() {
    let lab = bench::lab();
    let count = setting("LLMUX_BENCH_SAMPLES", 300);
    let idle = setting("LLMUX_BENCH_SESSIONS", 0);
    let path = lab.path("mail");
    let mailbox = bench::mailbox(&path);
    lab.start("bench", "reader", &format!("--reader {}", path.display()));
    lab.shows("reader", "^ready");
    let runtime = bench::runtime();
    runtime.block_on(bench::start_many(&lab, "shell", "idle", idle, ""));
    let mut client = runtime.block_on(bench::connect(&lab));

    let mut results = [const { Samples::new() }; 3];
    for n in 0..count {
        let text = format!("prompt {n:06}: what does the function in src/main.rs do?");
        let ways: [Way<'_>; 3] = [
            &mut |text| with_cli(&lab, text),
            &mut |text| with_client(&runtime, &mut client, text),
            &mut |text| with_tmux(&lab, text),
        ];
        for (way, samples) in ways.into_iter().zip(&mut results) {
            samples.push(one(way, &text, &mailbox));
        }
    }
    let [cli, kept, script] = results;
    table::begin(
        &lab,
        &format!("a prompt until it is read, {count} prompts each way in turn, {idle} sessions beside"),
    );
    for percent in [50, 99] {
        let script = script.percentile(percent);
        let what = format!("llmux session prompt : 2 send-keys, p{percent}");
        table::at_most(&what, cli.percentile(percent), script, 1.0);
    }
    let (kept_p50, script_p50) = (kept.percentile(50), script.percentile(50));
    table::faster("kept connection : 2 send-keys, p50", kept_p50, script_p50, 10.0);
    let (kept_p99, script_p99) = (kept.percentile(99), script.percentile(99));
    table::faster("kept connection : 2 send-keys, p99", kept_p99, script_p99, 1.0);
}

/// How long one prompt took until its Enter was read.
fn one(way: Way<'_>, text: &str, mailbox: &UnixDatagram) -> u64 {
    let started = now();
    way(text);
    let (stamp, taken) = bench::receive(mailbox);
    assert_eq!(taken, text.len() as u64 + 1, "all of it and Enter were read");
    stamp - started
}

fn with_cli(lab: &Lab, text: &str) {
    run(lab, LLMUX, &["session", "prompt", "reader", text]);
}

fn with_client(runtime: &Runtime, client: &mut Client, text: &str) {
    let request = json!({ "prompt": text });
    let sent = runtime.block_on(client.post::<Value>("/api/sessions/reader/send", &request));
    sent.expect("it is sent");
}

fn with_tmux(lab: &Lab, text: &str) {
    run(lab, "tmux", &["send-keys", "-t", "reader", "-l", text]);
    run(lab, "tmux", &["send-keys", "-t", "reader", "Enter"]);
}

fn run(lab: &Lab, program: &str, arguments: &[&str]) {
    let mut command = lab.command(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(
        command.status().expect("it runs").success(),
        "{program} {arguments:?}"
    );
}
