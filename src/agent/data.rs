//! Rows of the catalog, as `assets/agents.toml` and the operator's `agents.d/*.toml` have them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Builtin, Rules, history::Store, hooks::Hooks, keys::Keys, rule::Rule, transcript::Format,
    trust::TrustFile,
};
use crate::config::{self, AgentConfig, read_regular};

const BUILT_IN: &str = include_str!("../../assets/agents.toml");
/// The longest file of an operator that is read.
const MAX_FILE: u64 = 1 << 20;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    agent: Vec<Row>,
}

/// What one row says of an agent. What it does not say stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) display_name: Option<String>,
    pub(super) cmd: Option<String>,
    pub(super) builtin: Option<Builtin>,
    pub(super) elsewhere: Option<String>,
    pub(super) flags: Option<String>,
    #[serde(default)]
    pub(super) danger_flags: Vec<String>,
    pub(super) trust_file: Option<TrustFile>,
    #[serde(skip)]
    pub(super) pre_spawn: Option<bool>,
    pub(super) hooks: Option<Hooks>,
    #[serde(skip)]
    pub(super) wants_hooks: Option<bool>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    pub(super) exit_keys: Option<Keys>,
    #[serde(default)]
    pub(super) submit: SubmitRow,
    pub(super) interrupt_keys: Option<Keys>,
    pub(super) clear_keys: Option<Keys>,
    pub(super) cancel_keys: Option<Keys>,
    pub(super) insert_keys: Option<Keys>,
    pub(super) marker: Option<String>,
    #[serde(default)]
    pub(super) rules: Rules,
    pub(super) transcript: Option<Format>,
    pub(super) history: Option<Store>,
    pub(super) resume: Option<String>,
    pub(super) resumes_silently: Option<bool>,
    pub(super) new_chat: Option<String>,
    pub(super) session_id_flag: Option<String>,
    pub(super) models: Option<Vec<String>>,
    pub(super) proven_with: Option<String>,
    pub(super) install_hint: Option<String>,
    pub(super) docs_url: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SubmitRow {
    pub(super) settle_ms: Option<u64>,
    pub(super) gap_ms: Option<u64>,
    pub(super) enter: Option<String>,
}

impl Row {
    /// What the configuration says of one agent.
    pub(super) fn of_config(key: &str, config: &AgentConfig) -> Result<Self, super::BadRule> {
        let ready = config.ready_prompt.as_deref().map(Rule::new).transpose()?;
        Ok(Self {
            key: key.to_owned(),
            display_name: config.display_name.clone(),
            cmd: config.cmd.clone(),
            flags: config.flags.clone(),
            pre_spawn: config.pre_spawn,
            wants_hooks: config.hooks,
            env: config.env.clone(),
            rules: Rules::of_ready(ready),
            models: (!config.models.is_empty()).then(|| config.models.clone()),
            ..Self::default()
        })
    }
}

/// Reads the built-in table.
pub(super) fn rows() -> Result<Vec<Row>, toml::de::Error> {
    toml::from_str(BUILT_IN).map(|file: File| file.agent)
}

/// The rows of the operator's files, in the order of their names, and a warning for each that is left out.
#[derive(Debug, Default)]
pub struct Overrides {
    pub(super) rows: Vec<Row>,
    pub(super) warnings: Vec<String>,
}

impl Overrides {
    /// Reads all `*.toml` of a directory. One that is not there has none; a bad file is left out as a whole.
    #[must_use]
    pub fn read(dir: &Path) -> Self {
        let mut read = Self::default();
        let paths = match toml_files(dir) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return read,
            Err(error) => {
                read.warnings
                    .push(format!("{}: {error}; it is left out", dir.display()));
                return read;
            }
        };
        for path in paths {
            match read_file(&path) {
                Ok(rows) => read.rows.extend(rows),
                Err(why) => read.warnings.push(format!("{why}; the file is left out")),
            }
        }
        read
    }
}

fn toml_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(path: &Path) -> Result<Vec<Row>, String> {
    let shown = path.display();
    let content = read_regular(path, MAX_FILE).map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8(content).map_err(|_| format!("{shown}: it is not UTF-8 text"))?;
    let file: File = config::parse(path, &text).map_err(|error| error.to_string())?;
    Ok(file.agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_left_out_and_its_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("b.toml", "[[agent]]\nkey = 'claude'\nflags = '--x'\n");
        write(
            "a.toml",
            "[[agent]]\nkey = 'mine'\ncmd = 'mine'\nexit-keys = 'C-d'\n",
        );
        write(
            "1-pattern.toml",
            "[[agent]]\nkey = 'x'\n[agent.rules]\nbusy = { pattern = '(' }\n",
        );
        write("2-keys.toml", "[[agent]]\nkey = 'x'\nexit-keys = 'C-5'\n");
        write("3-field.toml", "[[agent]]\nkey = 'x'\nflag = ''\n");
        write("4-syntax.toml", "[[agent]\n");
        write("no.txt", "[[agent]\n");
        fs::create_dir(dir.path().join("5-dir.toml")).unwrap();
        let read = Overrides::read(dir.path());
        let keys: Vec<&str> = read.rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["mine", "claude"]);
        let named = [
            "1-pattern.toml:4:",
            "2-keys.toml:3:13: ",
            "3-field.toml:3:1: unknown key or value `flag`; did you mean `flags`?",
            "4-syntax.toml:1:9: ",
            "5-dir.toml: is a directory",
        ];
        assert_eq!(read.warnings.len(), named.len(), "{:#?}", read.warnings);
        for (warning, line) in read.warnings.iter().zip(named) {
            assert!(warning.contains(line) && !warning.contains('\n'), "{warning}");
        }
    }

    #[test]
    fn no_directory_is_no_fault() {
        let read = Overrides::read(Path::new("/nowhere/agents.d"));
        assert!(read.rows.is_empty() && read.warnings.is_empty());
    }
}
