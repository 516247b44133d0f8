//! What files may hold and be, one test for each: no panic, no wrong conversation, one clear warning.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;
use crate::agent::transcript::{Format, layout::folder_name};

const FOLDER: &str = ".claude/projects/-w-demo-proj";

fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

impl Home {
    fn conversation(&self, text: impl AsRef<[u8]>) -> PathBuf {
        self.put(&format!("{FOLDER}/a.jsonl"), text)
    }

    fn follow(&self) -> (Vec<String>, Follow) {
        let (turns, follow) = self.history.follow(Store::Claude, &self.place(), "a", 9).unwrap();
        (turns.iter().map(shown).collect(), follow)
    }
}

fn told(step: &Step) -> Vec<String> {
    step.turns.iter().map(shown).collect()
}

#[test]
fn a_truncated_last_line_is_read_when_it_is_whole() {
    let home = Home::new();
    let line = user("two");
    let (begin, end) = line.split_at(line.len() / 2);
    let path = home.conversation(user("one") + begin);
    let (turns, mut follow) = home.follow();
    assert_eq!(turns, ["User: one"]);
    assert!(follow.read_on().unwrap().turns.is_empty());
    append(&path, end.as_bytes());
    assert_eq!(told(&follow.read_on().unwrap()), ["User: two"]);
    assert!(home.history.warned().is_empty());
}

#[test]
fn a_line_that_is_no_utf8_is_passed_over() {
    let home = Home::new();
    let bad = b"{\"type\":\"user\",\"message\":{\"content\":\"\xff\xfe\"}}\n";
    home.conversation([user("one").as_bytes(), bad, user("two").as_bytes()].concat());
    assert_eq!(home.told(Store::Claude, "a"), ["User: one", "User: two"]);
    assert_eq!(home.only(Store::Claude).title.as_deref(), Some("one"));
}

#[test]
fn a_line_of_100_mb_is_passed_over() {
    let home = Home::new();
    let mut text = user("one").into_bytes();
    text.extend(br#"{"type":"user","message":{"content":""#);
    text.resize(text.len() + 100_000_000, b'x');
    text.extend(b"\"}}\n");
    text.extend(user("two").bytes());
    let path = home.conversation(text);
    assert_eq!(home.told(Store::Claude, "a"), ["User: one", "User: two"]);
    let (_, mut follow) = home.follow();
    append(&path, user("three").as_bytes());
    assert_eq!(told(&follow.read_on().unwrap()), ["User: three"]);
}

#[test]
fn a_rotated_file_begins_anew() {
    let home = Home::new();
    let path = home.conversation(user("one") + &user("two"));
    let (_, mut follow) = home.follow();
    fs::rename(&path, path.with_extension("1")).unwrap();
    home.conversation(user("three"));
    let step = follow.read_on().unwrap();
    assert!(step.reset);
    assert_eq!(told(&step), ["User: three"]);
    assert_eq!(home.only(Store::Claude).messages, 1);
    // Cut and written on in place.
    fs::write(&path, user("4")).unwrap();
    assert!(follow.read_on().unwrap().reset);
}

#[test]
fn a_deleted_file_is_no_conversation_and_no_fault() {
    let home = Home::new();
    let path = home.conversation(user("one"));
    let (_, mut follow) = home.follow();
    fs::remove_file(&path).unwrap();
    assert!(follow.read_on().is_err());
    assert!(home.list(Store::Claude).is_empty());
    assert_eq!(home.history.path(Store::Claude, &home.place(), Some("a")), None);
    assert!(home.history.warned().is_empty());
}

#[test]
fn a_locked_database_is_warned_of_once_and_read_later() {
    let home = Home::new();
    let path = ".local/share/opencode/opencode.db";
    let database = home.sql(path, "history/opencode.sql");
    database.pragma_update(None, "journal_mode", "delete").unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(home.list(Store::Opencode).is_empty());
    assert!(home.list(Store::Opencode).is_empty());
    assert_eq!(home.history.warned(), [home.path(path)]);
    database.execute_batch("COMMIT").unwrap();
    assert_eq!(home.list(Store::Opencode).len(), 2);
}

#[test]
fn a_corrupt_database_is_warned_of_once() {
    for (store, path) in [
        (Store::Opencode, ".local/share/opencode/opencode.db"),
        (Store::Goose, ".local/share/goose/sessions/sessions.db"),
        (Store::Copilot, ".copilot/session-store.db"),
    ] {
        let home = Home::new();
        home.put(path, "SQLite format 3\0 or so");
        assert!(home.list(store).is_empty());
        assert!(home.history.read(store, &home.place(), "a", 9).is_err());
        assert_eq!(home.history.warned(), [home.path(path)], "{store:?}");
    }
}

#[test]
fn a_symlink_loop_is_no_conversation() {
    let home = Home::new();
    let ok = home.conversation(user("one"));
    symlink("b.jsonl", ok.with_file_name("b.jsonl")).unwrap();
    symlink("/dev/zero", ok.with_file_name("d.jsonl")).unwrap();
    assert_eq!(home.only(Store::Claude).id, "a");
    assert!(home.history.read(Store::Claude, &home.place(), "b", 9).is_err());
    let warned = home.history.warned();
    assert_eq!(warned.len(), 2, "one for each: {warned:?}");
}

#[test]
fn an_unreadable_directory_is_warned_of_once() {
    let home = Home::new();
    home.conversation(user("one"));
    let folder = home.path(FOLDER);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o0)).unwrap();
    // Root may read it all the same.
    let is_closed = fs::read_dir(&folder).is_err();
    let found = [home.list(Store::Claude), home.list(Store::Claude)];
    assert!(found.iter().all(|found| found.is_empty() == is_closed));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    // Nor is a loop of links one that can be read, for anybody.
    for dir in [
        ".codex/sessions/2026/01",
        ".grok/sessions/%2Fw%2Fdemo.proj",
        ".gemini/tmp",
    ] {
        let dir = home.path(dir);
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        symlink(&dir, &dir).unwrap();
    }
    for store in [Store::Codex, Store::Grok, Store::Gemini] {
        assert!(home.list(store).is_empty() && home.list(store).is_empty());
    }
    assert_eq!(home.history.warned().len(), 3 + usize::from(is_closed));
}

#[test]
fn a_working_directory_may_have_any_name() {
    let home = Home::new();
    let names = [
        "we'ird \"näme\"",
        "a.b_c",
        "a b",
        "a-b",
        "日本 🦀",
        "$(x) `y` ;",
        "-n",
    ];
    for (number, name) in names.into_iter().enumerate() {
        let cwd = home.path(name);
        fs::create_dir(&cwd).unwrap();
        let place = Place::new(home.root.path(), &cwd);
        let folder = folder_name(Format::Claude, &cwd);
        let line = serde_json::json!({"type": "user", "cwd": cwd.to_str(), "message": {"content": name}});
        let id = format!("c{number}");
        home.put(
            &format!(".claude/projects/{folder}/{id}.jsonl"),
            format!("{line}\n"),
        );
        let found = home.history.list(Store::Claude, &place);
        // `a.b_c`, `a b` and `a-b` share folders with others: only their own are theirs.
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].title.as_deref(), Some(name));
        assert!(home.history.path(Store::Claude, &place, Some(&id)).is_some());
    }
}

#[test]
fn a_list_is_read_anew_only_when_it_changed() {
    let home = Home::new();
    let id = "11111111-2222-4333-8444-555555555555";
    let root = ".gemini/antigravity-cli";
    home.put(
        &format!("{root}/brain/{id}/.system_generated/logs/transcript.jsonl"),
        "",
    );
    let prompt = |text: &str| {
        format!(
            "{{\"display\":\"{text}\",\"timestamp\":1,\"workspace\":\"{CWD}\",\"conversationId\":\"{id}\"}}\n"
        )
    };
    let path = home.put(&format!("{root}/history.jsonl"), prompt("one"));
    assert_eq!(home.only(Store::Agy).messages, 1);
    // The same size and time: it is not read.
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    (&file).write_all(prompt("two").as_bytes()).unwrap();
    file.set_modified(written).unwrap();
    assert_eq!(home.only(Store::Agy).title.as_deref(), Some("one"));
    append(&path, prompt("three").as_bytes());
    assert_eq!(home.only(Store::Agy).messages, 2);
    assert_eq!(home.only(Store::Agy).title.as_deref(), Some("two"));
}
