//! The operator's settings: where the file is found, what it may say, and the process's surroundings.
//!
//! A leaf: nothing here asks the process; what it sees comes in as an [`Environment`].

mod dotenv;
mod environment;
mod fault;
mod file;
mod mistakes;
mod overlay;
mod settings;
mod text;

use std::{
    fmt, io,
    ops::Deref,
    path::{Path, PathBuf},
};

pub use self::{
    environment::Environment,
    overlay::Overlay,
    settings::{
        AgentConfig, Limits, News, Notifications, Planned, Restart, Retention, Server, Settings, TmuxServer,
        Turnq, Turns,
    },
};
pub(crate) use self::{file::read_regular, text::parse};

/// The longest file that is read: what the Settings page can write, and more.
const MAX_FILE: u64 = 16 << 20;

/// What the daemon goes by: the settings of one file, with what the Settings page put over them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The settings in effect.
    pub settings: Settings,
    /// The file these came from; none if there is none.
    pub source: Option<PathBuf>,
    /// The file's text as it is; empty if there is none.
    pub text: String,
    /// What the Settings page changed.
    pub overlay: Overlay,
    /// The overlay's text as it is; empty if there is none.
    pub overlay_text: String,
    /// Why the overlay is left out, if it is.
    pub overlay_fault: Option<String>,
    /// What the operator should know, one sentence each.
    pub warnings: Vec<String>,
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl fmt::Debug for Config {
    /// Shows all but the texts, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("settings", &self.settings)
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
    /// The file that was read before has gone.
    #[error("{} has gone", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The file that was read before says nothing any more.
    #[error("{} is empty", path.display())]
    Empty {
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
            Self::Gone { .. } => "put it back, or start the daemon again to go on without it".to_owned(),
            Self::Empty { .. } => "a line of comment says that it is meant to be empty".to_owned(),
            Self::Read { path, .. } => format!(
                "{} must be a regular file that can be read; else move it away",
                path.display()
            ),
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

    /// Whether `$LLMUX_CONFIG` names this file.
    #[must_use]
    pub fn is_named(path: &Path, env: &Environment) -> bool {
        let named = env.os("LLMUX_CONFIG");
        named.is_some_and(|named| env.resolve(Path::new(named)) == path)
    }

    /// Leaves out the sessions that the file plans, and says so. To come into a directory must not run its commands.
    pub fn leave_out_sessions(&mut self) {
        let planned = std::mem::take(&mut self.settings.sessions);
        if let (false, Some(source)) = (planned.is_empty(), &self.source) {
            self.warnings.push(format!(
                "{}: sessions are not started, because the daemon came up by itself in that directory; \
                 `llmux server start` starts them, and so does LLMUX_CONFIG, if it names the file",
                source.display()
            ));
        }
    }

    /// Finds and reads the configuration: `explicit` (of `--config`), `./.llmux.yaml`, `./.llmux.toml`,
    /// `~/.config/llmux/config.yaml`, `config.toml` beside it, the file `$LLMUX_CONFIG` names if it exists, else the
    /// defaults. The first one found is the only one read; over it goes `~/.config/llmux/overrides.yaml`.
    ///
    /// # Errors
    ///
    /// `explicit` does not exist, or the file found can't be read or understood. A bad overlay is only warned of.
    pub fn load(explicit: Option<&Path>, env: &Environment) -> Result<Self, ConfigError> {
        let mut config = Self::base(explicit, env)?;
        config.warn();
        config.warnings.extend(env.warnings());
        if let Err(error) = config.put_over(&Self::overlay_path(env)) {
            config.warnings.push(format!("{error}; it is left out"));
            config.overlay_fault = Some(error.to_string());
        }
        Ok(config)
    }

    /// Reads it again. A file that is away for a moment, while it is written say, is not taken for the wish to have none.
    ///
    /// # Errors
    /// As [`Config::load`], and when the file that this configuration was read from has gone or is empty now.
    pub fn load_again(&self, explicit: Option<&Path>, env: &Environment) -> Result<Self, ConfigError> {
        let now = Self::load(explicit, env)?;
        match &self.source {
            Some(path) if now.source.as_ref() != Some(path) && !path.exists() => {
                Err(ConfigError::Gone { path: path.clone() })
            }
            Some(path)
                if now.source.as_ref() == Some(path) && now.text.is_empty() && !self.text.is_empty() =>
            {
                Err(ConfigError::Empty { path: path.clone() })
            }
            _ => Ok(now),
        }
    }

    /// The files that [`Config::load`] may read, whether they are there or not.
    #[must_use]
    pub fn files(explicit: Option<&Path>, env: &Environment) -> Vec<PathBuf> {
        let mut files = match explicit {
            Some(path) => vec![env.resolve(path)],
            None => candidates(env).collect(),
        };
        files.push(Self::overlay_path(env));
        files
    }

    /// The same with another overlay, whose keys replace those of the one before.
    ///
    /// # Errors
    /// Never for values that were read or came as JSON.
    pub fn with(mut self, overlay: Overlay) -> Result<Self, serde_saphyr::ser::Error> {
        self.overlay_text = overlay.render()?;
        overlay.apply(&mut self.settings);
        self.overlay = overlay;
        Ok(self)
    }

    /// Where the Settings page writes.
    #[must_use]
    pub fn overlay_path(env: &Environment) -> PathBuf {
        env.home().join(".config/llmux/overrides.yaml")
    }

    fn base(explicit: Option<&Path>, env: &Environment) -> Result<Self, ConfigError> {
        if let Some(path) = explicit {
            let path = env.resolve(path);
            return match read(&path)? {
                Some(text) => Self::of(path, text),
                None => Err(ConfigError::Missing { path }),
            };
        }
        for path in candidates(env) {
            if let Some(text) = read(&path)? {
                return Self::of(path, text);
            }
        }
        Ok(Self::default())
    }

    fn of(path: PathBuf, text: String) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: text::parse(&path, &text)?,
            source: Some(path),
            text,
            ..Self::default()
        })
    }

    fn put_over(&mut self, path: &Path) -> Result<(), ConfigError> {
        let Some(text) = read(path)? else {
            return Ok(());
        };
        self.overlay = Overlay::parse(path, &text)?;
        self.overlay.apply(&mut self.settings);
        self.overlay_text = text;
        Ok(())
    }

    /// What can be read and will not do what its author expects.
    fn warn(&mut self) {
        let Some(source) = &self.source else { return };
        let file = source.display();
        if self.settings.server.token.is_some() || self.settings.server.token_expiry.is_some() {
            self.warnings.push(format!(
                "{file}: server.token and server.tokenExpiry have no effect; `llmux token create` makes tokens"
            ));
        }
        for (key, limit, what) in [
            (
                "sessions",
                self.settings.limits.sessions,
                "no session can be started",
            ),
            (
                "viewers",
                Some(self.settings.limits.viewers),
                "nobody can look at a session",
            ),
        ] {
            if limit == Some(0) {
                let said = format!("limits.{key} is 0: {what}");
                self.warnings.push(self.at(&["limits", key], &said));
            }
        }
        let toml = source.with_extension("toml");
        if toml != *source && toml.exists() {
            self.warnings
                .push(format!("{} is not read: {file} comes before it", toml.display()));
        }
    }
}

/// Where a configuration file is looked for if none is named; the first that exists is the one.
fn candidates(env: &Environment) -> impl Iterator<Item = PathBuf> {
    let named = env.os("LLMUX_CONFIG").map(|path| env.resolve(Path::new(path)));
    let own = env.home().join(".config/llmux");
    [
        env.cwd().join(".llmux.yaml"),
        env.cwd().join(".llmux.toml"),
        own.join("config.yaml"),
        own.join("config.toml"),
    ]
    .into_iter()
    .chain(named)
}

/// Reads a text file; none if there is no such file.
fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match read_regular(path, MAX_FILE) {
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
    use std::fs;

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
    fn a_file_that_is_away_is_not_taken_for_none() {
        let home = Home::new();
        let env = Environment::new(&home.0.path().join("home"), &home.0.path().join("work"), []);
        let own = home.write("home/.config/llmux/config.yaml", 3);
        let before = Config::load(None, &env).unwrap();
        let again = || before.load_again(None, &env);
        fs::write(&own, "").unwrap();
        assert!(matches!(again(), Err(ConfigError::Empty { .. })));
        fs::write(&own, "# nothing\n").unwrap();
        assert_eq!(again().unwrap().server.port, None);
        fs::remove_file(&own).unwrap();
        assert!(matches!(again(), Err(ConfigError::Gone { .. })));
        // Another one that comes before it is a wish.
        home.write("home/.config/llmux/config.yaml", 3);
        home.write("work/.llmux.yaml", 2);
        assert_eq!(again().unwrap().server.port, Some(2));
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
