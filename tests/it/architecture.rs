//! The directions of the house: who may use whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each room and the rooms it may use. A room that is not here is new: give it a line.
const MAY_USE: &[(&str, &[&str])] = &[
    ("nearest", &[]),
    ("bus", &[]),
    ("dial", &[]),
    ("reach", &[]),
    ("tty", &[]),
    ("screen", &[]),
    ("config", &["nearest"]),
    ("store", &["config"]),
    ("agent", &["config", "nearest", "store"]),
    ("auth", &["config", "store"]),
    ("logs", &["bus", "store"]),
    ("demo", &["tty"]),
    ("push", &["bus", "config", "dial", "store"]),
    ("tmux", &["screen"]),
    ("pane", &["screen", "tmux"]),
    (
        "session",
        &[
            "agent", "bus", "config", "nearest", "pane", "screen", "store", "tmux",
        ],
    ),
    (
        "turn",
        &[
            "agent", "bus", "config", "dial", "pane", "screen", "session", "store", "tmux",
        ],
    ),
    ("server", &["auth", "bus", "pane", "push", "session", "turn"]),
    ("client", &["config", "store"]),
    (
        "daemon",
        &[
            "agent", "auth", "bus", "client", "config", "logs", "push", "reach", "server", "session",
            "store", "tmux", "turn",
        ],
    ),
    // `tmux` for attach and the small processes, `daemon` to run it, `turn` to replay a recording: never `server`.
    (
        "cli",
        &[
            "agent", "client", "config", "daemon", "demo", "logs", "nearest", "reach", "store", "tmux",
            "tty", "turn",
        ],
    ),
];

#[test]
fn imports_run_one_way() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = MAY_USE
        .iter()
        .map(|(room, uses)| (*room, uses.iter().copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let room = room_of(&file);
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let Some(uses) = allowed.get(room.as_str()) else {
            wrong.push(format!("{} is in a room without a rule: {room}", file.display()));
            continue;
        };
        let used = rooms_used(&fs::read_to_string(&file).unwrap());
        let bad = used
            .iter()
            .filter(|used| **used != room && !uses.contains(used.as_str()));
        wrong.extend(bad.map(|used| format!("{} uses {used}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_themselves_have_no_circle() {
    let mut known = BTreeSet::new();
    for (room, uses) in MAY_USE {
        for used in *uses {
            assert!(
                known.contains(used),
                "{room} uses {used}, which must stand before it"
            );
        }
        known.insert(*room);
    }
}

#[test]
fn the_protocol_does_no_io() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "llmux-protocol",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(
        tree.starts_with("llmux-protocol"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for banned in ["tokio", "rustix", "hyper", "mio", "libc ", "socket2", "tempfile"] {
        assert!(
            !tree.lines().any(|line| line.starts_with(banned)),
            "{banned} in:\n{tree}"
        );
    }
    for file in rust_files(Path::new("protocol/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for banned in [
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::time::Instant",
            "SystemTime",
        ] {
            assert!(!text.contains(banned), "{} names {banned}", file.display());
        }
    }
}

#[test]
fn only_the_tmux_room_runs_tmux() {
    // A baseline is what a script does, and a script runs tmux.
    let baseline = Path::new("src/cli/bench/baseline.rs");
    for file in rust_files(Path::new("src")) {
        if room_of(&file) != "tmux" && file != baseline {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("Command::new(\"tmux\")"), "{}", file.display());
        }
    }
}

fn room_of(file: &Path) -> String {
    let inner = file.strip_prefix("src").unwrap().components().next().unwrap();
    inner
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

/// The first names behind `crate::`, in single imports, in groups and in paths.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            used.extend(first_names(group));
        } else {
            used.extend(word(rest));
        }
    }
    used
}

fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut fresh, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (c.is_alphabetic() || c == '_') => {
                names.extend(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn imports_are_read_in_every_form() {
    let text = "use crate::{\n    agent::{Agent, Catalog},\n    pane,\n};\nuse crate::tmux::Tmux; crate::store::time::now()";
    let used = rooms_used(text);
    assert_eq!(
        used.iter().map(String::as_str).collect::<Vec<_>>(),
        ["agent", "pane", "store", "tmux"]
    );
}
