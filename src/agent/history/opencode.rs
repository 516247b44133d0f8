//! `OpenCode`: `opencode.db`, as measured with 1.18.33.

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

const LIST: &str = "SELECT id, title, time_created, time_updated,
        (SELECT count(*) FROM message WHERE session_id = session.id) AS messages
    FROM session WHERE directory = ?1 AND time_archived IS NULL AND parent_id IS NULL";

/// Ids of parts grow with time. The newest answer may still be written.
const PARTS: &str = "SELECT part.id AS part, part.data AS data, message.id AS message, message.data AS about,
        message.time_created AS at,
        message.id = (SELECT max(id) FROM message
            WHERE session_id = ?1 AND data LIKE '%\"role\":\"assistant\"%') AS newest
    FROM message JOIN part ON part.message_id = message.id
    WHERE message.session_id = ?1 AND part.id > ?2 ORDER BY part.id";

const FIRST: &str = "SELECT part.data FROM message JOIN part ON part.message_id = message.id
    WHERE message.session_id = ?1 AND message.data LIKE '%\"role\":\"user\"%' ORDER BY part.id LIMIT 8";

pub(super) fn database(place: &Place) -> PathBuf {
    let data = place.variable("XDG_DATA_HOME", ".local/share");
    data.join("opencode/opencode.db")
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let path = database(place);
    let listed = database::listed(&path, &place.cwds(), LIST, &mut |row| conversation(&path, row));
    let mut found = listed.unwrap_or_else(|error| {
        history.warn(&path, &error);
        Vec::new()
    });
    for one in found.iter_mut().filter(|one| one.title.is_none()) {
        one.title = first_prompt(&path, &one.id);
    }
    found
}

fn conversation(path: &Path, row: &Row<'_>) -> rusqlite::Result<Option<Conversation>> {
    let messages = row.get::<_, i64>("messages")?;
    let time = |name| database::optional(row, name).and_then(stamp::millis);
    Ok((messages > 0).then_some(Conversation {
        id: row.get("id")?,
        title: database::optional::<String>(row, "title").and_then(|title| title::clean(&title)),
        started: time("time_created"),
        last: time("time_updated"),
        messages: messages.unsigned_abs(),
        path: path.to_owned(),
    }))
}

/// The title where the model's own is about the marker.
fn first_prompt(path: &Path, id: &str) -> Option<String> {
    let database = open(path).ok()?;
    let mut query = database.prepare(FIRST).ok()?;
    let found = query.query_map([id], |row| row.get::<_, String>(0)).ok()?;
    found.flatten().find_map(|data| {
        let part: Value = serde_json::from_str(&data).ok()?;
        title::clean(str_at(&part, "/text")?)
    })
}

pub(super) fn find(history: &History, place: &Place, id: &str) -> Option<Source> {
    let path = database(place);
    let is_it = list(history, place).iter().any(|one| one.id == id);
    is_it.then(|| Source::Opencode {
        path,
        id: id.to_owned(),
    })
}

/// Gives the parts from the mark on, up to one that is still being written.
pub(super) fn each(path: &Path, id: &str, mark: &mut Mark, visit: &mut Visit<'_>) -> io::Result<bool> {
    let database = open(path)?;
    let mut run = || -> rusqlite::Result<()> {
        let mut query = database.prepare(PARTS)?;
        let mut rows = query.query(params![id, mark.part])?;
        while let Some(row) = rows.next()? {
            let json = |name| -> rusqlite::Result<Value> {
                let text: String = row.get(name)?;
                Ok(serde_json::from_str(&text).unwrap_or_default())
            };
            let (part, about) = (json("data")?, json("about")?);
            if row.get("newest")? && !is_over(&part, &about) {
                break;
            }
            mark.part = row.get("part")?;
            let message: String = row.get("message")?;
            let at = database::optional(row, "at").and_then(stamp::millis);
            let (role, parts) = read(&part, &about);
            let turn = Turn {
                id: format!("{message}:{}", mark.part),
                role,
                at,
                parts,
            };
            if !turn.parts.is_empty() && visit(turn).is_break() {
                break;
            }
        }
        Ok(())
    };
    run().map_err(io::Error::other)?;
    Ok(false)
}

fn is_over(part: &Value, about: &Value) -> bool {
    let ended = |value: &Value| value["time"].get("end").is_some();
    let over = !about["time"]["completed"].is_null() || !about["error"].is_null();
    over || match kind(part) {
        "text" | "reasoning" => ended(part),
        "tool" => ended(&part["state"]),
        _ => true,
    }
}

fn read(part: &Value, about: &Value) -> (Role, Vec<Part>) {
    match kind(part) {
        "text" if part["synthetic"] != true => {
            let role = if about["role"] == "user" {
                Role::User
            } else {
                Role::Assistant
            };
            let text = str_at(part, "/text").filter(|text| !text.is_empty());
            (role, text.map(Part::text).into_iter().collect())
        }
        "tool" => {
            let (id, state) = (str_at(part, "/callID"), &part["state"]);
            let name = str_at(part, "/tool").unwrap_or_default();
            let shown = state.get("output").or_else(|| state.get("error"));
            let failed = state["status"] == "error";
            let result = shown.map(|text| result(id, contents(text), failed));
            let call = call(id, name, state["input"].clone());
            (Role::Tool, [call].into_iter().chain(result).collect())
        }
        _ => (Role::System, Vec::new()),
    }
}
