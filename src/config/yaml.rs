//! The configuration file's text: YAML, read leniently where the Node program was lenient.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{AgentConfig, Config, ConfigError, Server, Turnq, Turns};
use crate::nearest::nearest;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    server: Option<Server>,
    agents: Option<BTreeMap<String, Option<AgentConfig>>>,
    init_prompts: Option<Vec<Value>>,
    turns: Option<Turns>,
    turnq: Option<Turnq>,
}

const TOP: &[&str] = &["server", "agents", "sessions", "initPrompts", "turns", "turnq"];
/// `token`, `tokenExpiry` and `noQr` are reserved words of the old program: known, without effect.
const SERVER: &[&str] = &[
    "port",
    "allowedHosts",
    "auditText",
    "token",
    "tokenExpiry",
    "noQr",
];
const AGENT: &[&str] = &[
    "displayName",
    "cmd",
    "flags",
    "env",
    "readyPrompt",
    "models",
    "preSpawn",
];
const TURNS: &[&str] = &["keep", "days", "readyTimeoutMs"];
const TURNQ: &[&str] = &["enabled", "url", "maxHoldMs", "apiKey"];

pub(super) fn parse(path: &Path, text: String) -> Result<Config, ConfigError> {
    let tree: Value = from_yaml(path, &text)?;
    // A file of comments only is an empty configuration.
    let document = if tree.is_null() {
        Document::default()
    } else {
        from_yaml(path, &text)?
    };
    let mut warnings = unknown_keys(path, &tree);
    let init_prompts = init_prompts(path, document.init_prompts.unwrap_or_default(), &mut warnings);
    let agents = document.agents.unwrap_or_default();
    Ok(Config {
        server: document.server.unwrap_or_default(),
        agents: agents
            .into_iter()
            .map(|(key, agent)| (key, agent.unwrap_or_default()))
            .collect(),
        init_prompts,
        turns: document.turns.unwrap_or_default(),
        turnq: document.turnq.unwrap_or_default(),
        source: Some(path.to_owned()),
        text,
        warnings,
    })
}

fn from_yaml<'t, T: Deserialize<'t>>(path: &Path, text: &'t str) -> Result<T, ConfigError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location();
        ConfigError::Syntax {
            path: path.to_owned(),
            line: at.map_or(1, |at| at.line()),
            column: at.map_or(1, |at| at.column()),
            message: plain(&error),
        }
    })
}

/// The parser's message without its own line number and without the quoted source.
fn plain(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let first = message.lines().next().unwrap_or("not valid YAML");
    let end = first.find(" at line ").unwrap_or(first.len());
    first[..end].to_owned()
}

fn init_prompts(path: &Path, values: Vec<Value>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut prompts = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        match value {
            Value::String(prompt) => prompts.push(prompt),
            _ => warnings.push(format!(
                "{}: initPrompts[{index}] is not text and is left out",
                path.display()
            )),
        }
    }
    prompts
}

fn unknown_keys(path: &Path, tree: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut check = |prefix: &str, node: &Value, known: &[&str]| {
        for key in node.as_object().into_iter().flat_map(|map| map.keys()) {
            if !known.contains(&key.as_str()) {
                let meant = nearest(key, known.iter().copied());
                let meant = meant.map_or(String::new(), |near| format!("; did you mean `{prefix}{near}`?"));
                warnings.push(format!(
                    "{}: unknown key `{prefix}{key}` is left out{meant}",
                    path.display()
                ));
            }
        }
    };
    check("", tree, TOP);
    check("server.", &tree["server"], SERVER);
    check("turns.", &tree["turns"], TURNS);
    check("turnq.", &tree["turnq"], TURNQ);
    for (key, agent) in tree["agents"].as_object().into_iter().flatten() {
        check(&format!("agents.{key}."), agent, AGENT);
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        parse(Path::new("c.yaml"), text.to_owned())
    }

    #[test]
    fn each_key_is_read() {
        let config = read(
            "server:\n  port: 8080\n  noQr: true\nagents:\n  claude:\n    flags: \"\"\n    env: {N: 1, T: x}\n    \
             readyPrompt: '^>'\n    models: [a, b]\n    preSpawn: false\n  mine:\n    displayName: Mine\n    cmd: /bin/mine -x\n\
             initPrompts:\n  - |\n    You work here.\n  - two\nturns: {keep: 5, days: 7, readyTimeoutMs: 900}\n\
             turnq:\n  enabled: true\n  maxHoldMs: 300000\n  apiKey: s3cret\n",
        )
        .unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!(config.server.port, Some(8080));
        let claude = &config.agents["claude"];
        assert_eq!((claude.flags.as_deref(), claude.cmd.as_deref()), (Some(""), None));
        assert_eq!(claude.env["N"], "1");
        assert_eq!(claude.models, ["a", "b"]);
        assert_eq!(claude.pre_spawn, Some(false));
        assert_eq!(config.agents["mine"].display_name.as_deref(), Some("Mine"));
        assert_eq!(config.init_prompts, ["You work here.\n", "two"]);
        assert_eq!(
            config.turns,
            Turns {
                keep: 5,
                days: 7,
                ready_timeout_ms: 900
            }
        );
        assert_eq!(
            config.turnq,
            Turnq {
                enabled: true,
                url: None,
                max_hold_ms: Some(300_000),
                api_key: Some("s3cret".to_owned())
            }
        );
    }

    #[test]
    fn what_is_not_said_of_turns_is_the_default() {
        let config = read("turns: {keep: 5}").unwrap();
        assert_eq!(
            config.turns,
            Turns {
                keep: 5,
                ..Turns::default()
            }
        );
        assert_eq!(read("turns:").unwrap().turns, Turns::default());
        assert!(matches!(
            read("turns: {keep: -1}"),
            Err(ConfigError::Syntax { line: 1, .. })
        ));
    }

    #[test]
    fn the_key_of_turnq_is_never_shown() {
        let config = read("turnq: {apiKey: s3cret, apiKye: s3cret}").unwrap();
        assert_eq!(config.turnq.api_key.as_deref(), Some("s3cret"));
        assert_eq!(config.warnings.len(), 1);
        let shown = format!("{config:?} {config:#?} {:?}", config.turnq);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("api_key: Some(\"***\")"), "{shown}");
        for wrong in ["[s3cret]", "{s3cret: s3cret}", "!s3cret s3cret"] {
            let said = format!("{:?}", read(&format!("turnq: {{apiKey: {wrong}}}")));
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        for text in ["", "# nothing\n", "server:\nagents:\n  claude:\n", "---\n"] {
            let config = read(text).unwrap();
            assert_eq!(
                (config.server, config.init_prompts.len()),
                (Server::default(), 0),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_unknown_key_is_left_out_and_the_nearest_one_named() {
        let config =
            read("sever: {port: 1}\nserver: {prot: 2}\nagents: {claude: {flag: x}}\nzzz: 1\n").unwrap();
        assert_eq!(
            config.warnings,
            [
                "c.yaml: unknown key `sever` is left out; did you mean `server`?",
                "c.yaml: unknown key `zzz` is left out",
                "c.yaml: unknown key `server.prot` is left out; did you mean `server.port`?",
                "c.yaml: unknown key `agents.claude.flag` is left out; did you mean `agents.claude.flags`?",
            ]
        );
    }

    #[test]
    fn a_prompt_that_is_no_text_is_left_out_and_said() {
        let config = read("initPrompts: [a, 7, b]").unwrap();
        assert_eq!(config.init_prompts, ["a", "b"]);
        assert_eq!(config.warnings.len(), 1);
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let error = read("server:\n  port: many\n").unwrap_err().to_string();
        assert!(error.starts_with("c.yaml:2:"), "{error}");
        let error = read("a: b\n  c: [\n").unwrap_err().to_string();
        assert!(
            error.starts_with("c.yaml:2:") || error.starts_with("c.yaml:3:"),
            "{error}"
        );
        let error = read("server:\n  port: 70000\n").unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error}");
    }
}
