//! What a parser says of a value that is of the wrong kind, in words for who wrote it: the key, the value, what it must be.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::nearest::nearest;

/// The longest value that is shown, in characters.
const SHOWN: usize = 40;
/// Keys whose values, or the values below them, may be secrets.
const SECRET: [&str; 3] = ["apiKey", "token", "env"];

/// What is wrong with a text.
pub(super) enum Wrong {
    /// The value must be of this kind, in serde's words.
    Kind(String),
    /// Anything else, in the parser's words.
    Other(String),
}

impl Wrong {
    /// Reads the message of a deserializer.
    pub(super) fn read(message: &str) -> Self {
        let is_kind = message.starts_with("invalid type") || message.starts_with("invalid value");
        match message.rsplit_once(", expected ") {
            Some((_, kind)) if is_kind => Self::Kind(kind.to_owned()),
            _ => Self::Other(message.replace('\n', "; ")),
        }
    }

    /// Says it of the value at `path`; `whole` is the whole text, if it can be read at all.
    pub(super) fn told(self, path: &Path, whole: Option<&Value>) -> String {
        match self {
            Self::Kind(kind) => {
                let shown = whole.and_then(|whole| shown(path, whole));
                let (key, kind) = (key(path), must_be(&kind));
                match shown {
                    Some(value) => format!("{key} is {value}; it must be {kind}"),
                    None => format!("{key} must be {kind}"),
                }
            }
            Self::Other(message) => match missing(&message) {
                Some(field) => format!("{} has no `{field}`", key(path)),
                None => with_nearest(message),
            },
        }
    }
}

fn key(path: &Path) -> String {
    match path.to_string().as_str() {
        "." => "the file".to_owned(),
        key => key.to_owned(),
    }
}

/// A kind that serde names, in the words of who writes the file.
fn must_be(kind: &str) -> &str {
    match kind {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "bool" | "boolean" | "a boolean" => "true or false",
        "string" | "a string" | "string scalar" | "str" => "text",
        "sequence" | "sequence start" | "a sequence" => "a list",
        "mapping" | "mapping start" | "a map" => "keys with values",
        structure if structure.starts_with("struct ") => "keys with values",
        other => other,
    }
}

/// The value there, unless it is long, or may be a secret.
fn shown(path: &Path, whole: &Value) -> Option<String> {
    let mut value = whole;
    for segment in path {
        value = match segment {
            Segment::Map { key } if SECRET.contains(&key.as_str()) => return None,
            Segment::Map { key } => value.get(key)?,
            Segment::Seq { index } => value.get(index)?,
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    match value {
        Value::Null => Some("empty".to_owned()),
        Value::Array(_) => Some("a list".to_owned()),
        Value::Object(_) => Some("keys with values".to_owned()),
        value => Some(value.to_string()).filter(|text| text.chars().count() <= SHOWN),
    }
}

fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Adds what was probably meant, where serde says that a word is unknown and which words there are.
fn with_nearest(message: String) -> String {
    let words = || message.split(['`', ',', ' ']).filter(|word| !word.is_empty());
    let mut said = words();
    let ("unknown", Some("field" | "variant"), Some(word)) =
        (said.next().unwrap_or(""), said.next(), said.next())
    else {
        return message;
    };
    let known = said.filter(|word| !["expected", "one", "of", "or"].contains(word));
    match nearest(word, known) {
        Some(near) => format!("unknown key or value `{word}`; did you mean `{near}`?"),
        None => message,
    }
}
