//! What many idle sessions cost: CPU, wake-ups and memory of the daemon, with every scrollback full.
//!
//! Beside it the tmux server, which holds the same sessions. `LLMUX_BENCH_SESSIONS` sets how many (200),
//! `LLMUX_BENCH_SECONDS` for how long they are watched (60).

mod bench;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bench::{
    lab::{Lab, until},
    setting, table,
};
use serde_json::{Value, json};

/// Prints 300 lines of 120 columns, more than a scrollback holds, and says so.
const FILL: &str = "n=0; while [ $n -lt 300 ]; do printf '%0120d\\n' $n; n=$((n+1)); done; echo full";

/// Wake-ups in two seconds of a daemon at rest: one look at all panes may fall into them.
const QUIET_WAKES: u32 = 20;

fn main() {
    let lab = Lab::new();
    let sessions = setting("LLMUX_BENCH_SESSIONS", 200).max(1);
    let secs = setting("LLMUX_BENCH_SECONDS", 60).max(1);
    fill(&lab, sessions);
    let status = lab.status();
    let pid = |value: &Value| value.as_u64().expect("a process id");
    let (ours, theirs) = (pid(&status["pid"]), pid(&status["tmux"]["serverPid"]));
    settle(ours);

    let before = (Use::of(ours), Use::of(theirs), Instant::now());
    std::thread::sleep(Duration::from_secs(secs as u64));
    let after = (Use::of(ours), Use::of(theirs), Instant::now());
    let took = (after.2 - before.2).as_secs_f64();
    let share = |after: &Use, before: &Use| after.cpu.saturating_sub(before.cpu).as_secs_f64() * 100.0 / took;
    let wakes = |after: &Use, before: &Use| f64::from(after.wakes_since(before)) * 10.0 / took;

    table::begin(
        &lab,
        &format!("{sessions} idle sessions over {secs} s: the daemon beside the tmux server"),
    );
    let our_share = share(&after.0, &before.0);
    table::row(
        "CPU, of one core",
        format!("{our_share:.3} %"),
        format!("{:.3} %", share(&after.1, &before.1)),
        "-",
        "< 0.1 %",
        our_share < 0.1,
    );
    let our_wakes = wakes(&after.0, &before.0);
    table::row(
        "wake-ups of all threads in 10 s",
        format!("{our_wakes:.0}"),
        format!("{:.0}", wakes(&after.1, &before.1)),
        "-",
        "< 50",
        our_wakes < 50.0,
    );
    let limit_kib = u32::try_from(40 + sessions).expect("sessions can be counted") << 10;
    table::row(
        "resident memory",
        mib(after.0.resident_kib),
        mib(after.1.resident_kib),
        "-",
        &format!("< {}", mib(limit_kib)),
        after.0.resident_kib < limit_kib,
    );
}

/// Starts the sessions and fills their scrollbacks.
fn fill(lab: &Lab, sessions: usize) {
    let runtime = bench::runtime();
    lab.start("shell", "main", "");
    runtime.block_on(async {
        bench::start_many(lab, "shell", "idle", sessions - 1, "").await;
        let mut client = bench::connect(lab).await;
        let names = (0..sessions - 1)
            .map(|n| format!("idle-{n}"))
            .chain(["main".to_owned()]);
        let names: Vec<_> = names.collect();
        for name in &names {
            let path = format!("/api/sessions/{name}/send");
            let sent: Value = client
                .post(&path, &json!({ "prompt": FILL }))
                .await
                .expect("it is sent");
            assert_eq!(sent["ok"], true);
        }
        let full = json!({ "until": { "kind": "text", "regex": "^full" }, "timeoutMs": 60_000 });
        for name in &names {
            let path = format!("/api/sessions/{name}/wait");
            let waited: Value = client.post(&path, &full).await.expect("it is full");
            assert_eq!(waited["ok"], true);
        }
    });
}

/// Waits until the daemon does nothing: its spare threads end after 10 s without work.
fn settle(pid: u64) {
    until("the daemon comes to rest", || {
        let before = Use::of(pid);
        std::thread::sleep(Duration::from_secs(2));
        let after = Use::of(pid);
        after.wakes.len() == before.wakes.len() && after.wakes_since(&before) <= QUIET_WAKES
    });
}

/// What a process has used so far.
struct Use {
    cpu: Duration,
    /// How often each thread went to sleep, and so was woken.
    wakes: HashMap<PathBuf, u32>,
    resident_kib: u32,
}

impl Use {
    fn of(pid: u64) -> Self {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let process = PathBuf::from(format!("/proc/{pid}"));
        let threads = fs::read_dir(process.join("task")).expect("it lives");
        let wakes = threads.filter_map(|thread| {
            let status = thread.ok()?.path().join("status");
            let count = field(&read(&status), "voluntary_ctxt_switches:");
            Some((status, count))
        });
        Self {
            cpu: cpu(&read(&process.join("stat"))),
            wakes: wakes.collect(),
            resident_kib: field(&read(&process.join("status")), "VmRSS:"),
        }
    }

    /// Wake-ups since then, of all threads that still live.
    fn wakes_since(&self, before: &Self) -> u32 {
        let since = |(thread, count): (&PathBuf, &u32)| {
            count.saturating_sub(before.wakes.get(thread).copied().unwrap_or(0))
        };
        self.wakes.iter().map(since).sum()
    }
}

/// User and system time of a process, threads that ended included, from its `stat`: the 14th and 15th field, in
/// ticks of 10 ms. The second field is a name in brackets, which may hold blanks.
fn cpu(stat: &str) -> Duration {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// The number behind a name in a `status` file.
fn field(text: &str, name: &str) -> u32 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn mib(kib: u32) -> String {
    format!("{:.1} MiB", f64::from(kib) / 1024.0)
}
