//! Whole turns against the agent's own clock, beside a script that types with `send-keys` and looks every 400 ms.
//!
//! The demo agent stamps when it took a prompt and when the last byte of its reply was written, with the clock of this
//! bench. The end is told by the marker on the screen: the agent's history is where the daemon does not look. How soon a
//! prompt is in the pane is told by a program that only reads: this one, with `--reader`.
//! `LLMUX_BENCH_SAMPLES` sets how many turns each way gets (100; 0: only the load is measured), `LLMUX_BENCH_SESSIONS` how many busy sessions are
//! beside it, and how many take the load (100), `LLMUX_BENCH_RATE` how many turns a second are offered to them (1000)
//! and `LLMUX_BENCH_SECONDS` for how long (20).

#![allow(clippy::cast_precision_loss, reason = "counts and times to be printed")]

mod bench;

use std::{
    collections::HashMap,
    io::{self, Read, Write},
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
use llmux_protocol::api::{Source, Turn, TurnCancel, TurnRequest, TurnState, WaitFor};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::task::JoinSet;

/// How often a script looks.
const POLL: Duration = Duration::from_millis(400);
/// How many turns a script takes.
const POLLED: usize = 8;
/// What keeps a session busy for as long as it is beside: ten chunks a second.
const BUSY: &str = "[[lines=20000]] [[chunks=20000]] [[delay=100]]";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let (Some("--reader"), Some(mailbox)) = (arguments.next().as_deref(), arguments.next()) {
        return read_for_ever(&mailbox);
    }
    let samples = setting("LLMUX_BENCH_SAMPLES", 100);
    let sessions = setting("LLMUX_BENCH_SESSIONS", 100).max(1);
    let turns: Vec<Turns> = [0, sessions]
        .into_iter()
        .filter(|_| samples > 0)
        .map(|busy| one_agent(samples, busy))
        .collect();
    let typed = (samples > 0).then(|| into_a_pane(samples));
    let load = many_agents(
        sessions,
        setting("LLMUX_BENCH_RATE", 1000).max(1),
        setting("LLMUX_BENCH_SECONDS", 20).max(1),
    );
    table::begin(
        &load.lab,
        &format!("turns: {samples} each way, {POLLED} of a script that looks every 400 ms"),
    );
    for turns in &turns {
        let what = format!("last byte to --wait, {} busy", turns.busy);
        limits(&what, &turns.end, Some(&turns.polled), 2.0, 10.0);
    }
    for turns in &turns {
        let what = format!("overhead of the CLI, {} busy", turns.busy);
        limits(&what, &turns.whole, Some(&turns.scripted), 10.0, f64::INFINITY);
    }
    if let Some(typed) = &typed {
        limits("prompt to bytes in the pane", typed, None, 1.0, f64::INFINITY);
    }
    load.print();
    for turns in &turns {
        println!(
            "with {} busy, the marker told the end of {} of {samples} turns",
            turns.busy, turns.by_marker
        );
    }
}

/// The p50 and the p99 of some samples, each with its limit in milliseconds and beside a baseline.
fn limits(what: &str, ours: &Samples, baseline: Option<&Samples>, p50: f64, p99: f64) {
    for (percent, limit) in [(50, p50), (99, p99)] {
        let took = ours.percentile(percent);
        let other = baseline.map(|baseline| baseline.percentile(percent));
        let ratio = other.map(|other| other.as_secs_f64() / took.as_secs_f64());
        let target = if limit.is_finite() {
            format!("< {limit} ms")
        } else {
            "-".to_owned()
        };
        table::row(
            &format!("{what}, p{percent}"),
            table::millis(took),
            other.map_or("-".to_owned(), table::millis),
            &ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1} x")),
            &target,
            took.as_secs_f64() * 1e3 < limit,
        );
    }
}

/// A home whose sessions have markers.
fn marked() -> Lab {
    let lab = Lab::new();
    lab.config("turnq:\n  enabled: true\n");
    lab
}

/// What turns of one agent took.
struct Turns {
    busy: usize,
    /// How many ends the marker told.
    by_marker: usize,
    /// From the last byte of the reply until the end was known: over a kept connection, and to a script that polls.
    end: Samples,
    polled: Samples,
    /// What a whole process took beyond the agent's own time, and a script.
    whole: Samples,
    scripted: Samples,
}

/// Turns of one agent, with busy ones beside it.
fn one_agent(count: usize, busy: usize) -> Turns {
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

    let mut turns = Turns {
        busy,
        by_marker: 0,
        end: Samples::new(),
        polled: Samples::new(),
        whole: Samples::new(),
        scripted: Samples::new(),
    };
    for n in 0..count {
        let prompt = format!("kept {n:06}");
        let turn = runtime.block_on(take(&mut client, "one", &prompt, WaitFor::Ended));
        let known = now();
        assert_eq!(turn.state, TurnState::Ended, "{turn:?}");
        let told_by = turn.evidence.last().map(|evidence| evidence.source);
        turns.by_marker += usize::from(told_by == Some(Source::Marker));
        // Who is quick knows it before the agent has looked at its clock.
        turns
            .end
            .push(known.saturating_sub(history::clock(&history, &prompt).last));

        let prompt = format!("cli {n:06}");
        let began = now();
        run(&lab, LLMUX, &["session", "prompt", "one", &prompt, "--wait"]);
        let took = now() - began;
        turns.whole.push(took - history::clock(&history, &prompt).took());
    }
    for n in 0..POLLED {
        let (began, known, clock) = script(&lab, &history, n);
        turns.polled.push(known - clock.last);
        turns.scripted.push(known - began - clock.took());
    }
    turns
}

/// How long prompts take from a kept connection until a program in a pane has read their first byte.
fn into_a_pane(count: usize) -> Samples {
    let lab = bench::lab();
    let path = lab.path("mail");
    let mailbox = bench::mailbox(&path);
    lab.start("bench", "reader", &format!("--reader {}", path.display()));
    lab.shows("reader", "^ready");
    let runtime = bench::runtime();
    let mut client = runtime.block_on(bench::connect(&lab));
    let mut samples = Samples::new();
    for n in 0..count {
        let prompt = format!("prompt {n:06}: what does the function in src/main.rs do?");
        let began = now();
        let request = TurnRequest {
            // Without rules nobody knows when it is ready.
            now: true,
            ..TurnRequest::new(prompt.as_str())
        };
        let sent = runtime.block_on(client.post::<Turn>("/api/sessions/reader/turns", &request));
        let turn = sent.expect("it is sent");
        let (stamp, taken) = bench::receive(&mailbox);
        assert_eq!(taken, prompt.len() as u64, "all of it was read");
        samples.push(stamp - began);
        // Its end would be told by a second of silence, and be looked for beside the next prompts.
        let forget = TurnCancel { leave_running: true };
        let cancelled =
            runtime.block_on(client.post::<Turn>(&format!("/api/turns/{}/cancel", turn.id), &forget));
        cancelled.expect("it is cancelled");
    }
    samples
}

/// Tells the bench when it had read the first byte of each prompt, and how many there were before Enter.
fn read_for_ever(mailbox: &str) {
    let mailbox = bench::mailbox_of(mailbox);
    let stdin = io::stdin();
    let mut modes = tcgetattr(&stdin).expect("a terminal");
    modes.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &modes).expect("a terminal");
    let (mut stdin, mut stdout) = (stdin.lock(), io::stdout());
    let mut echo = |bytes: &[u8]| stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok();
    echo(b"ready\r\n");
    let (mut chunk, mut taken, mut first) = ([0; 4096], 0, None);
    while let Ok(length @ 1..) = stdin.read(&mut chunk) {
        let stamp = *first.get_or_insert_with(now);
        let end = chunk[..length].iter().position(|byte| *byte == b'\r');
        taken += end.unwrap_or(length) as u64;
        if end.is_some() {
            bench::send(&mailbox, stamp, taken);
            (taken, first) = (0, None);
        }
        if !echo(&chunk[..length]) || end.is_some() && !echo(b"\n") {
            return;
        }
    }
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

/// What a load was, and how true the receipts of its turns are.
struct Load {
    lab: Lab,
    what: String,
    rate: usize,
    achieved: f64,
    submitted: Samples,
    ended: Samples,
    cpu: Vec<String>,
}

impl Load {
    fn print(&self) {
        let share = self.achieved / self.rate as f64;
        table::row(
            &self.what,
            format!("{:.0}/s", self.achieved),
            "-",
            &format!("{share:.2} x"),
            &format!("{}/s", self.rate),
            share >= 0.98,
        );
        for (what, samples) in [("submitted", &self.submitted), ("ended", &self.ended)] {
            limits(
                &format!("|receipt - agent|, {what}"),
                samples,
                None,
                1.0,
                f64::INFINITY,
            );
        }
        self.cpu.iter().for_each(|line| println!("{line}"));
    }
}

/// More turns than the machine may carry, over many agents: what it carries, at what cost, and how true the receipts are.
fn many_agents(sessions: usize, rate: usize, secs: usize) -> Load {
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
    let ended = ended.count();
    let (submitted, deviation) = errors(&taken, &history::clocks(&lab.path("state/llmux-demo")));
    let cpu = [("the daemon", 0), ("the tmux server", 1), ("all processes", 2)].map(|(what, index)| {
        let cpu = after[index].saturating_sub(before[index]).as_secs_f64();
        format!(
            "CPU of {what:<20} {:>6.1} % of a core, {:>8.3} ms a turn",
            cpu * 100.0 / took,
            cpu * 1e3 / ended.max(1) as f64
        )
    });
    Load {
        what: format!("turns ({ended} of {} ended), {sessions} agents", taken.len()),
        lab,
        rate,
        achieved: ended as f64 / took,
        submitted,
        ended: deviation,
        cpu: cpu.to_vec(),
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
fn errors(taken: &[Taken], clocks: &HashMap<String, Clock>) -> (Samples, Samples) {
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
    (submitted, ended)
}
