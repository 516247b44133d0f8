//! What the benches share: a home of their own, clocks, samples, and the table they end with.
//!
//! Each measures us and a baseline in the same run, one sample of each in turn, so that a noisy machine is noisy for
//! both. A missed target is said and is no failure: ratios on a shared machine are for people to judge.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(
    unreachable_pub,
    reason = "a module of several programs, shared with the tests"
)]

pub mod cpu;
pub mod history;
#[path = "../../tests/it/lab.rs"]
pub mod lab;
pub mod table;

use std::{
    os::unix::net::UnixDatagram,
    path::Path,
    time::{Duration, Instant},
};

use lab::Lab;
use llmux::client::Client;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// How long a reader or printer in a pane may keep silent before the bench fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The monotonic clock, in nanoseconds: the same for all processes.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).expect("the clock is past its start") * 1_000_000_000
        + u64::try_from(now.tv_nsec).expect("nanoseconds are positive")
}

/// A number from the environment.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// How often a measurement was made, and what it gave.
pub struct Samples(Vec<u64>);

impl Samples {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn push(&mut self, nanos: u64) {
        self.0.push(nanos);
    }

    /// The value that `percent` of the samples do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        Duration::from_nanos(sorted.get(rank - 1).copied().unwrap_or(0))
    }
}

/// A home whose configuration knows this bench itself as an agent, by the flags it is started with.
pub fn lab() -> Lab {
    let lab = Lab::new();
    let exe = std::env::current_exe().expect("a bench is a file");
    let dir = lab.home().join(".config/llmux");
    std::fs::create_dir_all(&dir).expect("a directory");
    let config = format!("agents:\n  bench:\n    cmd: '{}'\n", exe.display());
    std::fs::write(dir.join("config.yaml"), config).expect("a file");
    lab
}

/// A runtime as a small client has it.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Connects to the daemon of a home; it must run.
pub async fn connect(lab: &Lab) -> Client {
    let status = lab.status();
    let socket = status["socket"].as_str().expect("it has a socket");
    Client::connect(Path::new(socket))
        .await
        .expect("the daemon answers")
}

/// Starts a session over a kept connection.
pub async fn start(client: &mut Client, agent: &str, name: &str, flags: &str) {
    let request = json!({ "agent": agent, "name": name, "flags": flags });
    let _: Value = client.post("/api/sessions", &request).await.expect("it starts");
}

/// Starts `count` sessions named `prefix-N`, several at a time.
pub async fn start_many(
    lab: &Lab,
    agent: &'static str,
    prefix: &'static str,
    count: usize,
    flags: &'static str,
) {
    const AT_ONCE: usize = 8;
    let mut starting = tokio::task::JoinSet::new();
    for lane in 0..AT_ONCE.min(count) {
        let mut client = connect(lab).await;
        starting.spawn(async move {
            for n in (lane..count).step_by(AT_ONCE) {
                start(&mut client, agent, &format!("{prefix}-{n}"), flags).await;
            }
        });
    }
    starting.join_all().await;
}

/// Waits until a session takes prompts and has its init prompts behind it.
pub async fn ready(client: &mut Client, name: &str) {
    let ready = json!({ "until": { "kind": "ready" }, "timeoutMs": 60_000 });
    let path = format!("/api/sessions/{name}/wait");
    let _: Value = client.post(&path, &ready).await.expect("it is ready");
}

/// Where a program in a pane reports to the bench, or the bench tells it something.
pub fn mailbox(path: &Path) -> UnixDatagram {
    let mailbox = UnixDatagram::bind(path).expect("a socket");
    mailbox.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    mailbox
}

/// Reads two numbers from a mailbox.
pub fn receive(mailbox: &UnixDatagram) -> (u64, u64) {
    let mut message = [0; 16];
    let length = mailbox
        .recv(&mut message)
        .expect("the program in the pane reports");
    assert_eq!(length, message.len(), "two numbers");
    let (a, b) = message.split_at(8);
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
    (number(a), number(b))
}

/// Sends two numbers to a mailbox.
pub fn send(mailbox: &UnixDatagram, a: u64, b: u64) {
    let message = [a.to_ne_bytes(), b.to_ne_bytes()].concat();
    mailbox.send(&message).expect("the mailbox is open");
}

/// A mailbox of somebody else.
pub fn mailbox_of(path: &str) -> UnixDatagram {
    let mailbox = UnixDatagram::unbound().expect("a socket");
    let deadline = Instant::now() + PATIENCE;
    while mailbox.connect(path).is_err() {
        assert!(Instant::now() < deadline, "nobody opens {path}");
        std::thread::sleep(Duration::from_millis(5));
    }
    mailbox
}
