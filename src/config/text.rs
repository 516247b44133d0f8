//! The text of a configuration file: YAML, or TOML where its name ends so. What is wrong is said with line and column.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::ConfigError;
use crate::nearest::nearest;

/// Reads a file's text.
pub(super) fn parse<T: DeserializeOwned + Default>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let parsed = if path.extension().is_some_and(|extension| extension == "toml") {
        from_toml(text)
    } else {
        from_yaml(text)
    };
    parsed.map_err(|fault| ConfigError::Syntax {
        path: path.to_owned(),
        line: fault.line,
        column: fault.column,
        message: with_nearest(fault.message),
    })
}

/// What is wrong, and where; counted from 1.
struct Fault {
    line: u64,
    column: u64,
    message: String,
}

fn from_yaml<T: DeserializeOwned + Default>(text: &str) -> Result<T, Fault> {
    // A file of comments only says nothing.
    let settings: Result<Option<T>, _> = serde_saphyr::from_str(text);
    settings.map(Option::unwrap_or_default).map_err(|error| {
        let at = error.location();
        let message = error.without_snippet().to_string();
        let first = message.lines().next().unwrap_or("not valid YAML");
        let end = first.find(" at line ").unwrap_or(first.len());
        Fault {
            line: at.map_or(1, |at| at.line()),
            column: at.map_or(1, |at| at.column()),
            message: first[..end].to_owned(),
        }
    })
}

fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Fault {
            line: before.matches('\n').count() as u64 + 1,
            column: before[line_start..].chars().count() as u64 + 1,
            message: error.message().replace('\n', "; "),
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Restart, Settings};

    fn read(name: &str, text: &str) -> Result<Settings, ConfigError> {
        parse(Path::new(name), text)
    }

    fn why(name: &str, text: &str) -> String {
        read(name, text).unwrap_err().to_string()
    }

    #[test]
    fn each_key_is_read() {
        let settings = read(
            "c.yaml",
            "server:\n  port: 8080\n  noQr: true\nagents:\n  claude:\n    flags: \"\"\n    env: {N: 1, T: x}\n    \
             readyPrompt: '^>'\n    models: [a, b]\n    preSpawn: false\n  mine:\n    displayName: Mine\n    cmd: /bin/mine -x\n\
             sessions:\n  - {name: a, agent: claude, cwd: ~/p, restart: always, env: {A: b}}\n  - {name: b, agent: mine, autoSpawn: false}\n\
             initPrompts:\n  - |\n    You work here.\n  - two\nturns: {readyTimeoutMs: 900}\nretention: {turns: 5, days: 7}\n\
             turnq:\n  enabled: true\n  maxHoldMs: 300000\n  apiKey: s3cret\ntmux: {socket: work}\n",
        )
        .unwrap();
        assert_eq!(settings.server.port, Some(8080));
        let claude = &settings.agents["claude"];
        assert_eq!((claude.flags.as_deref(), claude.cmd.as_deref()), (Some(""), None));
        assert_eq!(claude.env["N"], "1");
        assert_eq!(claude.ready_prompt.as_deref(), Some("^>"));
        assert_eq!((claude.models.len(), claude.pre_spawn), (2, Some(false)));
        assert_eq!(settings.agents["mine"].cmd.as_deref(), Some("/bin/mine -x"));
        let [a, b] = &settings.sessions[..] else {
            panic!("{:?}", settings.sessions)
        };
        assert_eq!(
            (a.restart, a.auto_spawn, a.env["A"].as_str()),
            (Restart::Always, true, "b")
        );
        assert_eq!((b.restart, b.auto_spawn), (Restart::OnFailure, false));
        assert_eq!(settings.init_prompts, ["You work here.\n", "two"]);
        assert_eq!((settings.retention.turns, settings.retention.days), (5, 7));
        assert_eq!(settings.turnq.max_hold_ms, Some(300_000));
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert!(!serde_json::to_string(&settings).unwrap().contains("s3cret"));
        assert_eq!(settings.tmux.socket.as_deref(), Some(Path::new("work")));
    }

    #[test]
    fn toml_is_the_same_schema() {
        let toml = read(
            "c.toml",
            "initPrompts = ['one']\n[server]\nport = 8080\n[agents.claude]\nflags = ''\n[[sessions]]\nname = 'a'\nagent = 'claude'\n",
        );
        let yaml = read(
            "c.yaml",
            "initPrompts: [one]\nserver: {port: 8080}\nagents: {claude: {flags: ''}}\nsessions: [{name: a, agent: claude}]\n",
        );
        assert_eq!(toml.unwrap(), yaml.unwrap());
    }

    #[test]
    fn what_says_nothing_is_the_defaults() {
        for text in [
            "",
            "# nothing\n",
            "server:\nagents:\n  claude:\nsessions:\n",
            "---\n",
        ] {
            let settings = read("c.yaml", text).unwrap();
            assert_eq!(settings.server, Settings::default().server, "{text:?}");
        }
        assert_eq!(read("c.toml", "").unwrap(), Settings::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_one() {
        assert_eq!(
            why("c.yaml", "server:\n  prot: 2\n"),
            "c.yaml:2:3: unknown key or value `prot`; did you mean `port`?"
        );
        assert_eq!(
            why("c.toml", "a = 1\n[server]\nport = 1\n").split(',').next(),
            Some("c.toml:1:1: unknown field `a`")
        );
        assert_eq!(
            why("c.toml", "[agents.claude]\n\"flag\" = ''"),
            "c.toml:2:1: unknown key or value `flag`; did you mean `flags`?"
        );
        assert_eq!(
            why("c.yaml", "sessions:\n- name: a\n  agent: b\n  restart: allways\n"),
            "c.yaml:4:12: unknown key or value `allways`; did you mean `always`?"
        );
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        for (name, text, place) in [
            ("c.yaml", "server:\n  port: many\n", "c.yaml:2:9: "),
            ("c.yaml", "server:\n  port: 70000\n", "c.yaml:2:9: "),
            ("c.yaml", "server: {port: 1}\nserver: {port: 2}\n", "c.yaml:2:1: "),
            ("c.yaml", "initPrompts:\n- {a: 1}\n", "c.yaml:2:3: "),
            ("c.toml", "[server]\n# ä\nport = 'ä'\n", "c.toml:3:8: "),
            ("c.toml", "[server\n", "c.toml:1:8: "),
        ] {
            let why = why(name, text);
            assert!(why.starts_with(place), "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-a-z:{}\\[\\]'\"|>&*!%@`#0-9., \n\\x00ä]{0,200}") {
            for name in ["c.yaml", "c.toml"] {
                let _ = read(name, &text);
            }
        }
    }
}
