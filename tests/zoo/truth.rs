//! What really happened, by the agent's own history, and how often llmux says otherwise.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;

use super::{Asked, Evidence, animals::Animal};

/// All prompts the agents got, each with what they answered.
pub struct History(HashMap<String, Vec<Option<String>>>);

impl History {
    /// Reads all conversations below a directory.
    pub fn read(dir: &Path) -> Self {
        let mut answers: HashMap<String, Vec<Option<String>>> = HashMap::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let mut prompt = String::new();
                for line in fs::read_to_string(path).unwrap().lines() {
                    let record: Value = serde_json::from_str(line).unwrap();
                    let text = record["text"].as_str().unwrap().to_owned();
                    if record["type"] == "user" {
                        text.trim_end().clone_into(&mut prompt);
                        answers.entry(prompt.clone()).or_default().push(None);
                    } else if let Some(last) = answers.get_mut(&prompt).and_then(|answers| answers.last_mut())
                    {
                        *last = Some(text);
                    }
                }
            }
        }
        Self(answers)
    }
}

/// The counts of one animal.
pub struct Tally {
    label: String,
    states: HashMap<String, u32>,
    sources: HashMap<String, u32>,
    lost: u32,
    doubled: u32,
    wrong: u32,
    odd: u32,
    turns: u32,
}

impl Tally {
    pub fn new(animal: &Animal, evidence: Evidence, senders: usize) -> Self {
        Self {
            label: format!("{:<16} {:<10} {senders:>7}", animal.name, format!("{evidence:?}")),
            states: HashMap::new(),
            sources: HashMap::new(),
            lost: 0,
            doubled: 0,
            wrong: 0,
            odd: 0,
            turns: 0,
        }
    }

    pub fn header() -> String {
        format!(
            "{:<16} {:<10} {:>7} {:>6} {:>6} {:>7} {:>6} {:>5}  ended by",
            "misbehaviour", "evidence", "senders", "turns", "losses", "doubles", "wrong", "odd"
        )
    }

    pub fn row(&self) -> String {
        let mut sources: Vec<String> = self
            .sources
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        sources.sort();
        format!(
            "{} {:>6} {:>6} {:>7} {:>6} {:>5}  {}",
            self.label,
            self.turns,
            self.lost,
            self.doubled,
            self.wrong,
            self.odd,
            sources.join(", ")
        )
    }

    /// Compares what llmux says of a turn with what the agent knows of it.
    pub fn add(&mut self, Asked { prompt, turn }: &Asked, history: &History, faults: &mut Vec<String>) {
        self.turns += 1;
        let state = turn["state"].as_str().unwrap_or("no turn");
        *self.states.entry(state.to_owned()).or_default() += 1;
        let answers = history.0.get(prompt).map_or(&[][..], Vec::as_slice);
        let mut fault = |what: &str| {
            let head: String = prompt.chars().take(60).collect();
            faults.push(format!(
                "{}: {what}: {head:?} ({} bytes): {turn}",
                self.label,
                prompt.len()
            ));
        };
        if answers.len() > 1 {
            self.doubled += 1;
            fault("typed more than once");
        }
        match state {
            "ended" | "failed" => {
                let source = turn["evidence"]
                    .as_array()
                    .and_then(|all| all.last())
                    .map(|last| &last["source"]);
                *self
                    .sources
                    .entry(source.and_then(Value::as_str).unwrap_or("?").to_owned())
                    .or_default() += 1;
                match answers.first() {
                    None => {
                        self.lost += 1;
                        fault("said to be answered, but the agent never got it");
                    }
                    // A turn that failed has no answer in the history.
                    Some(None) if state == "failed" || prompt.contains("[[error]]") => {}
                    Some(answer) if is_reply(turn, answer.as_deref().unwrap_or_default()) => {}
                    Some(answer) => {
                        self.wrong += 1;
                        fault(&format!("the answer was {answer:?}"));
                    }
                }
            }
            _ => {
                self.odd += 1;
                fault("did not end");
            }
        }
    }
}

/// Whether the turn's reply is the agent's answer; of a long one the screen may have kept the end only, and then says so.
fn is_reply(turn: &Value, answer: &str) -> bool {
    let answer = squeeze(without_marker(answer));
    let Some(text) = turn["reply"]["text"].as_str().map(squeeze) else {
        return false;
    };
    match turn["reply"]["complete"].as_bool() {
        Some(true) => text == answer,
        _ => answer.ends_with(&text),
    }
}

fn without_marker(answer: &str) -> &str {
    match answer.rsplit_once('\n') {
        Some((text, last)) if last.contains("LLMUX") => text,
        _ => answer,
    }
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
