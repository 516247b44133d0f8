//! What a terminal over a WebSocket costs, beside `tmux attach` on a terminal of its own, which is what the daemon before
//! this one put between an agent and each viewer.
//!
//! - From a byte in a pane until 1, 100 and 1,000 viewers of it have it, and the memory of these.
//! - From a key typed until its echo is seen.
//! - 100 MB through a pane to 10 viewers, one of which never reads, and what another pane's viewer notices of that.
//! - 200 panes with 5 viewers each.
//!
//! All clients are in this one process, so a thousand viewers cost it as much as the daemon. `LLMUX_BENCH_SAMPLES` sets how
//! many bytes and keys are timed (200), `LLMUX_BENCH_VIEWERS` how many the thousand are, `LLMUX_BENCH_MB` how much flows
//! (100), and `LLMUX_BENCH_SESSIONS` how many panes there are (200).

mod bench;

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bench::{Samples, lab::Lab, now, setting, table};
use llmux::client::{Ear, Heard, Mouth, Target, view};
use pty_process::blocking::{Command, Pty, open};
use tokio::runtime::Runtime;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// Letters that are in no escape sequence of tmux.
const OUR_KEY: u8 = b'z';
const THEIR_KEY: u8 = b'w';
const END: &str = "=the end=";

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--beacon"), Some(mailbox)) => beacon(&mailbox),
        (Some("--flood"), Some(mailbox)) => flood(&mailbox),
        _ => measure(),
    }
}

/// Prints the time, `@NANOSECONDS;`, whenever it is told to.
fn beacon(path: &str) {
    let mailbox = bench::mailbox(Path::new(path));
    say("ready\r\n");
    loop {
        let (wait, _) = bench::receive(&mailbox);
        thread::sleep(Duration::from_nanos(wait));
        say(&format!("@{};\r\n", now()));
    }
}

/// Prints as many megabytes as it is told to, and a last word.
fn flood(path: &str) {
    let mailbox = bench::mailbox(Path::new(path));
    say("ready\r\n");
    let line = format!(
        "{}\r\n",
        "the quick brown fox jumps over the lazy dog. ".repeat(2)
    );
    let block = line.repeat(1000);
    loop {
        let (megabytes, _) = bench::receive(&mailbox);
        for _ in 0..megabytes * 1_000_000 / block.len() as u64 {
            say(&block);
        }
        say(&format!("{END}\r\n"));
    }
}

fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn measure() {
    let lab = bench::lab();
    let samples = setting("LLMUX_BENCH_SAMPLES", 200);
    let crowd = setting("LLMUX_BENCH_VIEWERS", 1000);
    let path = lab.path("mail");
    lab.start("bench", "beacon", &format!("--beacon {}", path.display()));
    lab.shows("beacon", "^ready");
    lab.start("shell", "echo", "-c 'stty raw -echo; exec cat'");
    lab.tmux(["set", "-g", "status", "off"]).ok();
    let trigger = bench::mailbox_of(path.to_str().expect("UTF-8"));
    let bench = Bench {
        socket: PathBuf::from(lab.status()["socket"].as_str().expect("text")),
        daemon: lab.daemon().expect("it runs"),
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime"),
        lab,
        trigger,
        samples,
    };
    table::begin(
        &bench.lab,
        &format!("a terminal over a WebSocket, {samples} samples each way in turn"),
    );
    bench.latency(crowd);
    bench.echo();
    bench.flood();
    bench.many_panes();
}

struct Bench {
    lab: Lab,
    socket: PathBuf,
    daemon: u32,
    runtime: Runtime,
    trigger: std::os::unix::net::UnixDatagram,
    samples: usize,
}

impl Bench {
    fn latency(&self, most: usize) {
        let one = self.crowd("beacon", 1);
        let attached = Attached::to(&self.lab, "beacon");
        let mut theirs = Samples::new();
        let mut last = 0;
        for n in 0..self.samples {
            self.flash(&one, n);
            last = attached.stamp(last, &mut theirs);
        }
        drop(attached);
        let (ours, theirs) = (one.samples().percentile(50), theirs.percentile(50));
        table::at_most("byte to 1 viewer : tmux attach, p50", ours, theirs, 1.0);
        drop(one);
        for (viewers, limit) in [(100, 3), (most, 25)] {
            let before = self.memory();
            let crowd = self.crowd("beacon", viewers);
            let each = self.memory().saturating_sub(before) / viewers as u64;
            for n in 0..self.samples.min(50) {
                self.flash(&crowd, n);
            }
            let what = format!("byte to each of {viewers} viewers, p50");
            table::limit(
                &what,
                crowd.samples().percentile(50),
                Duration::from_millis(limit),
            );
            let what = format!("memory of each of {viewers} viewers");
            table::row(&what, format!("{each} KiB"), "-", "-", "< 64 KiB", each < 64);
        }
    }

    fn echo(&self) {
        let attached = Attached::to(&self.lab, "echo");
        let (mut ear, mut mouth) = self.view("echo");
        let (mut ours, mut theirs) = (Samples::new(), Samples::new());
        for n in 0..self.samples {
            thread::sleep(Duration::from_millis(1 + n as u64 % 7));
            let at = now();
            self.runtime.block_on(async {
                mouth.keys(&[OUR_KEY]).await.expect("it is sent");
                while !has(&next(&mut ear, &mut mouth).await, OUR_KEY) {}
            });
            ours.push(now() - at);
            let at = now();
            attached.types(THEIR_KEY);
            while !has(&attached.next().1, THEIR_KEY) {}
            theirs.push(now() - at);
        }
        for percent in [50, 99] {
            let what = format!("key to its echo : tmux attach, p{percent}");
            let (ours, theirs) = (ours.percentile(percent), theirs.percentile(percent));
            table::at_most(&what, ours, theirs, if percent == 50 { 1.3 } else { 2.0 });
        }
    }

    fn flood(&self) {
        let megabytes = setting("LLMUX_BENCH_MB", 100);
        let path = self.lab.path("flood");
        self.lab
            .start("bench", "flood", &format!("--flood {}", path.display()));
        self.lab.shows("flood", "^ready");
        let trigger = bench::mailbox_of(path.to_str().expect("UTF-8"));
        let watcher = self.crowd("beacon", 1);
        for n in 0..self.samples {
            self.flash(&watcher, n);
        }
        let idle = watcher.samples().percentile(99);
        let before = self.memory();
        let frozen = self.view("flood");
        let crowd = self.crowd("flood", 9);
        drop(watcher);
        let watcher = self.crowd("beacon", 1);
        let begin = Instant::now();
        bench::send(&trigger, megabytes as u64, 0);
        let mut most = 0;
        let mut n = 0;
        while crowd.ended() < 9 {
            assert!(
                begin.elapsed() < PATIENCE,
                "all see the end: {} do",
                crowd.ended()
            );
            self.flash(&watcher, n);
            most = most.max(self.memory());
            n += 1;
        }
        let took = begin.elapsed();
        let busy = watcher.samples().percentile(99);
        drop(frozen);
        let each = most.saturating_sub(before) / 10;
        let what = format!("{megabytes} MB to 10 viewers, 9 read: see the end");
        table::row(
            &what,
            format!("{}", crowd.ended()),
            "-",
            "-",
            "9",
            crowd.ended() == 9,
        );
        table::row(
            "  memory of each",
            format!("{each} KiB"),
            "-",
            "-",
            "< 4096 KiB",
            each < 4096,
        );
        table::at_most("  another pane's byte, p99 : idle", busy, idle, 2.0);
        let rate = f64::from(u32::try_from(megabytes).unwrap_or(u32::MAX)) / took.as_secs_f64();
        table::row("  throughput", format!("{rate:.0} MB/s"), "-", "-", "noted", true);
    }

    fn many_panes(&self) {
        let sessions = setting("LLMUX_BENCH_SESSIONS", 200);
        self.runtime
            .block_on(bench::start_many(&self.lab, "shell", "idle", sessions, ""));
        let before = self.memory();
        let crowds: Vec<Crowd> = (0..sessions)
            .map(|n| self.crowd(&format!("idle-{n}"), 5))
            .collect();
        let each = self.memory().saturating_sub(before) / (5 * sessions as u64);
        let watched = self.crowd("beacon", 5);
        for n in 0..self.samples {
            self.flash(&watched, n);
        }
        let what = format!("byte to 5 viewers, {sessions} panes x 5, p50");
        table::limit(&what, watched.samples().percentile(50), Duration::from_millis(3));
        table::row(
            "  memory of each viewer",
            format!("{each} KiB"),
            "-",
            "-",
            "< 64 KiB",
            each < 64,
        );
        drop(crowds);
    }

    /// Lets the beacon print, and waits until all have seen it.
    fn flash(&self, crowd: &Crowd, n: usize) {
        crowd.shared.seen.store(0, Ordering::SeqCst);
        bench::send(&self.trigger, 1_000_000 + (n as u64 * 7_919_317) % 5_000_000, 0);
        let begin = Instant::now();
        while crowd.shared.seen.load(Ordering::SeqCst) < crowd.viewers {
            assert!(begin.elapsed() < PATIENCE, "all viewers see it");
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn view(&self, session: &str) -> (Ear, Mouth) {
        self.runtime
            .block_on(view(&Target::Unix(self.socket.clone()), session, "bench", None))
            .expect("it is let in")
    }

    /// Lets so many look at a session, and waits until each has its first screen.
    fn crowd(&self, session: &str, viewers: usize) -> Crowd {
        let shared = Arc::new(Shared::default());
        let tasks = (0..viewers)
            .map(|_| {
                let (ear, mouth) = self.view(session);
                self.runtime
                    .spawn(look(ear, mouth, shared.clone()))
                    .abort_handle()
            })
            .collect();
        let begin = Instant::now();
        while shared.begun.load(Ordering::SeqCst) < viewers {
            assert!(begin.elapsed() < PATIENCE, "all viewers see something");
            thread::sleep(Duration::from_millis(1));
        }
        Crowd {
            viewers,
            shared,
            tasks,
        }
    }

    /// The daemon's memory, in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    }
}

/// What the viewers of a crowd have seen.
#[derive(Default)]
struct Shared {
    ages: Mutex<Vec<u64>>,
    begun: AtomicUsize,
    seen: AtomicUsize,
    ended: AtomicUsize,
}

/// Viewers of one session, until it is dropped.
struct Crowd {
    viewers: usize,
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::AbortHandle>,
}

impl Crowd {
    fn samples(&self) -> Samples {
        let mut samples = Samples::new();
        for age in lock(&self.shared.ages).iter() {
            samples.push(*age);
        }
        samples
    }

    fn ended(&self) -> usize {
        self.shared.ended.load(Ordering::SeqCst)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn look(mut ear: Ear, mut mouth: Mouth, shared: Arc<Shared>) {
    let mut last = now();
    let mut is_first = true;
    loop {
        let text = next(&mut ear, &mut mouth).await;
        let at = now();
        if std::mem::take(&mut is_first) {
            shared.begun.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(stamp) = youngest(&text).filter(|&stamp| stamp > last) {
            last = stamp;
            lock(&shared.ages).push(at - stamp);
            shared.seen.fetch_add(1, Ordering::SeqCst);
        }
        if memchr::memmem::find(&text, END.as_bytes()).is_some() {
            shared.ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// The next bytes for the terminal.
async fn next(ear: &mut Ear, mouth: &mut Mouth) -> bytes::Bytes {
    loop {
        match ear.next().await {
            Heard::Terminal(_, _, bytes) => return bytes,
            Heard::Ping(payload) => mouth.pong(&payload).await.expect("it is sent"),
            Heard::Closed(code, why) => panic!("closed: {code:?} {why}"),
            Heard::Said(_) | Heard::Sign => {}
        }
    }
}

/// `tmux attach` on a terminal.
struct Attached {
    pty: Arc<Pty>,
    child: Mutex<std::process::Child>,
    read: Mutex<std::sync::mpsc::Receiver<(u64, Vec<u8>)>>,
}

impl Attached {
    fn to(lab: &Lab, session: &str) -> Self {
        let (pty, pts) = open().expect("a terminal");
        pty.resize(pty_process::Size::new(40, 120))
            .expect("it has a size");
        let mut command = Command::new("tmux").args(["attach", "-t", session]).env_clear();
        for (name, value) in lab.command("tmux").get_envs() {
            command = command.env(name, value.unwrap_or_default());
        }
        let child = command.spawn(pts).expect("tmux runs");
        let pty = Arc::new(pty);
        let (sender, read) = std::sync::mpsc::sync_channel(1024);
        let reader = pty.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count) = (&*reader).read(&mut buffer) {
                if count == 0 || sender.send((now(), buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        });
        let attached = Self {
            pty,
            child: Mutex::new(child),
            read: Mutex::new(read),
        };
        attached.next();
        // What draws the screen at first is no sample.
        thread::sleep(Duration::from_millis(300));
        while lock(&attached.read).try_recv().is_ok() {}
        attached
    }

    /// What it shows next, and when.
    fn next(&self) -> (u64, Vec<u8>) {
        lock(&self.read)
            .recv_timeout(PATIENCE)
            .expect("it shows something")
    }

    /// Waits for a stamp that is younger than `last`, and notes how old it was when it came.
    fn stamp(&self, last: u64, ages: &mut Samples) -> u64 {
        loop {
            let (at, text) = self.next();
            if let Some(stamp) = youngest(&text).filter(|&stamp| stamp > last) {
                ages.push(at - stamp);
                return stamp;
            }
        }
    }

    fn types(&self, key: u8) {
        (&*self.pty).write_all(&[key]).expect("it is typed");
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn has(text: &[u8], key: u8) -> bool {
    text.contains(&key)
}

/// The youngest whole stamp in a text.
fn youngest(text: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    let (before, _) = text.rsplit_once(';')?;
    before.rsplit_once('@')?.1.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
