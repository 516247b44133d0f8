//! What really happened, by the agent's own history, and how often llmux says otherwise.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{
    Asked, Evidence,
    animals::{Animal, Trouble},
};

/// The rows of a screen that a conversation can have at least.
const SCREEN: usize = 30;

/// All prompts an agent got, each with what it answered, in order.
pub struct History {
    answers: BTreeMap<String, Vec<Option<String>>>,
    /// How often its answers ended with the same screenful.
    ends: BTreeMap<String, usize>,
}

impl History {
    /// Reads all conversations below a directory, the oldest first: who was started again has several.
    pub fn read(dir: &Path) -> Self {
        let mut conversations = conversations(dir);
        conversations.sort_by_key(|records| records.first().and_then(|first| first["at_unix_ns"].as_u64()));
        let mut answers: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        for records in conversations {
            let mut prompt = String::new();
            for record in records {
                let text = record["text"].as_str().unwrap().to_owned();
                if record["type"] == "user" {
                    text.trim_end().clone_into(&mut prompt);
                    answers.entry(prompt.clone()).or_default().push(None);
                } else if let Some(last) = answers.get_mut(&prompt).and_then(|answers| answers.last_mut()) {
                    *last = Some(text);
                }
            }
        }
        let mut ends = BTreeMap::new();
        for end in answers
            .values()
            .flatten()
            .flatten()
            .filter_map(|answer| end_of(answer))
        {
            *ends.entry(end).or_default() += 1;
        }
        Self { answers, ends }
    }

    /// Whether an answer filled the screen with rows that another one filled it with, too.
    fn is_repeated(&self, answer: &str) -> bool {
        end_of(answer).is_some_and(|end| self.ends[&end] > 1)
    }
}

/// The end of an answer that fills a screen.
fn end_of(answer: &str) -> Option<String> {
    let rows: Vec<&str> = answer.lines().collect();
    (rows.len() > SCREEN).then(|| rows[rows.len() - SCREEN..].join("\n"))
}

/// The records of each conversation below a directory.
fn conversations(dir: &Path) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.append(&mut conversations(&path));
            continue;
        }
        // Whoever is killed may leave half a line.
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        found.push(lines.map(|line| serde_json::from_str(line).unwrap()).collect());
    }
    found
}

/// The counts of one animal.
pub struct Tally {
    label: String,
    trouble: Option<Trouble>,
    ends: BTreeMap<String, u32>,
    lost: usize,
    doubled: usize,
    wrong: usize,
    odd: usize,
    unread: usize,
    turns: usize,
}

impl Tally {
    pub fn new(animal: &Animal, evidence: Evidence, senders: usize) -> Self {
        Self {
            label: format!("{:<16} {:<10} {senders:>7}", animal.name, format!("{evidence:?}")),
            trouble: animal.trouble,
            ends: BTreeMap::new(),
            lost: 0,
            doubled: 0,
            wrong: 0,
            odd: 0,
            unread: 0,
            turns: 0,
        }
    }

    pub fn header() -> String {
        format!(
            "{:<16} {:<10} {:>7} {:>6} {:>6} {:>7} {:>6} {:>5} {:>6}  ended by",
            "misbehaviour", "evidence", "senders", "turns", "losses", "doubles", "wrong", "odd", "unread"
        )
    }

    pub fn row(&self) -> String {
        let ends: Vec<String> = self
            .ends
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        format!(
            "{} {:>6} {:>6} {:>7} {:>6} {:>5} {:>6}  {}",
            self.label,
            self.turns,
            self.lost,
            self.doubled,
            self.wrong,
            self.odd,
            self.unread,
            ends.join(", ")
        )
    }

    /// Compares what llmux says of the turns with what the agent knows of them; gives what does not agree. Equal prompts
    /// must come in the order in which they were sent.
    pub fn judge(&mut self, asked: &[Asked], history: &History) -> Vec<String> {
        let mut by_prompt: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for Asked { prompt, turn } in asked {
            by_prompt.entry(prompt).or_default().push(turn);
        }
        let mut faults = Vec::new();
        for (prompt, turns) in by_prompt {
            let answers = history.answers.get(prompt).map_or(&[][..], Vec::as_slice);
            let head: String = prompt.chars().take(60).collect();
            for (what, turn) in self.judge_equal(&turns, answers, history) {
                faults.push(format!(
                    "{}: {what}: {head:?} ({} bytes): {turn}",
                    self.label,
                    prompt.len()
                ));
            }
        }
        faults
    }

    /// Compares the turns of one prompt with its answers.
    fn judge_equal<'a>(
        &mut self,
        turns: &[&'a Value],
        answers: &[Option<String>],
        history: &History,
    ) -> Vec<(String, &'a Value)> {
        let mut faults = Vec::new();
        self.turns += turns.len();
        let typed = turns.iter().filter(|turn| may_be_typed(turn)).count();
        if answers.len() > typed {
            self.doubled += answers.len() - typed;
            faults.push((format!("typed {} times, not {typed}", answers.len()), turns[0]));
        }
        let ended = turns.iter().filter(|turn| is_answered(turn)).count();
        if answers.len() < ended {
            self.lost += ended - answers.len();
            faults.push((
                "said to be answered, but the agent never got it".to_owned(),
                turns[0],
            ));
        }
        let mut left = answers.iter();
        for turn in turns {
            self.count(turn);
            if !is_in_order(turn) {
                self.odd += 1;
                faults.push(("a stage is before an earlier one".to_owned(), turn));
            } else if !self.may_end_so(turn) {
                self.odd += 1;
                faults.push(("did not end well".to_owned(), turn));
            } else if is_unread(turn, answers, history) {
                self.unread += 1;
                left.next();
            } else if is_answered(turn)
                && answers.len() >= ended
                && !left.any(|answer| fits(turn, answer.as_deref()))
            {
                self.wrong += 1;
                faults.push((format!("the answers were {answers:?}"), turn));
                left = answers.iter();
            }
        }
        faults
    }

    fn count(&mut self, turn: &Value) {
        let last = turn["evidence"].as_array().and_then(|all| all.last());
        let end = if is_answered(turn) {
            last.and_then(|last| last["source"].as_str())
        } else {
            turn["state"].as_str()
        };
        *self.ends.entry(end.unwrap_or("?").to_owned()).or_default() += 1;
    }

    fn may_end_so(&self, turn: &Value) -> bool {
        is_answered(turn)
            || match self.trouble {
                Some(Trouble::Cancel) => turn["state"] == "cancelled",
                Some(Trouble::Kill) => turn["state"] == "session_gone",
                _ => false,
            }
    }
}

/// Whether llmux says that the agent has dealt with it.
fn is_answered(turn: &Value) -> bool {
    turn["state"] == "ended" || turn["state"] == "failed"
}

/// Whether each stage of its receipt is behind the one before.
fn is_in_order(turn: &Value) -> bool {
    let stages = ["started", "submitted", "accepted", "firstOutput", "ended"];
    let reached = stages.iter().filter_map(|stage| turn["stages"][stage].as_u64());
    reached.is_sorted()
}

/// Whether llmux says that the agent may have got it.
fn may_be_typed(turn: &Value) -> bool {
    !turn["stages"]["started"].is_null()
}

/// Whether what llmux says of a turn agrees with the agent's answer; a turn that failed has none.
fn fits(turn: &Value, answer: Option<&str>) -> bool {
    match answer {
        Some(answer) => turn["state"] == "ended" && is_reply(turn, answer),
        None => turn["state"] == "failed",
    }
}

/// Whether llmux owns to not knowing the reply: the same rows may fill the screen as after another turn, and nothing that
/// is still shown tells them apart.
fn is_unread(turn: &Value, answers: &[Option<String>], history: &History) -> bool {
    let mut given = answers.iter().flatten();
    turn["state"] == "ended" && turn["reply"].is_null() && given.any(|answer| history.is_repeated(answer))
}

/// Whether the turn's reply is the agent's answer. Of a long one the screen may have kept the end only, and after a resize
/// it may show rows twice; the reply then says that it is not complete, but holds the number of its answer.
fn is_reply(turn: &Value, answer: &str) -> bool {
    let Some(reply) = turn["reply"]["text"].as_str() else {
        return false;
    };
    let rows = without_marker(answer);
    let (text, answer) = (squeeze(reply), squeeze(rows));
    if turn["reply"]["complete"] == true {
        return text == answer;
    }
    let number = answer.split_inclusive(')').next().unwrap_or_default();
    answer.ends_with(&text) || text.contains(number) || is_drawn_of(reply, rows)
}

/// Whether all rows of a reply are an answer's, whole or in part, in their order and down to its end: a resize leaves rows
/// that were half drawn, or drawn twice.
fn is_drawn_of(reply: &str, answer: &str) -> bool {
    let rows = |text: &str| -> Vec<String> {
        let rows = text.lines().map(squeeze);
        rows.filter(|row| !row.is_empty()).collect()
    };
    let (drawn, answer) = (rows(reply), rows(answer));
    let mut from = 0;
    for row in &drawn {
        let Some(at) = answer[from..].iter().position(|whole| whole.contains(row)) else {
            return false;
        };
        from += at;
    }
    !drawn.is_empty() && from + 1 == answer.len()
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
