//! From a byte written in a pane until a subscriber has it, while many sessions are up and some print.
//!
//! Beside it, in turn: `tmux capture-pane -p` run back to back on that pane, and on all panes in one process, which is
//! what it takes to serve a subscriber of any session as the daemon does; and a control client that does nothing else,
//! which is the fastest that tmux allows. Polling one pane can't be beaten by more than that client beats it.
//!
//! The program in the pane is this one: told to, it prints the time. `LLMUX_BENCH_SESSIONS` sets how many sessions are
//! up (200), a tenth of which print 20 lines a second, and `LLMUX_BENCH_SAMPLES` how many bytes are timed each way (200).

mod bench;

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::Duration,
};

use bench::{Samples, lab::Lab, now, setting, table};
use llmux::client::Stream;
use tokio::runtime::Runtime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--beacon"), Some(mailbox)) => beacon(&mailbox),
        (Some("--printer"), _) => printer(),
        _ => measure(),
    }
}

/// Prints the time, `@NANOSECONDS;`, whenever it is told to, as long after as it is told. That is short enough for tmux
/// to pass it on in one piece.
fn beacon(path: &str) {
    let mailbox = bench::mailbox(Path::new(path));
    say("ready\r\n");
    loop {
        let (wait, _) = bench::receive(&mailbox);
        std::thread::sleep(Duration::from_nanos(wait));
        if !say(&format!("@{};\r\n", now())) {
            return;
        }
    }
}

fn printer() {
    for n in 0_u64.. {
        if !say(&format!("{n:>8} the quick brown fox jumps over the lazy dog\n")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn say(text: &str) -> bool {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

fn measure() {
    let lab = bench::lab();
    let sessions = setting("LLMUX_BENCH_SESSIONS", 200).max(1);
    let count = setting("LLMUX_BENCH_SAMPLES", 200);
    let printers = sessions / 10;
    let path = lab.path("mail");
    lab.start("bench", "beacon", &format!("--beacon {}", path.display()));
    lab.shows("beacon", "^ready");
    let trigger = bench::mailbox_of(path.to_str().expect("UTF-8"));
    let runtime = bench::runtime();
    runtime.block_on(async {
        bench::start_many(&lab, "shell", "idle", sessions - 1 - printers, "").await;
        bench::start_many(&lab, "bench", "printer", printers, "--printer").await;
    });
    let beacon = || ["beacon".to_owned()];
    let all = lab
        .tmux_sessions()
        .into_iter()
        .filter(|name| !name.starts_with('_'));
    let mut ways: [(Box<dyn Way>, Samples); 4] = [
        (Box::new(Subscriber::new(&lab, runtime)), Samples::new()),
        (Box::new(Poller::new(&lab, beacon())), Samples::new()),
        (Box::new(Poller::new(&lab, all)), Samples::new()),
        (Box::new(Control::attach(&lab)), Samples::new()),
    ];

    let mut last = 0;
    for n in 0..count {
        for (way, samples) in &mut ways {
            bench::send(&trigger, while_of(n), 0);
            last = way.see(last, samples);
        }
    }
    let [ours, one, all, control] = ways.map(|(_, samples)| samples);
    table::begin(
        &lab,
        &format!(
            "a byte in a pane until it is seen, {sessions} sessions of which {printers} print, {count} bytes each way in turn"
        ),
    );
    for (name, polling) in [("its pane", &one), ("all panes", &all)] {
        for (percent, least) in [(50, 20.0), (99, 1.0)] {
            let what = format!("subscriber : polling {name}, p{percent}");
            table::faster(
                &what,
                ours.percentile(percent),
                polling.percentile(percent),
                least,
            );
        }
    }
    let (ours_p50, control_p50) = (ours.percentile(50), control.percentile(50));
    table::at_most(
        "subscriber : a bare tmux -C client, p50",
        ours_p50,
        control_p50,
        2.0,
    );
    table::limit("subscriber, p99", ours.percentile(99), Duration::from_millis(5));
}

/// A while until the beacon prints, so that it comes at any phase of whatever is periodic.
fn while_of(n: usize) -> u64 {
    1_000_000 + (n as u64 * 7_919_317) % 20_000_000
}

/// A way to see what the beacon prints.
trait Way {
    /// Waits until it sees a stamp that is younger than `last`, notes how old that is, and returns it.
    fn see(&mut self, last: u64, ages: &mut Samples) -> u64 {
        loop {
            let text = self.look();
            let at = now();
            if let Some(stamp) = youngest(&text).filter(|&stamp| stamp > last) {
                ages.push(at - stamp);
                return stamp;
            }
        }
    }

    /// What it sees next, or sees now.
    fn look(&mut self) -> String;
}

/// Ours.
struct Subscriber {
    runtime: Runtime,
    stream: Stream,
}

impl Subscriber {
    fn new(lab: &Lab, runtime: Runtime) -> Self {
        let stream = runtime.block_on(async {
            let mut client = bench::connect(lab).await;
            client.stream("/api/sessions/beacon/output").await
        });
        let stream = stream.expect("it streams");
        Self { runtime, stream }
    }
}

impl Way for Subscriber {
    fn look(&mut self) -> String {
        let piece = self.runtime.block_on(self.stream.next());
        let piece = piece.expect("it streams").expect("the session runs");
        String::from_utf8_lossy(&piece).into_owned()
    }
}

/// Polling at its fastest: one process for all that it looks at.
struct Poller<'a> {
    lab: &'a Lab,
    arguments: Vec<String>,
}

impl<'a> Poller<'a> {
    fn new(lab: &'a Lab, sessions: impl IntoIterator<Item = String>) -> Self {
        let captures = sessions
            .into_iter()
            .map(|name| ["capture-pane", "-p", "-t", &name, ";"].map(str::to_owned));
        let arguments = captures.flatten().collect();
        Self { lab, arguments }
    }
}

impl Way for Poller<'_> {
    fn look(&mut self) -> String {
        self.lab.tmux(&self.arguments).ok()
    }
}

/// A control client on that one session, and nothing behind it: what tmux itself takes.
struct Control {
    client: Child,
    lines: BufReader<ChildStdout>,
}

impl Control {
    fn attach(lab: &Lab) -> Self {
        let mut command = lab.command("tmux");
        command
            .args(["-C", "attach", "-t", "beacon"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut client = command.spawn().expect("tmux runs");
        let lines = BufReader::new(client.stdout.take().expect("a pipe"));
        Self { client, lines }
    }
}

impl Way for Control {
    fn look(&mut self) -> String {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line).expect("UTF-8");
        assert!(length > 0, "the control client stays");
        line
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // The end of its input detaches it.
        drop(self.client.stdin.take());
        let _ = self.client.wait();
    }
}

/// The youngest whole stamp in a text.
fn youngest(text: &str) -> Option<u64> {
    let (before, _) = text.rsplit_once(';')?;
    before.rsplit_once('@')?.1.parse().ok()
}
