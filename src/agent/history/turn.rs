//! One turn of a conversation, the same whichever agent wrote it down.

use std::time::SystemTime;

use serde_json::Value;

/// Something that was said or done. A turn that comes again with the same id replaces the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Unique in its conversation, and the same each time it is read.
    pub id: String,
    /// Who.
    pub role: Role,
    /// When, if the agent wrote it down.
    pub at: Option<SystemTime>,
    /// What, in its order; never empty.
    pub parts: Vec<Part>,
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user.
    User,
    /// The agent.
    Assistant,
    /// A tool that the agent called.
    Tool,
    /// The agent's program itself.
    System,
}

/// One piece of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text {
        /// As they were written.
        text: String,
    },
    /// A tool is called.
    ToolUse {
        /// What its result refers to.
        id: Option<String>,
        /// The tool.
        name: String,
        /// What it was given.
        input: Value,
    },
    /// What a tool gave.
    ToolResult {
        /// The call.
        for_id: Option<String>,
        /// As it was shown to the model.
        text: String,
        /// It failed.
        is_error: bool,
    },
}

impl Turn {
    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text { text } | Part::ToolResult { text, .. } => text.len(),
            Part::ToolUse { input, .. } => weight(input),
        });
        128 + parts.sum::<usize>()
    }

    /// Its words, without tools.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            Part::ToolUse { .. } | Part::ToolResult { .. } => None,
        })
    }
}

impl Part {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

fn weight(value: &Value) -> usize {
    32 + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
