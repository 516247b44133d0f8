//! Hooks: how an agent is made to tell what happens in it, for one session alone.
//!
//! What is written where and said how is data of the catalog. Nothing is written outside of the session's own directory,
//! and whatever a person has set up himself stays: where an agent would take ours in its place, ours are left out.

mod fill;
mod unless;

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path},
};

use serde::Deserialize;

use self::{
    fill::{Context, Filler},
    unless::Unless,
};
use super::{split, trust::Surroundings};

/// How an agent is made to call `llmux hook`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hooks {
    events: Vec<String>,
    /// What stands for one event in a file.
    #[serde(default)]
    event: String,
    /// Texts by their paths below the session's directory.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Words between the command and its flags.
    #[serde(default)]
    flags: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// What a person can have set up that would be lost.
    #[serde(default)]
    unless: Vec<Unless>,
}

/// What starts an agent with its hooks set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetUp {
    /// Words between its command and its flags.
    pub words: Vec<String>,
    /// Variables over all others.
    pub env: BTreeMap<String, String>,
}

impl Hooks {
    /// The events that it tells of, in its own words.
    #[must_use]
    pub fn events(&self) -> &[String] {
        &self.events
    }

    /// What of a person's own would be lost by setting them up, if anything would.
    #[must_use]
    pub fn kept_out_by(&self, argv: &[String], around: Surroundings<'_>) -> Option<String> {
        self.unless.iter().find_map(|unless| unless.holds(argv, around))
    }

    /// Writes the files into a directory that is made for them, and says what makes the agent find them. `hook` is the
    /// command that takes an event as its next word.
    ///
    /// # Errors
    ///
    /// The directory is there already, a file can't be written, or the catalog's data is wrong.
    pub fn set_up(&self, dir: &Path, hook: &[String]) -> io::Result<SetUp> {
        let filler = Filler::new(dir, hook, &self.events, &self.event)?;
        DirBuilder::new().mode(0o700).create(dir)?;
        for (name, text) in &self.files {
            write(dir, name, &filler.fill(text, Context::Text))?;
        }
        let words = split(&self.flags).map_err(|error| bad(&error.to_string()))?;
        let raw = |text: &String| filler.fill(text, Context::Raw);
        Ok(SetUp {
            words: words.iter().map(raw).collect(),
            env: self
                .env
                .iter()
                .map(|(name, text)| (name.clone(), raw(text)))
                .collect(),
        })
    }
}

fn write(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let is_below = |part| matches!(part, Component::Normal(_));
    if !Path::new(name).components().all(is_below) {
        return Err(bad(&format!(
            "hooks.files: {name:?} is no path below a directory"
        )));
    }
    let path = dir.join(name);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path.parent().unwrap_or(dir))?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Removes the directories of hooks in `all` whose names are not among these. What can't be removed stays.
pub fn sweep(all: &Path, is_used: impl Fn(&str) -> bool) {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    for entry in entries {
        if !entry.file_name().to_str().is_some_and(&is_used) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
