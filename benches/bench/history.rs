//! The demo agent's own clock: when it took each prompt, and when its reply was written.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;

use super::lab::eventually;

/// One turn as its agent saw it, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub submitted: u64,
    pub last: u64,
}

impl Clock {
    /// What the agent needed for itself.
    pub fn took(self) -> u64 {
        self.last - self.submitted
    }
}

/// The clock of each prompt that was answered, of all histories below a directory.
pub fn clocks(dir: &Path) -> HashMap<String, Clock> {
    let mut clocks = HashMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            clocks.extend(self::clocks(&path));
        } else {
            read(&fs::read_to_string(path).unwrap_or_default(), &mut clocks);
        }
    }
    clocks
}

fn read(history: &str, clocks: &mut HashMap<String, Clock>) {
    let mut asked = None;
    let records = history
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for record in records {
        if let Some(submitted) = record["submitted_ns"].as_u64() {
            asked = Some((record["text"].as_str().unwrap_or_default().to_owned(), submitted));
        } else if let (Some((prompt, submitted)), Some(last)) = (asked.take(), record["last_ns"].as_u64()) {
            clocks.insert(prompt, Clock { submitted, last });
        }
    }
}

/// The clock of one prompt, once its agent has written it down.
pub fn clock(dir: &Path, prompt: &str) -> Clock {
    eventually("the agent answers", || clocks(dir).get(prompt).copied())
}
