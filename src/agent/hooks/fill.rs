//! Filling templates in: `{hook}` the command line for a shell, `{words}` its words as a list of strings, `{dir}` the
//! session's directory, `{events}` the text for each event.

use std::{io, path::Path};

use super::bad;

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// In a word or a variable: as it is.
    Raw,
    /// Between the double quotes of a JSON, JavaScript or TOML string.
    Text,
}

pub(super) struct Filler {
    dir: String,
    hook: String,
    words: String,
    events: String,
}

impl Filler {
    pub(super) fn new(dir: &Path, hook: &[String], events: &[String], event: &str) -> io::Result<Self> {
        let dir = dir
            .to_str()
            .ok_or_else(|| bad("the session's directory is not UTF-8"))?;
        let words: Vec<String> = hook.iter().map(|word| format!("\"{}\"", escaped(word))).collect();
        let mut filler = Self {
            dir: dir.to_owned(),
            hook: hook.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            words: words.join(", "),
            events: String::new(),
        };
        let all: Vec<String> = events
            .iter()
            .map(|name| filler.fill(&event.replace("{event}", name), Context::Text))
            .collect();
        filler.events = all.join(",\n");
        Ok(filler)
    }

    /// Replaces each placeholder; what was filled in is not looked at again.
    pub(super) fn fill(&self, text: &str, context: Context) -> String {
        let value = |text: &str| match context {
            Context::Raw => text.to_owned(),
            Context::Text => escaped(text),
        };
        let all = [
            ("{hook}", value(&self.hook)),
            ("{dir}", value(&self.dir)),
            ("{words}", self.words.clone()),
            ("{events}", self.events.clone()),
        ];
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let found = all.iter().find(|(name, _)| from.starts_with(name));
            let (name, value) = found.map_or(("{", "{"), |(name, value)| (*name, value));
            out.push_str(value);
            rest = &from[name.len()..];
        }
        out + rest
    }
}

/// A word for a POSIX shell. Some agents put the environment in place of each `$NAME` before a shell reads it, so no `$`
/// stands before a letter.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''").replace('$', r"'\$'"))
}

/// A text as it stands between the quotes of a JSON string, which JavaScript and TOML read alike.
fn escaped(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_word_reaches_its_program_through_a_shell_as_it_is() {
        for word in [
            "/usr/bin/llmux",
            "a b",
            "it's",
            "\"$HOME\" `id` \\",
            "$(x)${y}",
            "日本",
            "-n",
        ] {
            let script = format!("printf %s {}", quoted(word));
            let run = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(run.stdout).unwrap(), word);
        }
        assert!(!quoted("/home/$USER/${X}").contains("$U") && !quoted("${X}").contains("${"));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let filler = Filler::new(Path::new("/a/{hook}"), &["x\"y".to_owned()], &[], "").unwrap();
        assert_eq!(
            filler.fill("{dir} {words} {other} {", Context::Raw),
            "/a/{hook} \"x\\\"y\" {other} {"
        );
        assert_eq!(filler.fill("\"{hook} Stop\"", Context::Text), "\"'x\\\"y' Stop\"");
    }
}
