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
mod truth;

use std::{sync::Arc, thread};

use serde_json::{Value, json};

use self::{
    animals::{ANIMALS, Animal},
    client::Client,
    lab::Lab,
    prompts::Dice,
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
    let hidden = format!("{} --history {}", animal.flags, history.display());
    let flags = match evidence {
        Evidence::Transcript => animal.flags,
        Evidence::Screen => hidden.as_str(),
    };
    lab.llmux(["session", "start", "demo", "--name", name, "--flags", flags])
        .ok();
    let senders = SENDERS[index % SENDERS.len()];
    let mut asked = Vec::new();
    thread::scope(|scope| {
        let sending: Vec<_> = (0..senders)
            .map(|sender| {
                let share = turns.div_ceil(senders as u64);
                scope.spawn(move || send(lab, animal, sender, share, seed ^ (index as u64) << 8))
            })
            .collect();
        if animal.resized {
            resize(lab, name);
        }
        for sender in sending {
            asked.append(&mut sender.join().unwrap());
        }
    });
    let histories = match evidence {
        Evidence::Transcript => lab.path("state/llmux-demo"),
        Evidence::Screen => history,
    };
    let history = History::read(&histories);
    let mut tally = Tally::new(animal, evidence, senders);
    let mut faults = Vec::new();
    for asked in &asked {
        tally.add(asked, &history, &mut faults);
    }
    (tally.row(), faults)
}

fn send(lab: &Lab, animal: &Animal, sender: usize, turns: u64, seed: u64) -> Vec<Asked> {
    let mut dice = Dice::new(seed ^ sender as u64);
    let mut client = Client::connect(&lab.path("run/llmux"));
    let path = format!("/api/sessions/{}/turns", animal.name);
    (0..turns)
        .map(|turn| {
            let prompt = prompts::make(&mut dice, animal, &format!("{}-{sender}-{turn}", animal.name));
            // Each prompt has a key and some are sent again under it: that must be the same turn.
            let body = json!({ "prompt": prompt, "wait": "ended", "key": format!("{sender}-{turn}"), 
                "timeoutMs": 120_000, "draft": animal.draft });
            let mut turn = client.post(&path, &body);
            while turn["state"] == "blocked" {
                let yes = json!({ "choice": "1", "dialog": turn["dialog"]["id"] });
                client.post(&format!("/api/sessions/{}/answer", animal.name), &yes);
                let wait = json!({ "throughDialogs": false });
                let id = turn["id"].as_str().unwrap().to_owned();
                // The dialog leaves the screen a moment after it was answered.
                turn = client.post(&format!("/api/turns/{id}/wait"), &wait);
            }
            if dice.one_in(10) {
                let again = client.post(&path, &body);
                assert_eq!(again["id"], turn["id"], "a key stands for two turns");
            }
            Asked { prompt, turn }
        })
        .collect()
}

/// Changes the size of a session's window while it works.
fn resize(lab: &Lab, name: &str) {
    for cols in ["100", "80", "120", "90"] {
        lab.tmux([
            "resize-window",
            "-t",
            &format!("={name}:"),
            "-x",
            cols,
            "-y",
            "40",
        ])
        .ok();
    }
}
