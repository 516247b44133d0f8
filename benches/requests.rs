//! How many requests a second a daemon with 200 sessions answers over the network, to a client with a token; beside the
//! same for `/health`, whose answer costs nothing but HTTP.
//!
//! The clients share the machine with the daemon. `LLMUX_BENCH_SESSIONS` sets how many sessions there are (200),
//! `LLMUX_BENCH_SECS` how long each measurement takes (5).

mod bench;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use bench::{lab::Lab, setting, table};

/// Connections, each with one request under way.
const LANES: usize = 4;

fn main() {
    let lab = bench::lab();
    let sessions = setting("LLMUX_BENCH_SESSIONS", 200);
    let long = Duration::from_secs(setting("LLMUX_BENCH_SECS", 5) as u64);
    let port = TcpStream::connect((lab.host(), 3001)).map_or(3001, |_| panic!("port 3001 is taken"));
    let mut daemon = lab.spawn(["server", "start"]);
    while TcpStream::connect((lab.host(), port)).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
    bench::runtime().block_on(bench::start_many(&lab, "shell", "idle", sessions, ""));
    let secret = lab.path("secret");
    fs::write(&secret, "correct horse").expect("a file");
    let secret = secret.to_str().expect("UTF-8");
    lab.llmux(["user", "create", "root", "--admin", "--passphrase-file", secret])
        .ok();
    let token = lab
        .llmux(["token", "create", "--username", "root", "--json"])
        .json();
    let token = token["value"].as_str().expect("text");
    table::begin(
        &lab,
        &format!("requests, {LANES} kept connections, {sessions} sessions"),
    );
    let (health, _) = rate(&lab, "/health", token, long);
    let before = files(&lab);
    let (rate, bytes) = rate(&lab, "/api/sessions", token, long);
    let written = files(&lab)
        .iter()
        .filter(|file| before.get(file.0) != Some(file.1))
        .count();
    let what = format!("GET /api/sessions, {} KiB each", bytes >> 10);
    let ratio = format!("{:.2} x", rate / health);
    let (ours, health) = (format!("{rate:.0}/s"), format!("{health:.0}/s"));
    table::row(&what, ours, health, &ratio, ">= 5000/s", rate >= 5000.0);
    // When a token was last used is written, once a minute at most.
    table::row(
        "  files written meanwhile",
        written,
        "-",
        "-",
        "<= 1",
        written <= 1,
    );
    bench::lab::signal(daemon.id(), "TERM");
    let _ = daemon.wait();
}

/// Answers a second, and how long one is.
fn rate(lab: &Lab, path: &str, token: &str, long: Duration) -> (f64, usize) {
    let begin = Instant::now();
    let lanes: Vec<(u32, usize)> = thread::scope(|scope| {
        let lane = || {
            let mut client = Client::connect(lab);
            let (mut answers, mut bytes) = (0, 0);
            while begin.elapsed() < long {
                bytes = client.get(path, token);
                answers += 1;
            }
            (answers, bytes)
        };
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .map(|lane| lane.join().expect("a lane"))
            .collect()
    });
    let answers: u32 = lanes.iter().map(|lane| lane.0).sum();
    (f64::from(answers) / begin.elapsed().as_secs_f64(), lanes[0].1)
}

struct Client {
    wire: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    fn connect(lab: &Lab) -> Self {
        let wire = TcpStream::connect((lab.host(), 3001)).expect("the daemon listens");
        wire.set_nodelay(true).expect("a socket");
        Self {
            wire: BufReader::with_capacity(256 << 10, wire),
            body: Vec::new(),
        }
    }

    /// The length of an answer, which is read whole.
    fn get(&mut self, path: &str, token: &str) -> usize {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
        self.wire
            .get_mut()
            .write_all(request.as_bytes())
            .expect("it is sent");
        let (mut length, mut is_first) = (0, true);
        loop {
            let mut line = String::new();
            self.wire.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            assert!(!std::mem::take(&mut is_first) || line.contains(" 200 "), "{line}");
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.strip_prefix("content-length: ") {
                length = number.parse().expect("a number");
            }
        }
        self.body.resize(length, 0);
        self.wire.read_exact(&mut self.body).expect("a body");
        length
    }
}

/// When each file below a home was last written.
fn files(lab: &Lab) -> BTreeMap<PathBuf, SystemTime> {
    fn add(dir: &Path, all: &mut BTreeMap<PathBuf, SystemTime>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                add(&entry.path(), all);
            } else if let Ok(at) = about.modified() {
                all.insert(entry.path(), at);
            }
        }
    }
    let mut all = BTreeMap::new();
    add(lab.home(), &mut all);
    all
}
