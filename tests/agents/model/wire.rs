//! The four protocols: which path speaks which, and how an answer looks in each.

use serde_json::Value;

use super::{chat, gemini, messages, responses};

/// A protocol: the events of a streamed answer, and the answer in one piece.
pub struct Wire {
    /// Before the text.
    pub open: fn() -> Vec<Value>,
    /// A piece of the text.
    pub piece: fn(&str) -> Value,
    /// After the text, all of which is given.
    pub close: fn(&str) -> Vec<Value>,
    /// A call of a tool with arguments, in place of all the others; a token makes its id.
    pub call: fn(&str, &Value, &str) -> Vec<Value>,
    /// The text in one piece.
    pub whole: fn(&str) -> Value,
    /// What stands at the end of a stream.
    pub end: &'static str,
}

/// What a request's path asks for.
pub enum Route {
    /// An answer, streamed if the path or the body says so.
    Answer { wire: &'static Wire, streamed: bool },
    /// The size of a text.
    Count,
    /// The models that there are.
    Models,
}

impl Route {
    pub fn of(path: &str, body: &Value) -> Option<Self> {
        let streamed = body["stream"] == true;
        let answer = |wire, streamed| Some(Self::Answer { wire, streamed });
        match path {
            _ if path.ends_with("/chat/completions") => answer(&chat::WIRE, streamed),
            _ if path.ends_with("/responses") => answer(&responses::WIRE, streamed),
            _ if path.ends_with("/messages") => answer(&messages::WIRE, streamed),
            _ if path.ends_with(":streamGenerateContent") => answer(&gemini::WIRE, true),
            _ if path.ends_with(":generateContent") => answer(&gemini::WIRE, false),
            _ if path.ends_with("count_tokens") || path.ends_with(":countTokens") => Some(Self::Count),
            _ if path.ends_with("/models") => Some(Self::Models),
            _ => None,
        }
    }
}

/// A server-sent event; an object with a `type` is named after it.
pub fn event(value: &Value) -> String {
    match value["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {value}\n\n"),
        None => format!("data: {value}\n\n"),
    }
}
