//! Whole turns against the agent's own clock, beside a script that types with `send-keys` and looks every 400 ms.
//!
//! The demo agent stamps when it took a prompt and when the last byte of its reply was written, with the clock of this
//! bench. The end is told by the marker on the screen: the agent's history is where the daemon does not look.
//! `LLMUX_BENCH_SAMPLES` sets how many turns each way gets (100; 0: only the load is measured), `LLMUX_BENCH_SESSIONS` how many busy sessions are
//! beside it, and how many take the load (100), `LLMUX_BENCH_RATE` how many turns a second are offered to them (1000)
//! and `LLMUX_BENCH_SECONDS` for how long (20).

#![allow(clippy::cast_precision_loss, reason = "counts and times to be printed")]

mod bench;

use std::{
    collections::HashMap,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use bench::{
    Samples, cpu,
    history::{self, Clock},
    lab::{LLMUX, Lab},
    now, setting, table,
};
use llmux::client::Client;
use llmux_protocol::api::{Source, Turn, TurnRequest, TurnState, WaitFor};
use tokio::task::JoinSet;

/// How often a script looks.
const POLL: Duration = Duration::from_millis(400);
/// How many turns a script takes.
const POLLED: usize = 8;
/// What keeps a session busy for as long as it is beside: ten chunks a second.
const BUSY: &str = "[[lines=20000]] [[chunks=20000]] [[delay=100]]";

fn main() {
    let samples = setting("LLMUX_BENCH_SAMPLES", 100);
    let sessions = setting("LLMUX_BENCH_SESSIONS", 100).max(1);
    if samples > 0 {
        one_agent(samples, 0);
        one_agent(samples, sessions);
    }
    many_agents(
        sessions,
        setting("LLMUX_BENCH_RATE", 1000).max(1),
        setting("LLMUX_BENCH_SECONDS", 20).max(1),
    );
}

/// A home whose sessions have markers.
fn marked() -> Lab {
    let lab = Lab::new();
    lab.config("turnq:\n  enabled: true\n");
    lab
}

/// Each way's samples of one thing.
struct Ways {
    ours: Samples,
    script: Samples,
}

impl Ways {
    const fn new() -> Self {
        Self {
            ours: Samples::new(),
            script: Samples::new(),
        }
    }

    fn rows(&self, what: &str, times: f64) {
        for percent in [50, 99] {
            let (ours, script) = (self.ours.percentile(percent), self.script.percentile(percent));
            table::faster(&format!("{what}, p{percent}"), ours, script, times);
        }
    }
}

/// Turns of one agent, with busy ones beside it.
fn one_agent(count: usize, busy: usize) {
    let lab = marked();
    let history = lab.path("elsewhere");
    lab.start("demo", "one", &format!("--history {}", history.display()));
    let runtime = bench::runtime();
    let mut client = runtime.block_on(bench::connect(&lab));
    runtime.block_on(async {
        bench::ready(&mut client, "one").await;
        bench::start_many(&lab, "demo", "busy", busy, "").await;
        for n in 0..busy {
            let name = format!("busy-{n}");
            bench::ready(&mut client, &name).await;
            take(&mut client, &name, BUSY, WaitFor::Submitted).await;
        }
    });

    let (mut end, mut whole, mut typed) = (Ways::new(), Ways::new(), Ways::new());
    let mut by_marker = 0;
    for n in 0..count {
        let prompt = format!("kept {n:06}");
        let began = now();
        let turn = runtime.block_on(take(&mut client, "one", &prompt, WaitFor::Ended));
        let known = now();
        assert_eq!(turn.state, TurnState::Ended, "{turn:?}");
        let told_by = turn.evidence.last().map(|evidence| evidence.source);
        by_marker += usize::from(told_by == Some(Source::Marker));
        let clock = history::clock(&history, &prompt);
        end.ours.push(known - clock.last);
        typed.ours.push(clock.submitted - began);

        let prompt = format!("cli {n:06}");
        let began = now();
        run(&lab, LLMUX, &["session", "prompt", "one", &prompt, "--wait"]);
        let took = now() - began;
        whole.ours.push(took - history::clock(&history, &prompt).took());
    }
    for n in 0..POLLED {
        let (began, known, clock) = script(&lab, &history, n);
        end.script.push(known - clock.last);
        typed.script.push(clock.submitted - began);
        whole.script.push(known - began - clock.took());
    }
    table::begin(
        &lab,
        &format!(
            "turns of one agent, {count} each way, {POLLED} of a script that looks every 400 ms, {busy} busy beside"
        ),
    );
    println!("the marker told the end of {by_marker} of {count} turns");
    end.rows("last byte until known, kept connection", 20.0);
    whole.rows("llmux session prompt --wait, overhead", 5.0);
    typed.rows("prompt until submitted, kept connection", 1.0);
}

/// One turn of a script: when it began, when the end was known, and the agent's clock.
fn script(lab: &Lab, history: &std::path::Path, n: usize) -> (u64, u64, Clock) {
    // Turns end at any moment between two looks.
    let delay = POLL.as_millis() as usize * n / POLLED;
    let head = format!("script {n:06}");
    let prompt = format!("{head} [[chunks=1]] [[delay={delay}]]");
    let began = now();
    run(lab, "tmux", &["send-keys", "-t", "one", "-l", "--", &prompt]);
    run(lab, "tmux", &["send-keys", "-t", "one", "Enter"]);
    let patience = Instant::now() + Duration::from_mins(1);
    let known = loop {
        std::thread::sleep(POLL);
        let shown = lab.tmux(["capture-pane", "-p", "-t", "one"]).ok();
        let answers = shown
            .lines()
            .any(|row| row.starts_with("● ") && row.contains(&head));
        if answers && !shown.contains("esc to interrupt") {
            break now();
        }
        assert!(Instant::now() < patience, "the script saw no answer:\n{shown}");
    };
    (began, known, history::clock(history, &prompt))
}

fn run(lab: &Lab, program: &str, arguments: &[&str]) {
    let mut command = lab.command(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(
        command.status().expect("it runs").success(),
        "{program} {arguments:?}"
    );
}

async fn take(client: &mut Client, session: &str, prompt: &str, wait: WaitFor) -> Turn {
    let request = TurnRequest {
        wait,
        ..TurnRequest::new(prompt)
    };
    let path = format!("/api/sessions/{session}/turns");
    client.post(&path, &request).await.expect("it is taken")
}

/// A turn of the load, and when its request was sent.
struct Taken {
    prompt: String,
    sent: u64,
    turn: Turn,
}

/// More turns than the machine may carry, over many agents: what it carries, at what cost, and how true the receipts are.
fn many_agents(sessions: usize, rate: usize, secs: usize) {
    let lab = Lab::new();
    lab.start("demo", "first", "");
    let runtime = bench::runtime();
    runtime.block_on(async {
        bench::start_many(&lab, "demo", "load", sessions, "").await;
        let mut client = bench::connect(&lab).await;
        for n in 0..sessions {
            bench::ready(&mut client, &format!("load-{n}")).await;
        }
    });
    let status = lab.status();
    let pid = |value: &serde_json::Value| value.as_u64().expect("a process id");
    let (daemon, tmux) = (pid(&status["pid"]), pid(&status["tmux"]["serverPid"]));
    let used = || [cpu::of_process(daemon), cpu::of_process(tmux), cpu::of_machine()];

    let (before, began) = (used(), Instant::now());
    let taken = runtime.block_on(load(&lab, sessions, rate, Duration::from_secs(secs as u64)));
    let (after, took) = (used(), began.elapsed().as_secs_f64());

    let ended = taken.iter().filter(|taken| taken.turn.state == TurnState::Ended);
    let (ended, achieved) = (ended.clone().count(), ended.count() as f64 / took);
    table::begin(
        &lab,
        &format!(
            "{rate} turns/s offered to {sessions} agents for {secs} s: {ended} of {} ended",
            taken.len()
        ),
    );
    let share = achieved / rate as f64;
    table::row(
        "turns a second",
        format!("{achieved:.0}"),
        rate,
        &format!("{share:.2} x"),
        ">= 1 x",
        share >= 0.98,
    );
    errors(&taken, &history::clocks(&lab.path("state/llmux-demo")));
    for (what, index) in [("the daemon", 0), ("the tmux server", 1), ("all processes", 2)] {
        let cpu = after[index].saturating_sub(before[index]).as_secs_f64();
        println!(
            "CPU of {what:<20} {:>6.1} % of a core, {:>8.3} ms a turn",
            cpu * 100.0 / took,
            cpu * 1e3 / ended.max(1) as f64
        );
    }
}

/// Offers turns for some time: each agent has a connection of its own, and takes its next turn when it is due or, if that
/// is later, when its last one is over.
async fn load(lab: &Lab, sessions: usize, rate: usize, length: Duration) -> Vec<Taken> {
    let mut workers = JoinSet::new();
    let began = Arc::new(tokio::sync::Barrier::new(sessions));
    for worker in 0..sessions {
        let (mut client, began) = (bench::connect(lab).await, began.clone());
        workers.spawn(async move {
            began.wait().await;
            let began = tokio::time::Instant::now();
            let session = format!("load-{worker}");
            let mut taken = Vec::new();
            for turn in (worker..).step_by(sessions) {
                let due = began + Duration::from_secs_f64(turn as f64 / rate as f64);
                tokio::time::sleep_until(due).await;
                if began.elapsed() >= length {
                    break;
                }
                let prompt = format!("load {turn:08}");
                let sent = now();
                let turn = take(&mut client, &session, &prompt, WaitFor::Ended).await;
                taken.push(Taken { prompt, sent, turn });
            }
            taken
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}

/// How far the receipts are from what the agents saw. A receipt counts from when the turn was queued; the bench knows only
/// when it sent the request, so what the request was under way counts as error too.
fn errors(taken: &[Taken], clocks: &HashMap<String, Clock>) {
    let (mut submitted, mut ended) = (Samples::new(), Samples::new());
    for Taken { prompt, sent, turn } in taken {
        let Some(clock) = clocks.get(prompt) else { continue };
        if let Some(at) = turn.stages.submitted {
            submitted.push((sent + at).abs_diff(clock.submitted));
        }
        if let Some(at) = turn.stages.ended {
            ended.push((sent + at).abs_diff(clock.last));
        }
    }
    for (what, samples) in [("submitted", submitted), ("ended", ended)] {
        println!(
            "|receipt - agent|, {what:<10} {:>6} turns, p50 {}, p99 {}",
            samples.len(),
            table::millis(samples.percentile(50)),
            table::millis(samples.percentile(99))
        );
    }
}
