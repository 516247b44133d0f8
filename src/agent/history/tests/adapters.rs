//! Each agent's store, as small files of the shapes that were measured.

use std::{
    fs,
    io::Write,
    time::{Duration, UNIX_EPOCH},
};

use super::*;

const ID: &str = "11111111-2222-4333-8444-555555555555";

fn secs(at: Option<SystemTime>) -> u64 {
    at.unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn history_of_claude() {
    let home = Home::new();
    home.put(
        &format!(".claude/projects/-w-demo-proj/{ID}.jsonl"),
        fixture("transcripts/claude.jsonl"),
    );
    let one = home.only(Store::Claude);
    assert_eq!((one.id.as_str(), one.title.as_deref()), (ID, Some("/init now")));
    assert_eq!(
        home.history.title(Store::Claude, &home.place(), ID).as_deref(),
        Some("/init now")
    );
    let told = home.told(Store::Claude, ID);
    assert_eq!(
        told[..3],
        ["User: /init now", "Assistant: Ready.", "User: list the files"]
    );
    assert!(
        told.contains(&"Assistant: Bash({\"command\":\"ls\"})#t1".to_owned()),
        "{told:#?}"
    );
    assert!(told.contains(&"Tool: =a.txt#t1".to_owned()), "{told:#?}");
    assert!(
        !told
            .iter()
            .any(|line| line.contains("helper") || line.contains("hm")),
        "{told:#?}"
    );
}

#[test]
fn history_of_codex() {
    let home = Home::new();
    let id = "01900000-0000-7000-8000-000000000001";
    let path = format!(".codex/sessions/2026/11/23/rollout-2026-11-23T01-40-00-{id}.jsonl");
    home.put(&path, fixture("transcripts/codex.jsonl"));
    let one = home.only(Store::Codex);
    assert_eq!((one.id.as_str(), one.title.as_deref()), (id, Some("hello – ✓")));
    assert_eq!(
        one.last.unwrap().duration_since(one.started.unwrap()).unwrap(),
        Duration::from_millis(5_002)
    );
    let told = home.told(Store::Codex, id);
    assert_eq!(
        told[..3],
        ["User: hello – ✓", "Assistant: I look.", "Assistant: shell({})#c1"]
    );
    assert_eq!(told[3..5], ["Tool: =a.txt#c1", "Assistant: One file."]);
    assert!(
        home.history
            .list(Store::Codex, &home.at("/w/demo-proj"))
            .is_empty()
    );
}

#[test]
fn history_of_gemini_and_of_qwen_as_it_was() {
    let home = Home::new();
    let hash = "89b1a3a4ac5ba3ab5fb0af5a0d32a6a9a4a6f2bd";
    let digest = ring::digest::digest(&ring::digest::SHA256, CWD.as_bytes());
    let hex = |all: String, byte: &u8| format!("{all}{byte:02x}");
    let ours = digest.as_ref().iter().fold(String::new(), hex);
    let text = fixture("transcripts/gemini.jsonl");
    let head = |hash: &str| text.replace("\"0123\"", &format!("\"{hash}\""));
    home.put(
        ".gemini/tmp/demo/chats/session-2026-11-23T01-40-abcdef01.jsonl",
        head(&ours),
    );
    home.put(
        ".gemini/tmp/other/chats/session-2026-11-23T01-40-abcdef01.jsonl",
        head(hash),
    );
    home.put(
        &format!(".qwen/tmp/{ours}/chats/session-2026-11-23T01-40-abcdef01.jsonl"),
        head(&ours),
    );
    for store in [Store::Gemini, Store::Qwen] {
        let one = home.only(store);
        assert_eq!(one.id, "abcdef01-2222-4333-8444-555555555555");
        assert_eq!(one.title.as_deref(), Some("hello – ✓"));
        let told = home.told(store, &one.id);
        assert_eq!(
            told,
            [
                "User: hello – ✓",
                "Assistant: list(null)#c1",
                "Assistant: One file.",
                "User: again",
                "Assistant: One file."
            ]
        );
    }
}

#[test]
fn history_of_qwen_and_the_demo() {
    let home = Home::new();
    home.put(
        ".qwen/projects/-w-demo-proj/chats/q1.jsonl",
        fixture("transcripts/qwen.jsonl"),
    );
    home.put(
        ".local/state/llmux-demo/-w-demo-proj/c1.jsonl",
        fixture("transcripts/demo.jsonl"),
    );
    assert_eq!(home.only(Store::Qwen).title.as_deref(), Some("hello – ✓"));
    let told = home.told(Store::Qwen, "q1");
    assert_eq!(
        told[1..],
        [
            "Assistant: I look. | list({})#",
            "Tool: =a.txt#",
            "Assistant: One file."
        ]
    );
    let demo = home.only(Store::Demo);
    assert_eq!(
        (demo.messages, secs(demo.started), secs(demo.last)),
        (4, 1_790_000_000, 1_790_000_000)
    );
    assert_eq!(
        home.told(Store::Demo, "c1")[2..],
        ["User: two/lines", "Assistant: Echo: two/lines"]
    );
}

#[test]
fn history_of_opencode() {
    let home = Home::new();
    let database = home.sql(".local/share/opencode/opencode.db", "history/opencode.sql");
    let listed = home.list(Store::Opencode);
    let ids: Vec<_> = listed
        .iter()
        .map(|one| (one.id.as_str(), one.title.as_deref()))
        .collect();
    assert_eq!(
        ids,
        [("ses_1", Some("Listing files")), ("ses_2", Some("what is new?"))]
    );
    let place = home.place();
    let (turns, mut follow) = home.history.follow(Store::Opencode, &place, "ses_1", 9).unwrap();
    let told: Vec<_> = turns.iter().map(shown).collect();
    assert_eq!(
        told,
        [
            "User: list the files",
            "Tool: bash({\"command\":\"ls\"})#c1 | =a.txt#c1"
        ]
    );
    assert!(follow.read_on().unwrap().turns.is_empty(), "half an answer");
    let done = r#"{"type":"text","text":"One file.","time":{"start":1,"end":2}}"#;
    database
        .execute("UPDATE part SET data = ?1 WHERE id = 'prt_4'", [done])
        .unwrap();
    assert_eq!(shown(&follow.read_on().unwrap().turns[0]), "Assistant: One file.");
    assert!(
        home.history.read(Store::Opencode, &place, "ses_5", 9).is_err(),
        "another directory's"
    );
}

#[test]
fn history_of_goose() {
    let home = Home::new();
    let database = home.sql(".local/share/goose/sessions/sessions.db", "history/goose.sql");
    let one = home.only(Store::Goose);
    assert_eq!(
        (one.title.as_deref(), secs(one.last)),
        (Some("list the files"), 1_795_544_111)
    );
    let (turns, mut follow) = home
        .history
        .follow(Store::Goose, &home.place(), &one.id, 9)
        .unwrap();
    let told: Vec<_> = turns.iter().map(shown).collect();
    let tool = ["Assistant: shell({\"command\":\"ls\"})#c1", "Tool: =a.txt#c1"];
    assert_eq!(
        told,
        ["User: list the files", tool[0], tool[1], "Assistant: One file."]
    );
    let more = "INSERT INTO messages (session_id, role, content_json, created_timestamp)
        VALUES ('20261124_1', 'user', '[{\"type\":\"text\",\"text\":\"thanks\"}]', 1)";
    database.execute(more, []).unwrap();
    assert_eq!(follow.read_on().unwrap().turns.len(), 1);
    assert_eq!(follow.read_on().unwrap(), Step::default());
}

#[test]
fn history_of_copilot_agy_and_grok() {
    let home = Home::new();
    home.sql(".copilot/session-store.db", "history/copilot.sql");
    home.put(
        ".copilot/session-state/c1/events.jsonl",
        fixture("history/copilot.jsonl"),
    );
    home.put(
        ".gemini/antigravity-cli/history.jsonl",
        fixture("history/agy-history.jsonl"),
    );
    let brain = ".gemini/antigravity-cli/brain/a1/.system_generated/logs/transcript.jsonl";
    home.put(brain, fixture("history/agy.jsonl"));
    let grok = ".grok/sessions/%2Fw%2Fdemo.proj/g1";
    home.put(
        &format!("{grok}/summary.json"),
        fixture("history/grok-summary.json"),
    );
    home.put(&format!("{grok}/updates.jsonl"), fixture("history/grok.jsonl"));
    for store in [Store::Copilot, Store::Agy, Store::Grok] {
        let one = home.only(store);
        assert_eq!(one.title.as_deref(), Some("list the files"), "{store:?}");
        assert_eq!(
            home.history.path(store, &home.place(), None),
            Some(one.path.clone())
        );
        let told = home.told(store, &one.id).join("\n");
        assert!(told.starts_with("User: list the files"), "{store:?} {told}");
        assert!(told.ends_with("Assistant: One file."), "{store:?} {told}");
        assert!(told.contains("=a.txt#"), "{store:?} {told}");
    }
}

#[test]
fn history_of_continue_and_aider() {
    let home = Home::new();
    home.put(
        ".continue/sessions/sessions.json",
        fixture("history/continue-index.json"),
    );
    home.put(".continue/sessions/n1.json", fixture("history/continue.json"));
    let one = home.only(Store::Continue);
    assert_eq!(
        (one.title.as_deref(), secs(one.started)),
        (Some("list the files"), 1_795_544_059)
    );
    let tool = ["Assistant: Bash({\"command\":\"ls\"})#c1", "Tool: =a.txt#c1"];
    assert_eq!(
        home.told(Store::Continue, "n1")[1..],
        [tool[0], tool[1], "Assistant: One file."]
    );

    let cwd = home.path("work");
    let chat = home.put("work/.aider.chat.history.md", fixture("history/aider.md"));
    let place = home.at(cwd.to_str().unwrap());
    let listed = home.history.list(Store::Aider, &place);
    let titles: Vec<_> = listed.iter().map(|one| one.title.as_deref()).collect();
    assert_eq!(titles, [Some("go on"), Some("list the files")]);
    let id = &listed[0].id;
    let (turns, mut follow) = home.history.follow(Store::Aider, &place, id, 9).unwrap();
    assert_eq!(turns.len(), 3);
    writeln!(fs::File::options().append(true).open(chat).unwrap(), "\nDone.").unwrap();
    let more: Vec<_> = follow.read_on().unwrap().turns.iter().map(shown).collect();
    assert_eq!(more, ["Assistant: Done."]);
}
