//! An agent's stored conversations: listed, named, read, followed and searched.
//!
//! A leaf: it reads files and knows no session and no pane. Every function blocks on the disk, so an async caller runs it
//! on a thread of its own (`spawn_blocking`). What can't be read is warned of once and left out; nothing is ever written.
//! Memory is bounded: a file is read line by line, and a line above 32 MiB is passed over.

mod agy;
mod aider;
mod cache;
mod r#continue;
mod copilot;
mod database;
mod document;
mod files;
mod follow;
mod goose;
mod grok;
mod lines;
mod opencode;
mod record;
mod scan;
mod search;
mod shape;
mod source;
mod stamp;
mod title;
mod tool;
mod turn;

use std::{
    cmp::Reverse,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Deserialize;

use self::source::Source;
pub use self::{
    cache::History,
    follow::{Follow, Step},
    search::{Hit, Limits},
    turn::{Part, Role, Turn},
};
/// Where an agent runs; its `id` and `since` are not looked at here.
pub use super::transcript::Place;

/// Where an agent keeps its conversations, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// The built-in demo agent: a file of lines each.
    Demo,
    /// Claude Code: a file of lines each, in a folder per working directory.
    Claude,
    /// Codex CLI: a file of lines each, in a folder per day.
    Codex,
    /// Antigravity CLI: one file of prompts, and one of lines per conversation.
    Agy,
    /// Gemini CLI: a file of lines each, in a folder per project.
    Gemini,
    /// Qwen Code: a file of lines each, in a folder per working directory.
    Qwen,
    /// `OpenCode`: `SQLite`.
    Opencode,
    /// GitHub Copilot CLI: `SQLite` for the list, a file of lines for each.
    Copilot,
    /// Grok Build CLI: a folder each.
    Grok,
    /// Continue CLI: a JSON document each, and an index of them.
    Continue,
    /// Goose: `SQLite`.
    Goose,
    /// Aider: one Markdown file for all conversations of a working directory. It knows no ids; ours is the time it began.
    Aider,
}

/// One stored conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// What the agent knows it by.
    pub id: String,
    /// One line of at most 80 characters, without control characters and without llmux' marker; none if nothing was asked yet.
    pub title: Option<String>,
    /// When it began.
    pub started: Option<SystemTime>,
    /// When something was last said.
    pub last: Option<SystemTime>,
    /// About how many messages of user and agent it has: records are counted, not understood.
    pub messages: u64,
    /// The file that holds it, or the database.
    pub path: PathBuf,
}

impl History {
    /// Lists the conversations of a place, the newest first. Those in which nothing was said yet are left out.
    #[must_use]
    pub fn list(&self, store: Store, place: &Place) -> Vec<Conversation> {
        let found = match store {
            Store::Agy => agy::list(self, place),
            Store::Opencode => opencode::list(self, place),
            Store::Copilot => copilot::list(self, place),
            Store::Grok => grok::list(self, place),
            Store::Continue => r#continue::list(self, place),
            Store::Goose => goose::list(self, place),
            Store::Aider => aider::list(self, place),
            Store::Demo | Store::Claude | Store::Codex | Store::Gemini | Store::Qwen => {
                files::list(self, store, place)
            }
        };
        let mut found = found;
        found.sort_by(|a, b| (Reverse(a.last), &a.id).cmp(&(Reverse(b.last), &b.id)));
        found
    }

    /// Counts them.
    #[must_use]
    pub fn count(&self, store: Store, place: &Place) -> usize {
        self.list(store, place).len()
    }

    /// The title of a conversation, if it has one.
    #[must_use]
    pub fn title(&self, store: Store, place: &Place, id: &str) -> Option<String> {
        if let Some(path) = self.lines_of(store, place, id) {
            return self.scan(store, &path, |summary| summary.head.title.clone())?;
        }
        let found = self.list(store, place).into_iter();
        found.filter(|one| one.id == id).find_map(|one| one.title)
    }

    /// The file, or the database, of a conversation; without an id, of the newest of the place.
    #[must_use]
    pub fn path(&self, store: Store, place: &Place, id: Option<&str>) -> Option<PathBuf> {
        match id {
            Some(id) => self
                .source(store, place, id)
                .map(|source| source.path().to_owned()),
            None => self.list(store, place).into_iter().next().map(|one| one.path),
        }
    }

    /// Reads the last turns of a conversation, at most `last` of them and about 64 MiB.
    ///
    /// # Errors
    ///
    /// Fails with `NotFound` if there is no such conversation, and if it can't be read.
    pub fn read(&self, store: Store, place: &Place, id: &str, last: usize) -> io::Result<Vec<Turn>> {
        self.follow(store, place, id, last).map(|(turns, _)| turns)
    }

    /// Reads as [`History::read`] does, and gives what reads on from there.
    ///
    /// # Errors
    ///
    /// As [`History::read`].
    pub fn follow(
        &self,
        store: Store,
        place: &Place,
        id: &str,
        last: usize,
    ) -> io::Result<(Vec<Turn>, Follow)> {
        let source = self.source(store, place, id);
        Follow::begin(source.ok_or(io::ErrorKind::NotFound)?, last)
    }

    /// The directories in which something changes when a conversation of the place does, or begins; not all of them are there.
    #[must_use]
    pub fn dirs(&self, store: Store, place: &Place) -> Vec<PathBuf> {
        match store {
            Store::Agy => vec![agy::root(place)],
            Store::Copilot => copilot::dirs(place),
            Store::Grok => grok::folders(place).collect(),
            Store::Opencode => vec![above(&opencode::database(place))],
            Store::Goose => vec![above(&goose::database(place))],
            Store::Continue => vec![r#continue::sessions(place)],
            Store::Aider => vec![above(&aider::file(place))],
            Store::Demo | Store::Claude | Store::Codex | Store::Gemini | Store::Qwen => {
                files::dirs(self, store, place)
            }
        }
    }

    /// Searches the words of all conversations of a place, the newest first, without regard to case.
    #[must_use]
    pub fn search(&self, store: Store, place: &Place, text: &str, limits: Limits) -> Vec<Hit> {
        search::run(self, store, place, text, limits)
    }

    fn lines_of(&self, store: Store, place: &Place, id: &str) -> Option<PathBuf> {
        match store {
            Store::Demo | Store::Claude | Store::Codex | Store::Gemini | Store::Qwen => {
                files::find(self, store, place, id)
            }
            _ => None,
        }
    }

    fn source(&self, store: Store, place: &Place, id: &str) -> Option<Source> {
        let lines = |path: PathBuf| Source::Lines(store, path);
        let is_there = |path: &Path| path.is_file();
        match store {
            Store::Agy => agy::find(place, id).filter(|path| is_there(path)).map(lines),
            Store::Copilot => copilot::find(place, id).filter(|path| is_there(path)).map(lines),
            Store::Grok => grok::find(place, id).filter(|path| is_there(path)).map(lines),
            Store::Opencode => opencode::find(self, place, id),
            Store::Goose => goose::find(self, place, id),
            Store::Continue => r#continue::find(place, id),
            Store::Aider => aider::find(self, place, id),
            _ => self.lines_of(store, place, id).map(lines),
        }
    }
}

impl Store {
    /// Whether each conversation has a file of its own, so that who writes it is known by it.
    #[must_use]
    pub fn has_a_file_each(self) -> bool {
        !matches!(self, Self::Opencode | Self::Goose | Self::Aider)
    }
}

fn above(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests;
