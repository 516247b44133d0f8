//! Grok Build CLI: a folder per conversation with `summary.json` and `updates.jsonl`, as measured with 1.0.41.

use std::{
    fs,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Conversation, History, Place, Store, document, stamp, title};
use crate::agent::transcript::{layout::is_name, record::str_at};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The longest `summary.json` that is read, in bytes.
const MAX_SUMMARY: u64 = 1 << 20;

fn folders(place: &Place) -> impl Iterator<Item = PathBuf> {
    let root = place.home.join(".grok/sessions");
    let cwds = place.cwds().into_iter();
    cwds.map(move |cwd| root.join(utf8_percent_encode(&cwd.to_string_lossy(), ESCAPED).to_string()))
}

pub(super) fn list(history: &History, place: &Place) -> Vec<Conversation> {
    let inside = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    let found = folders(place)
        .flat_map(inside)
        .map(|entry| entry.path().join("summary.json"));
    found
        .filter_map(|path| history.remember(&path, || read(history, &path)))
        .collect()
}

fn read(history: &History, path: &Path) -> Option<Conversation> {
    let about = document::json(path, MAX_SUMMARY)
        .inspect_err(|error| history.warn(path, error))
        .ok()?;
    let names = ["/generated_title", "/session_summary"];
    let named = names.iter().find_map(|name| title::clean(str_at(&about, name)?));
    let updates = path.with_file_name("updates.jsonl");
    let asked = || history.scan(Store::Grok, &updates, |summary| summary.head.title.clone())?;
    let messages = about["num_chat_messages"].as_u64().unwrap_or(0);
    Some(Conversation {
        id: str_at(&about, "/info/id")?.to_owned(),
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
