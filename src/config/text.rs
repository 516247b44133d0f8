//! The text of a configuration file: YAML, or TOML where its name ends so. What is wrong is said with line and column.

use std::{fmt, path::Path};

use serde::{
    Deserialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_path_to_error::Track;

use super::{ConfigError, fault::Wrong};

/// Reads a file's text.
pub(crate) fn parse<T: DeserializeOwned + Default>(path: &Path, text: &str) -> Result<T, ConfigError> {
    let mut track = Track::new();
    let read = if is_toml(path) {
        let read = toml::Deserializer::parse(text)
            .and_then(|toml| T::deserialize(serde_path_to_error::Deserializer::new(toml, &mut track)));
        read.map_err(|error| Fault::of_toml(&error, text))
    } else {
        let read = serde_saphyr::with_deserializer_from_str(text, |yaml| {
            // A file of comments only says nothing.
            Option::<T>::deserialize(serde_path_to_error::Deserializer::new(yaml, &mut track))
        });
        read.map(Option::unwrap_or_default)
            .map_err(|error| Fault::of_yaml(&error))
    };
    read.map_err(|Fault { line, column, wrong }| {
        let whole = if is_toml(path) {
            toml::from_str(text).ok()
        } else {
            serde_saphyr::from_str(text).ok()
        };
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            column,
            message: wrong.told(&track.path(), whole.as_ref()),
        }
    })
}

/// Where the value of some keys stands in a file's text, by line and column from 1.
pub(super) fn place(path: &Path, text: &str, keys: &[&str]) -> Option<(u64, u64)> {
    let at = At(keys);
    let fault = if is_toml(path) {
        let toml = toml::Deserializer::parse(text).ok()?;
        Fault::of_toml(&at.deserialize(toml).err()?, text)
    } else {
        let found = serde_saphyr::with_deserializer_from_str(text, |yaml| at.deserialize(yaml));
        Fault::of_yaml(&found.err()?)
    };
    Some((fault.line, fault.column))
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// What is wrong, and where; counted from 1.
struct Fault {
    line: u64,
    column: u64,
    wrong: Wrong,
}

impl Fault {
    fn of_yaml(error: &serde_saphyr::Error) -> Self {
        use serde_saphyr::Error;
        let at = error.location();
        let error = error.without_snippet();
        let wrong = match error {
            Error::InvalidScalar { ty, .. } => Wrong::Kind((*ty).to_owned()),
            Error::Unexpected { expected, .. } => Wrong::Kind((*expected).to_owned()),
            Error::InvalidBooleanStrict { .. } => Wrong::Kind("bool".to_owned()),
            Error::NullIntoString { .. } => Wrong::Kind("string".to_owned()),
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                Wrong::Other(format!("the key `{key}` stands there twice"))
            }
            error => {
                let message = error.to_string();
                let first = message.lines().next().unwrap_or("not valid YAML");
                let end = first.find(" at line ").unwrap_or(first.len());
                Wrong::read(&first[..end])
            }
        };
        Self {
            line: at.map_or(1, |at| at.line()),
            column: at.map_or(1, |at| at.column()),
            wrong,
        }
    }

    fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() as u64 + 1,
            column: before[line_start..].chars().count() as u64 + 1,
            wrong: Wrong::read(error.message()),
        }
    }
}

/// Goes down these keys and fails at the value there: a parser says where it failed.
#[derive(Clone, Copy)]
struct At<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("here"));
        };
        while let Some(key) = map.next_key::<String>()? {
            if key == *first {
                map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
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

    #[test]
    fn a_value_of_the_wrong_kind_is_said_with_its_key_and_what_it_must_be() {
        for (text, said) in [
            (
                "server: {port: 99999}",
                "1:16: server.port is 99999; it must be a whole number from 0 to 65535",
            ),
            (
                "limits: {sessions: many}",
                "1:20: limits.sessions is \"many\"; it must be a whole number, 0 or more",
            ),
            (
                "turnq: {enabled: perhaps}",
                "1:18: turnq.enabled is \"perhaps\"; it must be true or false",
            ),
            (
                "initPrompts: [one, ~]",
                "1:20: initPrompts[1] is empty; it must be text",
            ),
            (
                "agents: {a: {flags: [-x]}}",
                "1:21: agents.a.flags is a list; it must be text",
            ),
            (
                "agents: {a: {models: x}}",
                "1:22: agents.a.models is \"x\"; it must be a list",
            ),
            (
                "sessions: [{name: a, agent: b, initPrompts: x}]",
                "1:45: sessions[0].initPrompts is \"x\"; it must be a list",
            ),
            ("sessions: [{name: a}]", "1:13: sessions[0] has no `agent`"),
            (
                "server: {}\nserver: {}",
                "2:1: the key `server` stands there twice",
            ),
            ("- a", "1:1: the file is a list; it must be keys with values"),
            // A secret may stand in any of these.
            (
                "agents: {a: {env: s3cret}}",
                "1:19: agents.a.env must be keys with values",
            ),
            (
                "agents: {a: {env: {A: [s3cret]}}}",
                "1:23: agents.a.env.A must be text",
            ),
            ("turnq: {apiKey: [s3cret]}", "1:17: turnq.apiKey must be text"),
        ] {
            assert_eq!(why("c.yaml", text), format!("c.yaml:{said}"));
        }
        for (text, said) in [
            (
                "server.port = 99999",
                "1:15: server.port is 99999; it must be a whole number from 0 to 65535",
            ),
            (
                "limits = {sessions = 'many'}",
                "1:22: limits.sessions is \"many\"; it must be a whole number, 0 or more",
            ),
            (
                "[agents.a]\nenv = 's3cret'",
                "2:7: agents.a.env must be keys with values",
            ),
            ("[[sessions]]\nname = 'a'", "1:1: sessions[0] has no `agent`"),
        ] {
            assert_eq!(why("c.toml", text), format!("c.toml:{said}"));
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
