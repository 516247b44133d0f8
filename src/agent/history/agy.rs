//! Antigravity CLI: `history.jsonl` holds the prompts of all conversations, `brain/ID` what became of each.

use std::{collections::BTreeMap, fs::File, io, ops::ControlFlow, path::PathBuf};

use serde_json::Value;

use super::{
    Conversation, History, Place,
    lines::{self, Cursor},
    stamp, title,
};
use crate::agent::transcript::{layout::is_name, record::str_at};

/// The longest prompt that is read, in bytes.
const MAX_PROMPT: usize = 4 << 20;

pub(super) fn root(place: &Place) -> PathBuf {
    let home = place.variable("GEMINI_CLI_HOME", "");
    home.join(".gemini/antigravity-cli")
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let path = root(place).join("history.jsonl");
    history.remember(&path, &place.cwd, || Ok(groups(place)?.into_values()))
}

fn groups(place: &Place) -> io::Result<BTreeMap<String, Conversation>> {
    let path = root(place).join("history.jsonl");
    let cwds = place.cwds();
    let mut found = BTreeMap::new();
    lines::regular(&path)?;
    let mut file = File::open(path)?;
    let limits = (MAX_PROMPT, u64::MAX);
    lines::each(&mut file, &mut Cursor::default(), limits, &mut |_, line| {
        if let Ok(prompt) = serde_json::from_slice::<Value>(line)
            && let Some(id) = str_at(&prompt, "/conversationId")
            && let Some(workspace) = str_at(&prompt, "/workspace")
            && cwds.iter().any(|cwd| cwd.to_string_lossy() == workspace)
        {
            add(&mut found, place, id, &prompt);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn add(found: &mut BTreeMap<String, Conversation>, place: &Place, id: &str, prompt: &Value) {
    let Some(path) = find(place, id) else {
        return;
    };
    let at = stamp::of(&prompt["timestamp"]);
    let one = found.entry(id.to_owned()).or_insert_with(|| Conversation {
        id: id.to_owned(),
        title: None,
        started: at,
        last: at,
        messages: 0,
        path,
    });
    one.started = one.started.min(at).or(at);
    one.last = one.last.max(at);
    one.messages += 1;
    if one.title.is_none() {
        one.title = str_at(prompt, "/display").and_then(title::clean);
    }
}

pub(super) fn find(place: &Place, id: &str) -> Option<PathBuf> {
    let brain = root(place).join("brain");
    is_name(id).then(|| brain.join(id).join(".system_generated/logs/transcript.jsonl"))
}
