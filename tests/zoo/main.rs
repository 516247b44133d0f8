//! The zoo: the demo agent in all its misbehaviours, prompted by many senders at once, each turn checked against the
//! agent's own history.
//!
//! `LLMUX_ZOO_TURNS` says how many turns (2,000 by default), `LLMUX_ZOO_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

mod animals;
mod client;
#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
#[path = "../it/lab.rs"]
mod lab;
mod prompts;
mod sender;
mod truth;

use std::{fs, sync::Arc, thread};

use serde_json::Value;

use self::{
    animals::{ANIMALS, Animal},
    lab::Lab,
    sender::Sender,
    truth::{History, Tally},
};

/// Senders for each animal, by turns: the first has one, the last sixteen.
const SENDERS: [usize; 5] = [1, 2, 4, 8, 16];

/// How an agent's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// llmux finds the agent's transcript.
    Transcript,
    /// It does not: the marker and the screen decide.
    Screen,
}

/// One turn that was asked for, and what became of it.
#[derive(Debug, Clone)]
pub struct Asked {
    prompt: String,
    turn: Value,
}

#[test]
fn no_turn_is_lost_doubled_ended_too_soon_or_given_another_ones_reply() {
    let turns = number("LLMUX_ZOO_TURNS", 2000);
    let seed = number("LLMUX_ZOO_SEED", 0x5eed);
    eprintln!("LLMUX_ZOO_TURNS={turns} LLMUX_ZOO_SEED={seed}");
    let each = turns.div_ceil(2 * ANIMALS.len() as u64);
    let mut table = vec![Tally::header()];
    let mut faults = Vec::new();
    for evidence in [Evidence::Transcript, Evidence::Screen] {
        let lab = Arc::new(open(evidence));
        let running: Vec<_> = ANIMALS
            .iter()
            .enumerate()
            .map(|(index, animal)| {
                let lab = lab.clone();
                thread::spawn(move || visit(&lab, animal, evidence, index, each, seed))
            })
            .collect();
        for visit in running {
            let (tally, mut found) = visit.join().unwrap();
            table.push(tally);
            faults.append(&mut found);
        }
    }
    eprintln!("{}", table.join("\n"));
    assert!(faults.is_empty(), "seed {seed}\n{}", faults.join("\n"));
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn open(evidence: Evidence) -> Lab {
    let mut lab = Lab::new();
    let locks = lab.home().display().to_string();
    lab.set("TMPDIR", locks);
    if evidence == Evidence::Screen {
        lab.config("turnq: {enabled: true}\n");
    }
    lab.llmux(["session", "list"]).ok();
    lab
}

/// Prompts one animal until it has had its turns; gives its row of the table, and what went wrong.
fn visit(
    lab: &Lab,
    animal: &'static Animal,
    evidence: Evidence,
    index: usize,
    turns: u64,
    seed: u64,
) -> (String, Vec<String>) {
    let name = animal.name;
    let history = lab.path(format!("history-{name}"));
    let cwd = lab.path(format!("work/{name}"));
    fs::create_dir(&cwd).unwrap();
    let hidden = match evidence {
        Evidence::Transcript => String::new(),
        Evidence::Screen => format!("--history {}", history.display()),
    };
    let flags = format!("{} --number {hidden}", animal.flags);
    let cwd = cwd.to_str().unwrap();
    lab.llmux([
        "session", "start", "demo", "--name", name, "--cwd", cwd, "--flags", &flags,
    ])
    .ok();
    let senders = SENDERS[index % SENDERS.len()];
    let share = (turns as usize).div_ceil(senders);
    let asked: Vec<Vec<Asked>> = thread::scope(|scope| {
        let sending: Vec<_> = (0..senders)
            .map(|number| {
                let sender = Sender::new(lab, animal, number, seed ^ (index as u64) << 8);
                scope.spawn(move || sender.send(share))
            })
            .collect();
        sending.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let history = match evidence {
        Evidence::Transcript => lab
            .path("state/llmux-demo")
            .join(cwd.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
        Evidence::Screen => history,
    };
    let mut tally = Tally::new(animal, evidence, senders);
    let faults = tally.judge(&asked.concat(), &History::read(&history));
    (tally.row(), faults)
}
