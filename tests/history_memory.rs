//! What a long conversation costs in memory: a test binary of its own, so that nothing else runs in its process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs::{self, File},
    hint::black_box,
    io::{BufWriter, Write},
    path::Path,
    time::SystemTime,
};

use llmux::agent::{
    history::{History, Place, Store},
    transcript::{Follower, Format, Watch},
};

const CWD: &str = "/w/demo";
const SMALL: usize = 5_000_000;
const BIG: usize = 100_000_000;

#[test]
fn a_conversation_20_times_as_long_costs_no_more_memory() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".claude/projects/-w-demo");
    fs::create_dir_all(&folder).unwrap();
    write(&folder.join("small.jsonl"), SMALL);
    write(&folder.join("big.jsonl"), BIG);
    // Lets the allocator and the code settle.
    read(home.path(), "small");
    let (small, big) = (
        peak(|| read(home.path(), "small")),
        peak(|| read(home.path(), "big")),
    );
    eprintln!("{small} KiB for {SMALL} bytes, {big} KiB for {BIG} bytes");
    // What the allocator rounds up is no growth.
    assert!(big <= small + small / 4 + 1024, "{small} KiB, {big} KiB");
}

/// All that is done with a conversation: listed, read, followed by a reader and by the turns.
fn read(home: &Path, id: &str) {
    let mut place = Place::new(home, Path::new(CWD));
    let history = History::new();
    assert!(history.title(Store::Claude, &place, id).is_some());
    let (turns, mut follow) = history.follow(Store::Claude, &place, id, 300).unwrap();
    assert_eq!(turns.len(), 300);
    assert!(follow.read_on().unwrap().turns.is_empty());
    place.id = Some(id.to_owned());
    place.since = SystemTime::UNIX_EPOCH;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let watch = Watch::new();
    let mut follower = Follower::start(Format::Claude, place, &watch);
    // Where only the future matters, the past is read and dropped.
    follower.aim(None);
    follower.aim(Some(id.to_owned()));
    black_box(runtime.block_on(follower.look()));
}

fn write(path: &Path, bytes: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut written = 0;
    while written < bytes {
        for role in ["user", "assistant"] {
            let record = serde_json::json!({
                "cwd": CWD, "timestamp": "2026-11-24T18:16:00.668Z", "type": role,
                "message": {"role": role, "content": format!("{written} {}", "word ".repeat(400))},
            });
            let line = format!("{record}\n");
            written += line.len();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
    file.flush().unwrap();
}

/// How much more memory was resident at most while something was done, in KiB.
fn peak(run: impl FnOnce()) -> usize {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    run();
    status("VmHWM:").saturating_sub(before).max(1)
}

fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
