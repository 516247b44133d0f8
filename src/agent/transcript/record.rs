//! The records of the agents' transcripts: one line of JSON each, and what it tells of a turn.
//!
//! Shapes as measured with Claude Code 2.1.330, Codex 0.169.0, Gemini 0.61.0 and Qwen 0.24.4. Each agent ships several
//! times a week, so whatever is not as expected is passed over.

use std::collections::HashSet;

use serde_json::Value;

use super::{Entry, Format, Outcome};

/// User records of Claude Code that nobody typed.
const CLAUDE_SYNTHETIC: [&str; 4] = [
    "<local-command",
    "<command-",
    "<system-reminder>",
    "<task-notification>",
];
/// User records of Codex that nobody typed.
const CODEX_SYNTHETIC: [&str; 5] = [
    "<environment_context>",
    "<user_instructions>",
    "<permissions",
    "<turn_aborted>",
    "# AGENTS.md instructions",
];
/// How Claude Code begins the record of an interrupt.
const CLAUDE_INTERRUPTED: &str = "[Request interrupted by user";

/// Reads the lines of one transcript, in order.
pub(super) struct Reader {
    format: Format,
    /// Whose file it must be; known to be so once a line says it.
    owner: Owner,
    verdict: Option<bool>,
    /// The last entry was an end: agents write up to three records of one end.
    ended: bool,
    /// Messages that were told: Gemini writes one again when it knows more of it.
    messages: HashSet<blake3::Hash>,
}

/// What tells whether a file is the conversation that is looked for.
#[derive(Clone)]
pub(super) enum Owner {
    /// The conversation of this id.
    Id(String),
    /// Any in one of these directories.
    Cwd(Vec<String>),
}

impl Reader {
    pub(super) fn new(format: Format, owner: Owner) -> Self {
        Self {
            format,
            owner,
            verdict: None,
            ended: false,
            messages: HashSet::new(),
        }
    }

    /// Whether the file said that it is another conversation's.
    pub(super) fn is_strange(&self) -> bool {
        self.verdict == Some(false)
    }

    /// What a line tells; nothing if it is no record that is known.
    pub(super) fn read(&mut self, line: &[u8]) -> Vec<Entry> {
        let Ok(record) = serde_json::from_slice::<Value>(line) else {
            return Vec::new();
        };
        self.verdict = self.verdict.or_else(|| self.owner.owns(self.format, &record));
        if self.is_strange() || self.is_repeated(&record) {
            return Vec::new();
        }
        let mut entries = entries(self.format, &record);
        entries.retain(|entry| {
            let is_end = matches!(entry, Entry::End { .. });
            let again = is_end && self.ended;
            self.ended = is_end;
            !again
        });
        entries
    }

    /// Begins again with another file of the same name.
    pub(super) fn restart(&mut self) {
        self.verdict = None;
    }

    fn is_repeated(&mut self, record: &Value) -> bool {
        if self.format != Format::Gemini {
            return false;
        }
        let Some(id) = str_at(record, "/id") else {
            return false;
        };
        let said = text(&record["content"], "");
        !said.is_empty()
            && !self
                .messages
                .insert(blake3::hash(format!("{id}\n{said}").as_bytes()))
    }
}

impl Owner {
    /// Whether a record is of the right conversation, if it says.
    fn owns(&self, format: Format, record: &Value) -> Option<bool> {
        if format == Format::Codex {
            // A thread of a helper that the agent started itself.
            if record.pointer("/payload/source/subagent").is_some() {
                return Some(false);
            }
        } else if format == Format::Gemini
            && let Some(kind) = str_at(record, "/kind")
            && kind != "main"
        {
            return Some(false);
        }
        let ours = |cwds: &[String], found: &str| cwds.iter().any(|cwd| cwd == found);
        match (self, format) {
            // Only Gemini's file names do not hold the whole id.
            (Self::Id(id), Format::Gemini) => str_at(record, "/sessionId").map(|found| found == id),
            (Self::Cwd(cwds), Format::Codex) if kind(record) == "session_meta" => {
                str_at(record, "/payload/cwd").map(|found| ours(cwds, found))
            }
            (Self::Cwd(cwds), Format::Demo | Format::Claude | Format::Qwen) => {
                str_at(record, "/cwd").map(|found| ours(cwds, found))
            }
            _ => None,
        }
    }
}

/// What a record tells, whosever file it is in.
pub(in crate::agent) fn entries(format: Format, record: &Value) -> Vec<Entry> {
    match format {
        Format::Demo => demo(record),
        Format::Claude => claude(record),
        Format::Codex => codex(record),
        Format::Gemini => gemini(record),
        Format::Qwen => qwen(record),
    }
}

fn demo(record: &Value) -> Vec<Entry> {
    let text = str_at(record, "/text").unwrap_or_default().to_owned();
    match kind(record) {
        "user" => vec![Entry::Prompt { text }],
        "assistant" => vec![Entry::Reply { text: text.clone() }, done(Some(text))],
        _ => Vec::new(),
    }
}

fn claude(record: &Value) -> Vec<Entry> {
    let is = |flag: &str| record[flag] == true;
    if is("isSidechain") || is("isMeta") || is("isCompactSummary") {
        return Vec::new();
    }
    let text = text(&record["message"]["content"], "\n");
    match kind(record) {
        "user" if text.starts_with(CLAUDE_INTERRUPTED) => vec![end(Outcome::Interrupted, None)],
        "user" if text.starts_with("<command-") => claude_command(&text),
        "user" => prompt(text, &CLAUDE_SYNTHETIC),
        "assistant" if is("isApiErrorMessage") => vec![end(Outcome::Failed(text), None)],
        "assistant" if text.is_empty() => Vec::new(),
        "assistant" => {
            let over = record["message"]["stop_reason"] == "end_turn";
            let over = over.then(|| done(Some(text.clone())));
            [Entry::Reply { text }].into_iter().chain(over).collect()
        }
        "system" if ["turn_duration", "stop_hook_summary"].contains(&subtype(record)) => vec![done(None)],
        _ => Vec::new(),
    }
}

/// A slash command is recorded in pieces: `<command-name>/x</command-name>..<command-args>y</command-args>`.
fn claude_command(text: &str) -> Vec<Entry> {
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>"))
            .map(|(inner, _)| inner.trim())
    };
    let Some(name) = within("command-name") else {
        return Vec::new();
    };
    let typed = format!("{name} {}", within("command-args").unwrap_or_default());
    prompt(typed.trim_end().to_owned(), &[])
}

fn codex(record: &Value) -> Vec<Entry> {
    let payload = &record["payload"];
    match (kind(record), kind(payload), str_at(payload, "/role")) {
        ("response_item", "message", Some("user")) => {
            prompt(text(&payload["content"], "\n"), &CODEX_SYNTHETIC)
        }
        ("response_item", "message", Some("assistant")) => reply(text(&payload["content"], "\n")),
        ("event_msg", "task_complete" | "turn_complete", _) => {
            vec![done(str_at(payload, "/last_agent_message").map(str::to_owned))]
        }
        ("event_msg", "turn_aborted", _) => vec![end(Outcome::Interrupted, None)],
        ("event_msg", "error", _) => {
            let why = str_at(payload, "/message").unwrap_or("the agent reports an error");
            vec![end(Outcome::Failed(why.to_owned()), None)]
        }
        _ => Vec::new(),
    }
}

fn gemini(record: &Value) -> Vec<Entry> {
    let text = text(&record["content"], "");
    match kind(record) {
        "user" => prompt(text, &[]),
        "gemini" => reply(text),
        _ => Vec::new(),
    }
}

fn qwen(record: &Value) -> Vec<Entry> {
    let text = text(&record["message"]["parts"], "");
    match kind(record) {
        "user" => prompt(text, &[]),
        "assistant" => reply(text),
        _ => Vec::new(),
    }
}

fn prompt(text: String, synthetic: &[&str]) -> Vec<Entry> {
    if text.is_empty() || synthetic.iter().any(|begin| text.starts_with(begin)) {
        return Vec::new();
    }
    vec![Entry::Prompt { text }]
}

fn reply(text: String) -> Vec<Entry> {
    if text.is_empty() {
        return Vec::new();
    }
    vec![Entry::Reply { text }]
}

fn done(text: Option<String>) -> Entry {
    end(Outcome::Done, text)
}

fn end(outcome: Outcome, text: Option<String>) -> Entry {
    Entry::End { outcome, text }
}

pub(in crate::agent) fn kind(record: &Value) -> &str {
    record["type"].as_str().unwrap_or_default()
}

fn subtype(record: &Value) -> &str {
    record["subtype"].as_str().unwrap_or_default()
}

pub(in crate::agent) fn str_at<'a>(record: &'a Value, pointer: &str) -> Option<&'a str> {
    record.pointer(pointer)?.as_str()
}

/// The text of a message: a string, or the `text` of its parts. Thoughts, tool calls and their results have none of
/// their own.
pub(in crate::agent) fn text(content: &Value, between: &str) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().into_iter().flatten();
    let spoken = parts.filter(|part| part["thought"] != true);
    let texts: Vec<&str> = spoken.filter_map(|part| part["text"].as_str()).collect();
    texts.join(between)
}
