//! The process's surroundings, looked at once.

use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{
    ConfigError,
    dotenv::{self, Dotenv},
};

/// Environment variables, home, working directory and program path, as values.
///
/// Library functions take this instead of asking the process, so that a test decides what they see.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    vars: HashMap<OsString, OsString>,
    /// What the `.env` file said when it was read.
    dotenv: Dotenv,
    /// In which of its lines stands what the process's own environment does not say.
    lines: HashMap<String, usize>,
    home: PathBuf,
    cwd: PathBuf,
    exe: PathBuf,
}

impl Environment {
    /// Looks at the process. Reads no file.
    #[must_use]
    pub fn capture() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            dotenv: Dotenv::default(),
            lines: HashMap::new(),
            home: etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/")),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            exe: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("llmux")),
        }
    }

    /// Makes an environment of these variables, home and working directory; the program is `llmux`.
    pub fn new<'a>(home: &Path, cwd: &Path, vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            vars: vars.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            dotenv: Dotenv::default(),
            lines: HashMap::new(),
            home: home.to_owned(),
            cwd: cwd.to_owned(),
            exe: PathBuf::from("llmux"),
        }
    }

    /// Where the operator's own rows of the agent catalog are: `$XDG_CONFIG_HOME/llmux/agents.d`, else below `~/.config`.
    #[must_use]
    pub fn agents_dir(&self) -> PathBuf {
        self.xdg("XDG_CONFIG_HOME", ".config").join("llmux/agents.d")
    }

    /// Adds the variables of `$XDG_CONFIG_HOME/llmux/.env`, else `~/.config/llmux/.env`; the process's own win.
    ///
    /// # Errors
    ///
    /// The file exists and can't be read. A missing file is no error.
    pub fn load_dotenv(&mut self) -> Result<(), ConfigError> {
        self.dotenv = dotenv::read(&self.dotenv_path())?;
        for said in &self.dotenv.assignments {
            if let Entry::Vacant(place) = self.vars.entry(OsString::from(&said.name)) {
                place.insert(OsString::from(&said.value));
                self.lines.insert(said.name.clone(), said.line);
            }
        }
        Ok(())
    }

    /// What is odd about that file, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let (path, odd) = (self.dotenv_path(), self.dotenv.odd.iter());
        odd.map(|(line, said)| format!("{}:{line}: {said}", path.display()))
            .collect()
    }

    /// Where a variable is from, `FILE:LINE`, if it is from that file.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<String> {
        let line = self.lines.get(name)?;
        Some(format!("{}:{line}", self.dotenv_path().display()))
    }

    /// The file that [`Environment::load_dotenv`] reads.
    #[must_use]
    pub fn dotenv_path(&self) -> PathBuf {
        self.xdg("XDG_CONFIG_HOME", ".config").join("llmux/.env")
    }

    /// Whether that file says something else by now. One that can't be read says nothing else.
    #[must_use]
    pub fn has_new_dotenv(&self) -> bool {
        dotenv::read(&self.dotenv_path()).is_ok_and(|now| now != self.dotenv)
    }

    /// A variable's value; an empty one counts as unset.
    #[must_use]
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.vars
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable's value as text; an empty one, or one that is not UTF-8, counts as unset.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.os(name)?.to_str()
    }

    /// All variables, unordered.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The working directory.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// This program's file.
    #[must_use]
    pub fn exe(&self) -> &Path {
        &self.exe
    }

    /// An XDG base directory: the variable if it holds an absolute path, else `default` under the home directory.
    #[must_use]
    pub fn xdg(&self, name: &str, default: &str) -> PathBuf {
        self.absolute(name).unwrap_or_else(|| self.home.join(default))
    }

    /// A variable's value if it is an absolute path (relative ones are invalid by the XDG specification).
    #[must_use]
    pub fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Makes a path absolute as a person means it: a leading `~` is the home directory, else relative to the working directory.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let joined = match path.strip_prefix("~") {
            Ok(rest) => self.home.join(rest),
            Err(_) => self.cwd.join(path),
        };
        tidy(&joined)
    }
}

/// Takes out `.` and applies `..` by the letter, as a shell's logical `cd` does; links stay as they were named.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(vars: &[(&'static str, &'static str)]) -> Environment {
        Environment::new(Path::new("/home/u"), Path::new("/w/a"), vars.iter().copied())
    }

    #[test]
    fn paths_resolve_as_a_person_means_them() {
        let env = environment(&[]);
        for (typed, meant) in [
            ("~", "/home/u"),
            ("~/x", "/home/u/x"),
            (".", "/w/a"),
            ("../b/./c", "/w/b/c"),
            ("/etc/", "/etc"),
            ("../../../..", "/"),
            ("~other", "/w/a/~other"),
        ] {
            assert_eq!(env.resolve(Path::new(typed)), Path::new(meant), "{typed}");
        }
    }

    #[test]
    fn a_relative_or_empty_xdg_variable_counts_as_unset() {
        for value in ["", "state"] {
            let env = environment(&[("XDG_STATE_HOME", value)]);
            assert_eq!(
                env.xdg("XDG_STATE_HOME", ".local/state"),
                Path::new("/home/u/.local/state")
            );
        }
        let env = environment(&[("XDG_STATE_HOME", "/s")]);
        assert_eq!(env.xdg("XDG_STATE_HOME", ".local/state"), Path::new("/s"));
    }

    #[test]
    fn the_process_wins_over_the_dotenv_file() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".config/llmux")).unwrap();
        std::fs::write(home.path().join(".config/llmux/.env"), "A=file\nB=file\n").unwrap();
        let mut env = Environment::new(home.path(), home.path(), [("A", "process")]);
        env.load_dotenv().unwrap();
        assert_eq!((env.text("A"), env.text("B")), (Some("process"), Some("file")));
        assert_eq!(env.place("A"), None, "it is the process's own");
        assert!(env.place("B").unwrap().ends_with("/llmux/.env:2"));
        assert!(!env.has_new_dotenv());
        std::fs::write(env.dotenv_path(), "A=file\n").unwrap();
        assert!(env.has_new_dotenv());
    }
}
