//! Continue CLI: `sessions.json` is the index, `ID.json` each conversation, as measured with 1.5.47.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    Conversation, History, Part, Place, Role, Turn, document,
    source::{Source, Visit},
    stamp, title,
    tool::{call, contents, parsed, result},
};
use crate::agent::transcript::{
    layout::is_name,
    record::{str_at, text},
};

/// The largest document that is read, in bytes: it must be parsed whole.
const MAX_DOCUMENT: u64 = 64 << 20;
/// What it calls a conversation that it gave no title.
const UNTITLED: &str = "Untitled Session";

pub(super) fn sessions(place: &Place) -> PathBuf {
    place
        .variable("CONTINUE_GLOBAL_DIR", ".continue")
        .join("sessions")
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let root = sessions(place);
    let path = root.join("sessions.json");
    let index = document::json(&path, MAX_DOCUMENT).unwrap_or_else(|error| {
        history.warn(&path, &error);
        Value::Null
    });
    let cwds = place.cwds();
    let ours = |one: &&Value| {
        let found = str_at(one, "/workspaceDirectory").unwrap_or_default();
        let found = directory(found);
        cwds.iter().any(|cwd| cwd.to_string_lossy() == found)
    };
    let listed = index.as_array().into_iter().flatten().filter(ours);
    listed
        .filter_map(|one| conversation(history, place, &root, one))
        .collect()
}

/// A directory may be written as a URL.
fn directory(text: &str) -> String {
    text.strip_prefix("file://").map_or_else(
        || text.to_owned(),
        |path| percent_decode_str(path).decode_utf8_lossy().into_owned(),
    )
}

fn conversation(history: &History, place: &Place, root: &Path, one: &Value) -> Option<Conversation> {
    let id = str_at(one, "/sessionId").filter(|id| is_name(id))?;
    let path = root.join(format!("{id}.json"));
    let changed = fs::metadata(&path).and_then(|found| found.modified()).ok()?;
    let named = str_at(one, "/title")
        .filter(|title| *title != UNTITLED)
        .and_then(title::clean);
    let found = Conversation {
        id: id.to_owned(),
        title: named.clone(),
        started: stamp::of(&one["dateCreated"]),
        last: Some(changed),
        messages: one["messageCount"].as_u64().unwrap_or(0),
        path: path.clone(),
    };
    let asked = || {
        let asked = history.remember(&path, &place.cwd, || {
            let title = first_prompt(&path)?;
            Ok(Some(Conversation {
                title,
                ..found.clone()
            }))
        });
        asked.into_iter().next()?.title
    };
    let title = named.or_else(asked);
    (found.messages > 0).then_some(Conversation { title, ..found })
}

fn first_prompt(path: &Path) -> io::Result<Option<String>> {
    let found = document::json(path, MAX_DOCUMENT)?;
    let mut items = found["history"].as_array().into_iter().flatten();
    Ok(items.find_map(|item| {
        let is_user = item["message"]["role"] == "user";
        is_user
            .then(|| title::clean(&text(&item["message"]["content"], "\n")))
            .flatten()
    }))
}

pub(super) fn find(place: &Place, id: &str) -> Option<Source> {
    let path = sessions(place).join(format!("{id}.json"));
    (is_name(id) && path.is_file()).then_some(Source::Continue(path))
}

/// Gives all turns.
pub(super) fn each(path: &Path, visit: &mut Visit<'_>) -> io::Result<()> {
    let found = document::json(path, MAX_DOCUMENT)?;
    let items = found["history"].as_array().into_iter().flatten();
    for (number, item) in items.enumerate() {
        if turns(number, item)
            .into_iter()
            .try_for_each(&mut *visit)
            .is_break()
        {
            break;
        }
    }
    Ok(())
}

fn turns(number: usize, item: &Value) -> Vec<Turn> {
    let message = &item["message"];
    let role = match message["role"].as_str() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Vec::new(),
    };
    let said = text(&message["content"], "\n");
    let mut parts = Vec::from_iter((!said.is_empty()).then(|| Part::text(said)));
    parts.extend(message["toolCalls"].as_array().into_iter().flatten().map(|tool| {
        let name = str_at(tool, "/function/name").unwrap_or_default();
        call(str_at(tool, "/id"), name, parsed(&tool["function"]["arguments"]))
    }));
    let states = item["toolCallStates"].as_array().into_iter().flatten();
    let results = states.filter(|state| state.get("output").is_some()).map(|state| {
        let output = state["output"].as_array().into_iter().flatten();
        let texts: Vec<String> = output.map(|part| contents(&part["content"])).collect();
        let failed = ["errored", "canceled"]
            .iter()
            .any(|status| state["status"] == *status);
        result(str_at(state, "/toolCallId"), texts.join("\n"), failed)
    });
    let turn = |id, role, parts: Vec<Part>| {
        (!parts.is_empty()).then_some(Turn {
            id,
            role,
            at: None,
            parts,
        })
    };
    let told = turn(format!("{number}"), role, parts);
    let done = turn(format!("{number}:tool"), Role::Tool, results.collect());
    told.into_iter().chain(done).collect()
}
