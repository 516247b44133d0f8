//! Files that are cut, replaced, huge, foreign or broken.

use std::{fs, io::Write};

use proptest::prelude::*;

use super::*;

const FOLDER: &str = ".claude/projects/-w-demo-proj";

const ALL: [Store; 12] = [
    Store::Demo,
    Store::Claude,
    Store::Codex,
    Store::Agy,
    Store::Gemini,
    Store::Qwen,
    Store::Opencode,
    Store::Copilot,
    Store::Grok,
    Store::Continue,
    Store::Goose,
    Store::Aider,
];

fn append(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn history_counts_only_what_was_appended_and_follows_it() {
    let home = Home::new();
    let path = home.put(&format!("{FOLDER}/a.jsonl"), user("one"));
    assert_eq!(home.only(Store::Claude).messages, 1);
    let (turns, mut follow) = home.history.follow(Store::Claude, &home.place(), "a", 9).unwrap();
    assert_eq!(turns.len(), 1);
    let line = user("two");
    for (cut, expected) in [(9, 1), (40, 1), (line.len() - 1, 2), (line.len(), 2)] {
        fs::write(&path, format!("{}{}", user("one"), &line[..cut])).unwrap();
        let fresh = History::new().list(Store::Claude, &home.place());
        assert!(fresh[0].messages <= expected, "{cut}");
    }
    fs::write(&path, user("one")).unwrap();
    append(&path, &line.as_bytes()[..9]);
    assert_eq!(home.only(Store::Claude).messages, 1);
    assert!(follow.read_on().unwrap().turns.is_empty());
    append(&path, &line.as_bytes()[9..]);
    assert_eq!(home.only(Store::Claude).messages, 2);
    assert_eq!(shown(&follow.read_on().unwrap().turns[0]), "User: two");
    fs::write(&path, user("x")).unwrap();
    let step = follow.read_on().unwrap();
    assert!(step.reset);
    assert_eq!(shown(&step.turns[0]), "User: x");
    fs::remove_file(&path).unwrap();
    assert!(follow.read_on().is_err());
    assert!(home.list(Store::Claude).is_empty());
}

#[test]
fn history_reads_the_end_of_a_big_file() {
    let home = Home::new();
    let text: String = (0..40_000)
        .map(|n| user(&format!("prompt {n} {}", "y".repeat(60))))
        .collect();
    home.put(&format!("{FOLDER}/a.jsonl"), text);
    let read = |last| {
        home.history
            .read(Store::Claude, &home.place(), "a", last)
            .unwrap()
    };
    let turns = read(3);
    assert_eq!(turns.len(), 3);
    assert!(shown(&turns[2]).starts_with("User: prompt 39999 "));
    assert_eq!(read(39_000).len(), 39_000);
    assert_eq!(home.only(Store::Claude).messages, 40_000);
}

#[test]
fn history_of_two_directories_in_one_folder_is_kept_apart() {
    let home = Home::new();
    home.put(&format!("{FOLDER}/a.jsonl"), user("one"));
    let other = home.at("/w/demo_proj");
    assert!(home.history.list(Store::Claude, &other).is_empty());
    assert_eq!(home.history.path(Store::Claude, &other, Some("a")), None);
    for id in ["../a", "", ".", "a/b", "b", "ä"] {
        assert_eq!(
            home.history.path(Store::Claude, &home.place(), Some(id)),
            None,
            "{id}"
        );
    }
}

#[test]
fn history_is_searched_without_regard_to_case() {
    let home = Home::new();
    home.put(
        &format!("{FOLDER}/a.jsonl"),
        user("before\nthe \"Größe\" of things"),
    );
    home.put(&format!("{FOLDER}/b.jsonl"), user("nothing"));
    let search = |text| {
        home.history
            .search(Store::Claude, &home.place(), text, Limits::default())
    };
    for text in ["\"GRÖSSE\"", "  ", "user", "größes"] {
        assert!(search(text).is_empty(), "{text}");
    }
    for text in ["\"GRÖßE\" OF", "before", "ö"] {
        let hits = search(text);
        assert_eq!(hits.len(), 1, "{text}");
        assert_eq!(hits[0].snippet, "before the \"Größe\" of things");
    }
}

proptest! {
    #[test]
    fn history_of_any_bytes_does_no_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        word in "(\"type\":\"(user|assistant|response_item|user.message)\"|#### |[{}\\[\\],:\" ]|\"(message|content|payload)\"){0,30}",
    ) {
        let home = Home::new();
        let text = [bytes.as_slice(), b"\n", word.as_bytes(), b"\n{", word.as_bytes(), b"}"].concat();
        for path in [
            &format!("{FOLDER}/a.jsonl"),
            ".codex/sessions/2026/01/01/rollout-11111111-2222-4333-8444-555555555555.jsonl",
            ".gemini/tmp/x/chats/session-a.jsonl",
            ".gemini/antigravity-cli/history.jsonl",
            ".qwen/projects/-w-demo-proj/chats/a.jsonl",
            ".local/share/opencode/opencode.db",
            ".local/share/goose/sessions/sessions.db",
            ".local/state/llmux-demo/-w-demo-proj/a.jsonl",
            ".copilot/session-store.db",
            ".continue/sessions/sessions.json",
            ".continue/sessions/a.json",
            ".grok/sessions/%2Fw%2Fdemo.proj/a/summary.json",
            ".grok/sessions/%2Fw%2Fdemo.proj/a/updates.jsonl",
        ] {
            home.put(path, &text);
        }
        for store in ALL {
            let _ = home.list(store);
            let _ = home.history.title(store, &home.place(), "a");
            let _ = home.history.read(store, &home.place(), "a", 10);
            let _ = home.history.search(store, &home.place(), "a", Limits::default());
        }
    }

    #[test]
    fn history_counts_the_same_however_a_file_grows(cuts in prop::collection::vec(0usize..4000, 0..12)) {
        let home = Home::new();
        let text: String = (0..12).map(|n| user(&"x\"type\":\"user\"".repeat(n))).collect();
        let path = home.put(&format!("{FOLDER}/a.jsonl"), "");
        let mut at = 0;
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        for cut in cuts {
            append(&path, &text.as_bytes()[at..cut]);
            at = cut;
            let _ = home.list(Store::Claude);
        }
        prop_assert_eq!(home.only(Store::Claude).messages, 12);
    }
}
