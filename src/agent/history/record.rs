//! One line of a conversation's file, as turns.
//!
//! What was asked and answered is read by the transcripts' own readers; here the tools come to it.

use serde_json::Value;

use super::{
    Store, stamp,
    tool::{call, contents, parts as tool_parts, result},
    turn::{Part, Role, Turn},
};
use crate::agent::transcript::{
    Entry, Format, Outcome,
    record::{entries, kind, str_at, text},
};

/// The turns of a line that begins at `offset`; none if it is no record that is known.
pub(super) fn turns(store: Store, line: &[u8], offset: u64) -> Vec<Turn> {
    let Ok(record) = serde_json::from_slice::<Value>(line) else {
        return Vec::new();
    };
    of(store, &record, offset)
}

fn of(store: Store, record: &Value, offset: u64) -> Vec<Turn> {
    let (role, parts) = match store {
        Store::Agy => agy(record),
        Store::Copilot => copilot(record),
        Store::Grok => grok(record),
        _ => return known(store, record, offset),
    };
    turn(id(record, offset), role, record, parts)
        .into_iter()
        .collect()
}

/// The prompt of a line, if it holds one that a user typed.
pub(super) fn prompt(store: Store, record: &Value) -> Option<String> {
    let Some(format) = format(store, record) else {
        let asked = of(store, record, 0)
            .into_iter()
            .find(|turn| turn.role == Role::User)?;
        return asked.texts().next().map(str::to_owned);
    };
    entries(format, record).into_iter().find_map(|entry| match entry {
        Entry::Prompt { text } => Some(text),
        Entry::Reply { .. } | Entry::End { .. } => None,
    })
}

/// The reader of the live transcript for this record. Qwen's older files are written as Gemini's.
fn format(store: Store, record: &Value) -> Option<Format> {
    Some(match store {
        Store::Demo => Format::Demo,
        Store::Claude => Format::Claude,
        Store::Codex => Format::Codex,
        Store::Gemini => Format::Gemini,
        Store::Qwen if record.get("message").is_none() => Format::Gemini,
        Store::Qwen => Format::Qwen,
        _ => return None,
    })
}

fn known(store: Store, record: &Value, offset: u64) -> Vec<Turn> {
    let Some(format) = format(store, record) else {
        return Vec::new();
    };
    if ["isSidechain", "isMeta", "isCompactSummary"]
        .iter()
        .any(|flag| record[flag] == true)
    {
        return Vec::new();
    }
    let (mut said, mut role) = (Vec::new(), Role::Assistant);
    for entry in entries(format, record) {
        match entry {
            Entry::Prompt { text } => {
                role = Role::User;
                said.push(Part::text(text));
            }
            Entry::Reply { text }
            | Entry::End {
                outcome: Outcome::Failed(text),
                ..
            } => said.push(Part::text(text)),
            Entry::End { .. } => {}
        }
    }
    let id = id(record, offset);
    let (calls, results) = tool_parts(format, record);
    if role == Role::Assistant {
        said.extend(calls);
    }
    let results = turn(format!("{id}:tool"), Role::Tool, record, results);
    turn(id, role, record, said).into_iter().chain(results).collect()
}

fn agy(record: &Value) -> (Role, Vec<Part>) {
    let said = text(&record["content"], "\n");
    let name = kind(record).to_ascii_lowercase();
    match kind(record) {
        "CONVERSATION_HISTORY" | "EPHEMERAL_MESSAGE" | "CHECKPOINT" | "SYSTEM_MESSAGE" => {
            (Role::System, Vec::new())
        }
        _ if said.is_empty() => (Role::System, Vec::new()),
        "USER_INPUT" => (Role::User, vec![Part::text(request(&said))]),
        "PLANNER_RESPONSE" => (Role::Assistant, vec![Part::text(said)]),
        "ERROR_MESSAGE" => (Role::System, vec![result(None, said, true)]),
        _ => (
            Role::Tool,
            vec![call(None, &name, Value::Null), result(None, said, false)],
        ),
    }
}

/// What the user typed, out of what the agent made of it.
fn request(text: &str) -> &str {
    let inner = text
        .split_once("<USER_REQUEST>")
        .and_then(|(_, rest)| rest.split_once("</USER_REQUEST>"));
    inner.map_or(text, |(inner, _)| inner.trim_matches('\n'))
}

fn copilot(record: &Value) -> (Role, Vec<Part>) {
    let data = &record["data"];
    let said = text(&data["content"], "\n");
    let mut parts = Vec::from_iter((!said.is_empty()).then(|| Part::text(said)));
    match kind(record) {
        "user.message" => (Role::User, parts),
        "assistant.message" => {
            let requests = data["toolRequests"].as_array().into_iter().flatten();
            parts.extend(requests.map(|request| {
                let name = str_at(request, "/name").unwrap_or_default();
                call(str_at(request, "/toolCallId"), name, request["arguments"].clone())
            }));
            (Role::Assistant, parts)
        }
        "tool.execution_complete" => {
            let text = contents(&data["result"]["content"]);
            let failed = data["success"] == false;
            (
                Role::Tool,
                vec![result(str_at(data, "/toolCallId"), text, failed)],
            )
        }
        _ => (Role::System, Vec::new()),
    }
}

/// A record of the Agent Client Protocol; a message comes in chunks.
fn grok(record: &Value) -> (Role, Vec<Part>) {
    let update = record.pointer("/params/update").unwrap_or(&record["update"]);
    let said = str_at(update, "/content/text").unwrap_or_default();
    let words = Vec::from_iter((!said.is_empty()).then(|| Part::text(said)));
    let id = str_at(update, "/toolCallId");
    match update["sessionUpdate"].as_str() {
        Some("user_message_chunk") => (Role::User, words),
        Some("agent_message_chunk") => (Role::Assistant, words),
        Some("tool_call") => {
            let name = str_at(update, "/title").unwrap_or_default();
            (Role::Tool, vec![call(id, name, update["rawInput"].clone())])
        }
        Some("tool_call_update") if ["completed", "failed"].iter().any(|end| update["status"] == *end) => {
            let texts = update["content"].as_array().into_iter().flatten();
            let texts: Vec<&str> = texts.filter_map(|part| str_at(part, "/content/text")).collect();
            (
                Role::Tool,
                vec![result(id, texts.join("\n"), update["status"] == "failed")],
            )
        }
        _ => (Role::System, Vec::new()),
    }
}

/// The record's own id, where it has one; else the place of its line, which stays when more is appended.
fn id(record: &Value, offset: u64) -> String {
    let own = match record.get("payload") {
        Some(_) => None,
        None => str_at(record, "/uuid").or_else(|| str_at(record, "/id")),
    };
    // The demo agent writes the conversation's id into each record.
    let own = own.filter(|_| record.get("at_unix_ns").is_none());
    own.map_or_else(|| format!("@{offset}"), str::to_owned)
}

fn turn(id: String, role: Role, record: &Value, parts: Vec<Part>) -> Option<Turn> {
    let at = || match record.get("at_unix_ns") {
        Some(nanos) => stamp::nanos(nanos.as_u64()?),
        None => ["timestamp", "created_at"]
            .iter()
            .find_map(|name| stamp::of(&record[name])),
    };
    (!parts.is_empty()).then(|| Turn {
        id,
        role,
        at: at(),
        parts,
    })
}
