//! Grok Build CLI: a folder per conversation with `summary.json` and `updates.jsonl`, as measured with 1.0.41.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{Conversation, History, Place, Store, document, stamp, title};
use crate::agent::transcript::{layout::is_name, record::str_at};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The longest `summary.json` that is read, in bytes.
const MAX_SUMMARY: u64 = 1 << 20;

pub(super) fn folders(place: &Place) -> impl Iterator<Item = PathBuf> + use<> {
    let root = place.home.join(".grok/sessions");
    let cwds = place.cwds().into_iter();
    cwds.map(move |cwd| root.join(utf8_percent_encode(&cwd.to_string_lossy(), ESCAPED).to_string()))
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let found = folders(place).flat_map(|folder| history.entries(&folder, &|_| true));
    let found = found.map(|folder| folder.join("summary.json"));
    found
        .flat_map(|path| {
            let about = || document::json(&path, MAX_SUMMARY);
            history.remember(&path, &place.cwd, || Ok(read(history, &path, &about()?)))
        })
        .collect()
}

fn read(history: &History, path: &Path, about: &Value) -> Option<Conversation> {
    let names = ["/generated_title", "/session_summary"];
    let named = names.iter().find_map(|name| title::clean(str_at(about, name)?));
    let updates = path.with_file_name("updates.jsonl");
    let asked = || history.scan(Store::Grok, &updates, |summary| summary.head.title.clone())?;
    let messages = about["num_chat_messages"].as_u64().unwrap_or(0);
    Some(Conversation {
        id: str_at(about, "/info/id")?.to_owned(),
        title: named.or_else(asked),
        started: stamp::of(&about["created_at"]),
        last: stamp::of(&about["updated_at"]),
        messages,
        path: updates,
    })
    .filter(|one| one.messages > 0)
}

pub(super) fn find(place: &Place, id: &str) -> Option<PathBuf> {
    let is_plain = is_name(id);
    let mut found = folders(place).map(|folder| folder.join(id).join("updates.jsonl"));
    found.find(|path| is_plain && path.is_file())
}
