//! GitHub Copilot CLI: `session-store.db` for the list, `events.jsonl` for each, as measured with 1.0.102.

use std::path::{Path, PathBuf};

use rusqlite::Row;

use super::{Conversation, History, Place, Store, database, stamp, title};
use crate::agent::transcript::layout::is_name;

const LIST: &str = "SELECT id, summary, created_at, updated_at FROM sessions WHERE cwd = ?1";

fn root(place: &Place) -> PathBuf {
    place.variable("COPILOT_HOME", ".copilot")
}

pub(super) fn dirs(place: &Place) -> Vec<PathBuf> {
    vec![root(place), root(place).join("session-state")]
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let path = root(place).join("session-store.db");
    let read = &mut |row: &Row<'_>| conversation(history, place, row);
    let listed = database::listed(&path, &place.cwds(), LIST, read);
    listed.unwrap_or_else(|error| {
        history.warn(&path, &error);
        Vec::new()
    })
}

fn conversation(history: &History, place: &Place, row: &Row<'_>) -> rusqlite::Result<Option<Conversation>> {
    let id: String = row.get("id")?;
    let Some(path) = find(place, &id) else {
        return Ok(None);
    };
    let text = |name| database::optional::<String>(row, name);
    let time = |name| stamp::parse(&text(name)?);
    let scan = |path: &Path| {
        let told = |summary: &super::scan::Summary| (summary.messages, summary.head.title.clone());
        path.is_file()
            .then(|| history.scan(Store::Copilot, path, told))
            .flatten()
    };
    let Some((messages, asked)) = scan(&path) else {
        return Ok(None);
    };
    let summary = text("summary").and_then(|summary| title::clean(&summary));
    Ok((messages > 0).then_some(Conversation {
        id,
        title: summary.or(asked),
        started: time("created_at"),
        last: time("updated_at"),
        messages,
        path,
    }))
}

pub(super) fn find(place: &Place, id: &str) -> Option<PathBuf> {
    let sessions = root(place).join("session-state");
    is_name(id).then(|| sessions.join(id).join("events.jsonl"))
}
