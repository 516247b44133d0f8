//! What an agent asks of the model, read from the body of any of the protocols.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// How the model behaves; the prompt's token names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A short answer at once.
    Plain,
    /// The same, to a prompt with an emoji that is made of several.
    Joined,
    /// An answer of more rows than a screen has.
    Long,
    /// An answer that takes a while.
    Slow,
    /// A call of the agent's shell tool first.
    Tool,
    /// The same, and that is to be asked for.
    Ask,
    /// A file is to be written first, and that is to be asked for.
    Write,
    /// HTTP 400.
    Refuse,
    /// The first words, and nothing more.
    Hang,
    /// Not even the first word.
    Mute,
}

impl Way {
    const ALL: [(&'static str, Self); 10] = [
        ("plain", Self::Plain),
        ("joined", Self::Joined),
        ("long", Self::Long),
        ("slow", Self::Slow),
        ("tool", Self::Tool),
        ("ask", Self::Ask),
        ("write", Self::Write),
        ("refuse", Self::Refuse),
        ("hang", Self::Hang),
        ("mute", Self::Mute),
    ];

    /// The word in a token.
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, way)| *way == self)
            .map_or("", |(word, _)| word)
    }

    /// What a token asks for.
    fn of(token: &str) -> Self {
        let word = token.rsplit('-').next().unwrap_or_default();
        Self::ALL
            .iter()
            .find(|(known, _)| *known == word)
            .map_or(Self::Plain, |(_, way)| *way)
    }
}

/// The user's own prompt.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The word that no other prompt has.
    pub token: String,
    /// How to behave.
    pub way: Way,
    /// All of it, as the agent passed it on.
    pub text: String,
}

/// A tool that the agent offers.
#[derive(Debug, Clone)]
pub struct Tool {
    pub name: String,
    /// The JSON schema of its arguments.
    pub schema: Value,
}

/// A request to the model.
#[derive(Debug, Default)]
pub struct Ask {
    /// The last prompt of the conversation.
    pub prompt: Option<Prompt>,
    /// The tokens of all the conversation.
    pub tokens: BTreeSet<String>,
    /// Whether a tool's result follows it.
    pub told: bool,
    /// Whether files are changed by what the answer says, because there are no tools.
    pub edits: bool,
    pub tools: Vec<Tool>,
    /// The JSON schema that the answer must fit.
    pub schema: Option<Value>,
}

impl Ask {
    pub fn read(body: &Value) -> Self {
        let mut ask = Self {
            tools: tools(body),
            edits: body.to_string().contains("To suggest changes to a file"),
            schema: schema(body).cloned(),
            ..Self::default()
        };
        for message in messages(body) {
            ask.tokens.extend(tokens(message));
            ask.told |= is_result(message);
            if let Some(prompt) = prompt(message) {
                ask.prompt = Some(prompt);
                ask.told = false;
            }
        }
        ask
    }

    /// Whether it is the turn itself: agents also ask for titles and the like, without tools or in a form of their own.
    pub fn is_turn(&self) -> bool {
        self.prompt.is_some() && self.schema.is_none() && (!self.tools.is_empty() || self.edits)
    }

    /// The tool that runs a command.
    pub fn shell(&self) -> Option<&Tool> {
        self.tool(&[
            "bash",
            "exec_command",
            "shell_command",
            "shell",
            "run_shell_command",
            "run_terminal_command",
            "run_terminal_cmd",
            "developer__shell",
        ])
    }

    /// The tool that writes a file.
    pub fn writer(&self) -> Option<&Tool> {
        self.tool(&["write", "write_file", "create_file", "create"])
    }

    fn tool(&self, names: &[&str]) -> Option<&Tool> {
        let is = |tool: &&Tool| names.contains(&tool.name.to_lowercase().as_str());
        self.tools.iter().find(is)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn messages(body: &Value) -> &[Value] {
    let lists = ["messages", "contents", "input"].map(|name| list(&body[name]));
    lists
        .into_iter()
        .find(|list| !list.is_empty())
        .unwrap_or_default()
}

fn parts(message: &Value) -> &[Value] {
    match list(&message["content"]) {
        [] => list(&message["parts"]),
        parts => parts,
    }
}

fn is_result(message: &Value) -> bool {
    let kind = message["type"].as_str().unwrap_or_default();
    let part = |part: &Value| part["type"] == "tool_result" || part["functionResponse"].is_object();
    message["role"] == "tool" || kind.ends_with("_output") || parts(message).iter().any(part)
}

static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"lab-\d+-[a-z]+").expect("a pattern"));

/// The first token in a text.
pub fn token(text: &str) -> Option<&str> {
    TOKEN.find(text).map(|found| found.as_str())
}

/// The last one: some agents send prompts that got no answer once more, in front of the next.
fn last_token(text: &str) -> Option<&str> {
    TOKEN.find_iter(text).last().map(|found| found.as_str())
}

/// Every token in a message: of what was said before, and by whomever.
fn tokens(message: &Value) -> Vec<String> {
    let text = message.to_string();
    TOKEN
        .find_iter(&text)
        .map(|found| found.as_str().to_owned())
        .collect()
}

fn prompt(message: &Value) -> Option<Prompt> {
    if message["role"] != "user" {
        return None;
    }
    let texts = parts(message).iter().map(|part| &part["text"]);
    let texts = texts.chain([&message["content"]]).filter_map(Value::as_str);
    let (token, text) = texts
        // What the agent itself wants to know of the conversation.
        .filter(|text| !text.starts_with("<system-reminder>Write "))
        .filter_map(|text| Some((last_token(text)?, text)))
        .next_back()?;
    Some(Prompt {
        token: token.to_owned(),
        way: Way::of(token),
        text: text.to_owned(),
    })
}

fn tools(body: &Value) -> Vec<Tool> {
    let mut all = Vec::new();
    for entry in list(&body["tools"]) {
        let declared = list(&entry["functionDeclarations"]);
        let one = if entry["function"].is_object() {
            &entry["function"]
        } else {
            entry
        };
        all.extend(declared.iter().chain([one]).filter_map(tool));
    }
    all
}

fn tool(entry: &Value) -> Option<Tool> {
    const SCHEMAS: &[&str] = &["parameters", "parametersJsonSchema", "input_schema"];
    let schema = SCHEMAS
        .iter()
        .map(|name| &entry[name])
        .find(|schema| schema.is_object());
    Some(Tool {
        name: entry["name"].as_str()?.to_owned(),
        schema: schema.cloned().unwrap_or_default(),
    })
}

fn schema(body: &Value) -> Option<&Value> {
    const PLACES: &[&str] = &[
        "/response_format/json_schema/schema",
        "/generationConfig/responseJsonSchema",
        "/generationConfig/responseSchema",
        "/text/format/schema",
        "/output_config/format/schema",
    ];
    PLACES
        .iter()
        .find_map(|place| body.pointer(place))
        .filter(|schema| schema.is_object())
}
