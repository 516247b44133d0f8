//! Goose: `sessions.db`, as measured with 1.52.0.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Row, params};
use serde_json::Value;

use super::{
    Conversation, History, Part, Place, Role, Turn,
    database::{self, open},
    source::{Mark, Source, Visit},
    stamp, title,
    tool::{call, contents, result},
};
use crate::agent::transcript::record::{kind, str_at};

const LIST: &str = "SELECT *, (SELECT count(*) FROM messages WHERE session_id = sessions.id) AS messages,
        (SELECT content_json FROM messages WHERE session_id = sessions.id AND role = 'user'
            ORDER BY id LIMIT 1) AS first
    FROM sessions WHERE working_dir = ?1";

const MESSAGES: &str = "SELECT * FROM messages WHERE session_id = ?1 AND id > ?2 ORDER BY id";

pub(super) fn database(place: &Place) -> PathBuf {
    let data = place.variable("XDG_DATA_HOME", ".local/share");
    data.join("goose/sessions/sessions.db")
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let path = database(place);
    let listed = database::listed(&path, &place.cwds(), LIST, &mut |row| conversation(&path, row));
    listed.unwrap_or_else(|error| {
        history.warn(&path, &error);
        Vec::new()
    })
}

fn conversation(path: &Path, row: &Row<'_>) -> rusqlite::Result<Option<Conversation>> {
    let text = |name| database::optional::<String>(row, name);
    let messages = row.get::<_, i64>("messages")?;
    let is_hidden = text("archived_at").is_some() || text("parent_session_id").is_some();
    if messages == 0 || is_hidden {
        return Ok(None);
    }
    let named = || {
        ["name", "description"]
            .iter()
            .find_map(|name| title::clean(&text(name)?))
    };
    let asked = || {
        let first: Value = serde_json::from_str(&text("first")?).ok()?;
        title::clean(&contents(&first))
    };
    Ok(Some(Conversation {
        id: row.get("id")?,
        title: named().or_else(asked),
        started: text("created_at").and_then(|at| stamp::parse(&at)),
        last: text("updated_at").and_then(|at| stamp::parse(&at)),
        messages: messages.unsigned_abs(),
        path: path.to_owned(),
    }))
}

pub(super) fn find(history: &History, place: &Place, id: &str) -> Option<Source> {
    let path = database(place);
    let is_it = list(history, place).iter().any(|one| one.id == id);
    is_it.then(|| Source::Goose {
        path,
        id: id.to_owned(),
    })
}

/// Gives the messages from the mark on.
pub(super) fn each(path: &Path, id: &str, mark: &mut Mark, visit: &mut Visit<'_>) -> io::Result<bool> {
    let database = open(path)?;
    let mut run = || -> rusqlite::Result<()> {
        let mut query = database.prepare(MESSAGES)?;
        let mut rows = query.query(params![id, mark.row])?;
        while let Some(row) = rows.next()? {
            mark.row = row.get("id")?;
            if turns(row, mark.row)?
                .into_iter()
                .try_for_each(&mut *visit)
                .is_break()
            {
                break;
            }
        }
        Ok(())
    };
    run().map_err(io::Error::other)?;
    Ok(false)
}

fn turns(row: &Row<'_>, number: i64) -> rusqlite::Result<Vec<Turn>> {
    let hidden = database::optional::<String>(row, "metadata_json")
        .is_some_and(|about| about.contains(r#""userVisible":false"#));
    if hidden {
        return Ok(Vec::new());
    }
    let content: String = row.get("content_json")?;
    let content: Value = serde_json::from_str(&content).unwrap_or_default();
    let role: String = row.get("role")?;
    let role = if role == "user" {
        Role::User
    } else {
        Role::Assistant
    };
    let (results, said): (Vec<Part>, Vec<Part>) = content
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(part)
        .partition(|part| matches!(part, Part::ToolResult { .. }));
    let at = database::optional::<i64>(row, "created_timestamp")
        .and_then(|secs| stamp::millis(secs.saturating_mul(1000)));
    let turn =
        |id: String, role, parts: Vec<Part>| (!parts.is_empty()).then_some(Turn { id, role, at, parts });
    let told = turn(format!("{number}"), role, said);
    let done = turn(format!("{number}:tool"), Role::Tool, results);
    Ok(told.into_iter().chain(done).collect())
}

fn part(block: &Value) -> Option<Part> {
    let id = str_at(block, "/id");
    match kind(block) {
        "text" => str_at(block, "/text")
            .filter(|text| !text.is_empty())
            .map(Part::text),
        "toolRequest" => {
            let tool = &block["toolCall"]["value"];
            let name = str_at(tool, "/name").unwrap_or_default();
            Some(call(id, name, tool["arguments"].clone()))
        }
        "toolResponse" => {
            let found = &block["toolResult"];
            let value = &found["value"];
            let shown = found
                .get("error")
                .or_else(|| value.get("content"))
                .unwrap_or(value);
            let failed = found["status"] == "error" || value["isError"] == true;
            Some(result(id, contents(shown), failed))
        }
        _ => None,
    }
}
