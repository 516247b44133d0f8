//! The operator's settings: where the file is found, what it may say, and the process's surroundings.
//!
//! A leaf: nothing here asks the process; what it sees comes in as an [`Environment`].

mod dotenv;
mod environment;
mod yaml;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub use environment::Environment;

/// The settings of one configuration file, or the defaults.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Settings of the daemon.
    pub server: Server,
    /// Changes to the agent catalog, by agent key.
    pub agents: BTreeMap<String, AgentConfig>,
    /// Prompts typed into each new session once its agent is ready.
    pub init_prompts: Vec<String>,
    /// How turns are kept and begun.
    pub turns: Turns,
    /// Strict turn order.
    pub turnq: Turnq,
    /// The file these came from; none if there is none.
    pub source: Option<PathBuf>,
    /// The file's text as it is; empty if there is none.
    pub text: String,
    /// What was read but not understood, one sentence each, with the file's name.
    pub warnings: Vec<String>,
}

/// Settings of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Server {
    /// The TCP port of `server start`, when neither the flag nor `LLMUXD_PORT` names one.
    pub port: Option<u16>,
    /// Further names under which the daemon is reached over the network; `*.` stands for all below a domain.
    pub allowed_hosts: Vec<String>,
    /// Whether the audit record holds what was typed, and not only its digest.
    pub audit_text: bool,
}

/// Changes to one agent of the catalog; an absent field leaves the catalog's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentConfig {
    /// Its name for people.
    pub display_name: Option<String>,
    /// The program, with words before the flags if need be.
    pub cmd: Option<String>,
    /// The flags; empty for none.
    pub flags: Option<String>,
    /// Environment set over the catalog's.
    pub env: BTreeMap<String, String>,
    /// A regular expression that the bottom of the screen matches when the agent waits for a prompt.
    pub ready_prompt: Option<String>,
    /// Models to choose from.
    pub models: Vec<String>,
    /// Whether its own files may be changed so that it starts without a question; they may unless this says no.
    pub pre_spawn: Option<bool>,
}

/// How turns are kept and begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Turns {
    /// How many turns of a session the journal keeps.
    pub keep: usize,
    /// For how many days it keeps them.
    pub days: u64,
    /// How long a prompt waits for its agent to be ready, in milliseconds.
    pub ready_timeout_ms: u64,
}

/// Strict turn order.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Turnq {
    /// Whether prompts wait for the turn before to end.
    pub enabled: bool,
    /// A turnq server; without it turns are kept on this host.
    pub url: Option<String>,
    /// How long one turn may hold the others, in milliseconds.
    pub max_hold_ms: Option<u64>,
    /// What the turnq server knows us by; a secret.
    pub api_key: Option<String>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            keep: 1000,
            days: 90,
            ready_timeout_ms: 10_000,
        }
    }
}

impl fmt::Debug for Turnq {
    /// Shows all but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turnq")
            .field("enabled", &self.enabled)
            .field("url", &self.url)
            .field("max_hold_ms", &self.max_hold_ms)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .finish()
    }
}

impl fmt::Debug for Config {
    /// Shows all but the text, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("agents", &self.agents)
            .field("init_prompts", &self.init_prompts)
            .field("turns", &self.turns)
            .field("turnq", &self.turnq)
            .field("source", &self.source)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Says which file could not be used, and where in it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file asked for by `--config` does not exist.
    #[error("there is no configuration file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists and can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The text is not YAML, or a value has the wrong type. Line and column count from 1.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        column: u64,
        /// What is wrong.
        message: String,
    },
}

impl ConfigError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "leave --config out to use ./.llmux.yaml or ~/.config/llmux/config.yaml".to_owned()
            }
            Self::Read { path, .. } => format!("make {} readable, or move it away", path.display()),
            Self::NotText { path } => format!("save {} as UTF-8", path.display()),
            Self::Syntax { line, .. } => format!("correct line {line}; nothing of the file was used"),
        }
    }
}

impl Config {
    /// The file that [`Config::load`] would read here; another working directory may have another one.
    #[must_use]
    pub fn find(env: &Environment) -> Option<PathBuf> {
        candidates(env).find(|path| path.exists())
    }

    /// Finds and reads the configuration: `explicit` (of `--config`), `./.llmux.yaml`, `~/.config/llmux/config.yaml`,
    /// the file `$LLMUX_CONFIG` names if it exists, else the defaults. The first one found is the only one read.
    ///
    /// # Errors
    ///
    /// `explicit` does not exist, or the file found can't be read or understood.
    pub fn load(explicit: Option<&Path>, env: &Environment) -> Result<Self, ConfigError> {
        if let Some(path) = explicit {
            let path = env.resolve(path);
            return match read(&path)? {
                Some(text) => yaml::parse(&path, text),
                None => Err(ConfigError::Missing { path }),
            };
        }
        for path in candidates(env) {
            if let Some(text) = read(&path)? {
                return yaml::parse(&path, text);
            }
        }
        Ok(Self::default())
    }
}

/// Where a configuration file is looked for if none is named; the first that exists is the one.
fn candidates(env: &Environment) -> impl Iterator<Item = PathBuf> {
    let named = env.os("LLMUX_CONFIG").map(|path| env.resolve(Path::new(path)));
    [
        env.cwd().join(".llmux.yaml"),
        env.home().join(".config/llmux/config.yaml"),
    ]
    .into_iter()
    .chain(named)
}

/// Reads a text file; none if there is no such file.
fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read(path) {
        Ok(content) => String::from_utf8(content)
            .map(Some)
            .map_err(|_| ConfigError::NotText {
                path: path.to_owned(),
            }),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(ConfigError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("home/.config/llmux")).unwrap();
            fs::create_dir_all(dir.path().join("work")).unwrap();
            Self(dir)
        }

        fn write(&self, path: &str, port: u16) -> PathBuf {
            let path = self.0.path().join(path);
            fs::write(&path, format!("server: {{port: {port}}}\n")).unwrap();
            path
        }

        fn port(&self, explicit: Option<&Path>) -> Option<u16> {
            let named = self.0.path().join("named.yaml");
            let vars = [("LLMUX_CONFIG", named.to_str().unwrap())];
            let env = Environment::new(&self.0.path().join("home"), &self.0.path().join("work"), vars);
            Config::load(explicit, &env).unwrap().server.port
        }
    }

    #[test]
    fn the_first_file_of_the_order_is_the_only_one_read() {
        let home = Home::new();
        assert_eq!(home.port(None), None);
        home.write("named.yaml", 4);
        assert_eq!(home.port(None), Some(4));
        home.write("home/.config/llmux/config.yaml", 3);
        assert_eq!(home.port(None), Some(3));
        home.write("work/.llmux.yaml", 2);
        assert_eq!(home.port(None), Some(2));
        let explicit = home.write("explicit.yaml", 1);
        assert_eq!(home.port(Some(&explicit)), Some(1));
    }

    #[test]
    fn an_explicit_file_must_exist() {
        let env = Environment::new(Path::new("/nowhere"), Path::new("/nowhere"), []);
        let error = Config::load(Some(Path::new("x.yaml")), &env).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no configuration file /nowhere/x.yaml"
        );
        assert_eq!(Config::load(None, &env).unwrap(), Config::default());
    }
}
