//! What a list of stored conversations costs: 500 of them, 200 MB together, first and again; and how soon a follower knows
//! what was appended to one.

use std::{
    fs::{self, OpenOptions},
    hint::black_box,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use llmux::agent::{
    history::{History, Limits, Place, Store},
    transcript::{Follower, Format, Watch},
};
use tokio::runtime::Builder;

const CONVERSATIONS: usize = 500;
const BYTES_EACH: usize = 400_000;
const ROUNDS: usize = 15;
const APPENDS: usize = 1000;
const CWD: &str = "/w/demo";

fn main() {
    let home = tempfile::tempdir().expect("a directory");
    write(&home.path().join(".claude/projects/-w-demo"));
    let place = Place::new(home.path(), Path::new(CWD));
    let list = |history: &History| {
        let found = history.list(Store::Claude, &place);
        assert_eq!(found.len(), CONVERSATIONS);
    };
    let cold = median(|| list(&History::new()));
    let history = History::new();
    list(&history);
    let warm = median(|| list(&history));
    let grown = home.path().join(".claude/projects/-w-demo/c7.jsonl");
    let read = median(|| {
        let read = history.read(Store::Claude, &place, "c7", 300);
        black_box(read.expect("it is there"));
    });
    let search = median(|| {
        black_box(history.search(Store::Claude, &place, "zebra crossing", Limits::default()));
    });
    let appended = median(|| {
        let text = fs::read_to_string(&grown).expect("it is there");
        fs::write(&grown, format!("{text}{}", record("user", "more"))).expect("room");
        list(&history);
    });
    let heard = heard(
        home.path(),
        &home.path().join(".claude/projects/-w-demo/c9.jsonl"),
    );
    println!(
        "{CONVERSATIONS} conversations, {} MB",
        CONVERSATIONS * BYTES_EACH / 1_000_000
    );
    for (what, took, most) in [
        ("list, cold", cold, Some(Duration::from_millis(100))),
        ("list, warm", warm, Some(Duration::from_millis(5))),
        ("list, one grown", appended, None),
        ("read, last 300 turns", read, None),
        ("search, no hit", search, None),
        ("append to event, p99", heard, Some(Duration::from_millis(20))),
    ] {
        let verdict = most.map_or("", |most| if took < most { "ok" } else { "TOO SLOW" });
        println!("{what:24} {:>9.2} ms  {verdict}", took.as_secs_f64() * 1e3);
    }
}

/// From an append to the event, the slowest but one in a hundred.
fn heard(home: &Path, path: &Path) -> Duration {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime");
    let mut place = Place::new(home, Path::new(CWD));
    place.id = Some("c9".to_owned());
    let mut follower = Follower::start(Format::Claude, place, &Watch::new());
    let mut file = OpenOptions::new().append(true).open(path).expect("it is there");
    let mut times: Vec<Duration> = runtime.block_on(async {
        follower.look().await;
        let mut times = Vec::new();
        for number in 0..APPENDS {
            let line = record("user", &format!("appended {number}"));
            let started = Instant::now();
            file.write_all(line.as_bytes()).expect("room");
            assert_eq!(follower.next().await.len(), 1);
            times.push(started.elapsed());
        }
        times
    });
    times.sort_unstable();
    times[APPENDS * 99 / 100]
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Conversations as Claude Code writes them: short messages, tools' output, and large records of requests.
fn write(folder: &Path) {
    fs::create_dir_all(folder).expect("room");
    for number in 0..CONVERSATIONS {
        let mut text = String::with_capacity(BYTES_EACH + 40_000);
        while text.len() < BYTES_EACH {
            text.push_str(&record("user", &format!("prompt {number}")));
            text.push_str(&record("assistant", &"word ".repeat(200)));
            text.push_str(&record("api-request-blob", &"\"x\": 1, ".repeat(3000)));
        }
        fs::write(folder.join(format!("c{number}.jsonl")), text).expect("room");
    }
}

fn record(kind: &str, text: &str) -> String {
    let record = serde_json::json!({
        "cwd": CWD, "sessionId": "s", "timestamp": "2026-11-24T18:16:00.668Z", "type": kind,
        "message": {"role": kind, "content": [{"type": "text", "text": text}]},
    });
    format!("{record}\n")
}
