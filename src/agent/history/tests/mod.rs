//! The adapters on fixtures, and what goes wrong.

mod adapters;
mod bad_input;
mod faults;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;

pub(super) const CWD: &str = "/w/demo.proj";

/// A home directory with one conversation of each agent.
pub(super) struct Home {
    pub(super) root: tempfile::TempDir,
    pub(super) history: History,
}

impl Home {
    pub(super) fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            history: History::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.at(CWD)
    }

    pub(super) fn at(&self, cwd: &str) -> Place {
        Place::new(self.root.path(), Path::new(cwd))
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(super) fn put(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn sql(&self, path: &str, name: &str) -> rusqlite::Connection {
        let path = self.put(path, "");
        let database = rusqlite::Connection::open(path).unwrap();
        database.pragma_update(None, "journal_mode", "wal").unwrap();
        database.execute_batch(&fixture(name)).unwrap();
        database
    }

    pub(super) fn list(&self, store: Store) -> Vec<Conversation> {
        self.history.list(store, &self.place())
    }

    pub(super) fn only(&self, store: Store) -> Conversation {
        let found = self.list(store);
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    /// The turns of a conversation, one line each.
    pub(super) fn told(&self, store: Store, id: &str) -> Vec<String> {
        let turns = self.history.read(store, &self.place(), id, 100).unwrap();
        turns.iter().map(shown).collect()
    }
}

pub(super) fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = fs::read_to_string(root.join(name)).unwrap();
    text.replace("{cwd}", CWD)
}

pub(super) fn shown(turn: &Turn) -> String {
    let parts = turn.parts.iter().map(|part| match part {
        Part::Text { text } => text.replace('\n', "/"),
        Part::ToolUse { id, name, input } => format!("{name}({input})#{}", id.as_deref().unwrap_or("")),
        Part::ToolResult {
            for_id,
            text,
            is_error,
        } => {
            let bad = if *is_error { "!" } else { "" };
            format!("={bad}{text}#{}", for_id.as_deref().unwrap_or(""))
        }
    });
    let parts: Vec<String> = parts.collect();
    format!("{:?}: {}", turn.role, parts.join(" | "))
}

pub(super) fn user(text: &str) -> String {
    let message = serde_json::json!({"type": "user", "cwd": CWD, "message": {"content": text}});
    format!("{message}\n")
}
