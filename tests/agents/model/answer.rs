//! What the model answers: text that only this prompt's token can have made.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::ask::{Ask, Prompt, Tool, Way};

/// What to answer.
#[derive(Debug)]
pub enum Answer {
    /// Text in pieces, a pause after each.
    Text { pieces: Vec<String>, pause: Duration },
    /// A tool is to be called.
    Call { tool: String, arguments: Value },
    /// HTTP 400.
    Refuse,
    /// The first words, and nothing more.
    Hang { words: String },
    /// Not even the first word.
    Mute,
}

impl Answer {
    /// The answer; tools are to work in `cwd`.
    pub fn to(ask: &Ask, cwd: &str) -> Self {
        if let Some(schema) = &ask.schema {
            return Self::at_once(instance(schema).to_string());
        }
        match &ask.prompt {
            Some(prompt) if ask.is_turn() => Self::to_turn(ask, prompt, cwd),
            _ => Self::at_once("A title".to_owned()),
        }
    }

    fn to_turn(ask: &Ask, prompt: &Prompt, cwd: &str) -> Self {
        let text = reply(&prompt.token, prompt.way);
        let tool = match prompt.way {
            Way::Tool | Way::Ask => ask.shell(),
            Way::Write => ask.writer(),
            _ => None,
        };
        match (prompt.way, tool) {
            (_, Some(tool)) if !ask.told => Self::call(tool, prompt, cwd),
            (Way::Write, None) if ask.edits => {
                Self::at_once(format!("{text}\n\n{0}\n```\n{0}\n```\n", prompt.token))
            }
            (Way::Refuse, _) => Self::Refuse,
            (Way::Hang, _) => Self::Hang { words: text },
            (Way::Mute, _) => Self::Mute,
            (Way::Slow, _) => Self::Text {
                pieces: text.split_inclusive(' ').map(str::to_owned).collect(),
                pause: Duration::from_millis(40),
            },
            _ => Self::at_once(text),
        }
    }

    fn at_once(text: String) -> Self {
        Self::Text {
            pieces: vec![text],
            pause: Duration::ZERO,
        }
    }

    /// A call that leaves a file named after the token in the working directory.
    fn call(tool: &Tool, prompt: &Prompt, cwd: &str) -> Self {
        let token = &prompt.token;
        let mut arguments = instance(&tool.schema);
        let properties = tool.schema["properties"].as_object();
        for (name, schema) in properties.into_iter().flatten() {
            let command = format!("touch {token}");
            arguments[name] = match name.as_str() {
                "command" | "cmd" if schema["type"] == "array" => json!(["bash", "-c", command]),
                "command" | "cmd" => json!(command),
                "path" | "file_path" | "filePath" | "absolute_path" | "target_file" => {
                    json!(format!("{}/{token}", cwd))
                }
                "content" | "contents" | "file_text" => json!(token),
                // Codex asks only for what its sandbox forbids.
                "sandbox_permissions" if prompt.way == Way::Ask => json!("require_escalated"),
                "justification" if prompt.way == Way::Ask => {
                    json!("the file is to be made outside of the sandbox")
                }
                _ => continue,
            };
        }
        Self::Call {
            tool: tool.name.clone(),
            arguments,
        }
    }
}

/// The text of the answer to a token.
pub fn reply(token: &str, way: Way) -> String {
    let first = format!("Answer to {token}.");
    let more: Vec<String> = match way {
        Way::Plain | Way::Joined => vec!["It has 汉字, an emoji 🦀 and a second paragraph.".to_owned()],
        Way::Long => (1..=90).map(|n| format!("Paragraph {n} of {token}.")).collect(),
        Way::Slow => (1..=8)
            .map(|n| format!("Slow paragraph {n} of {token} comes a word at a time."))
            .collect(),
        Way::Tool | Way::Ask | Way::Write => vec![format!("The file {token} is there.")],
        Way::Refuse | Way::Hang | Way::Mute => Vec::new(),
    };
    let mut all = vec![first];
    all.extend(more);
    all.join("\n\n")
}

/// Some value that fits a JSON schema: only what is required.
fn instance(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind.unwrap_or("object").to_lowercase().as_str() {
        "object" => required(schema),
        "array" => json!([]),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        _ => json!("A title"),
    }
}

fn required(schema: &Value) -> Value {
    let names = schema["required"].as_array().into_iter().flatten();
    let fields = names
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), instance(&schema["properties"][name])));
    Value::Object(fields.collect::<Map<_, _>>())
}
