//! Stored conversations: listed, searched, and begun again.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::lab::{Lab, until};

fn ask(lab: &Lab, name: &str, prompt: &str) -> String {
    lab.llmux(["session", "prompt", name, "--wait", "--", prompt])
        .ok()
}

/// The conversations of a session, the newest first.
fn history(lab: &Lab, name: &str) -> Vec<(String, String)> {
    let list = lab.llmux(["session", "history", name, "--json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let list = list.as_array().unwrap().iter();
    list.map(|one| (text(&one["id"]), text(&one["title"]))).collect()
}

#[test]
fn a_session_goes_on_in_a_conversation_of_its_past() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "d", "the very first question");
    lab.llmux(["session", "restart", "d"]).ok();
    ask(&lab, "d", "another matter entirely");
    let all = history(&lab, "d");
    let titles: Vec<&str> = all.iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!(titles, ["another matter entirely", "the very first question"]);
    // The list shows it as well, without looking for itself.
    until("the list counts and names them", || {
        let d = lab.session("d").unwrap();
        d["conversationCount"] == 2 && d["boundConversationTitle"] == "another matter entirely"
    });
    let table = lab.llmux(["session", "history", "d"]).ok();
    assert!(table.contains(&all[1].0), "whole ids: {table}");

    let first = &all[1].0;
    let said = lab
        .llmux(["session", "resume", "d", "--conversation", &first[..13]])
        .ok();
    assert_eq!(said, format!("d resumed from {first}\n"));
    assert!(lab.screen("d").contains("the very first question"));
    assert_eq!(lab.session("d").unwrap()["resumeFrom"], first.as_str());
    // What is said now is said there: it is the newest again, and no third one began.
    ask(&lab, "d", "and one more thing");
    let ids: Vec<String> = history(&lab, "d").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [first.clone(), all[0].0.clone()]);

    // It stays there when it is restarted, and another session can begin there too.
    lab.llmux(["session", "restart", "d"]).ok();
    until("the restarted agent shows its past", || {
        lab.screen("d").contains("and one more thing")
    });
    lab.llmux(["session", "stop", "d"]).ok();
    lab.llmux([
        "session",
        "start",
        "demo",
        "--name",
        "e",
        "--resume-from",
        &all[0].0,
    ])
    .ok();
    assert!(lab.screen("e").contains("another matter entirely"));

    let found = lab
        .llmux(["history", "search", "ONE MORE", "--agent", "demo", "--json"])
        .json();
    assert_eq!(found[0]["id"], first.as_str(), "{found}");
}

#[test]
fn what_cannot_be_resumed_changes_nothing() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "d", "hello");
    let before = (lab.session("d").unwrap()["pane"].clone(), lab.scene());
    let resume = |id: &str| {
        lab.llmux(["session", "resume", "d", "--conversation", id])
            .fails(1)
    };
    assert!(resume("nonsense").contains("no conversation \"nonsense\""));
    // Too short to mean one; here it means just one, and so it does.
    assert!(
        lab.llmux([
            "session",
            "start",
            "demo",
            "--name",
            "x",
            "--resume-from",
            "nonsense"
        ])
        .fails(1)
        .contains("no conversation")
    );
    assert!(lab.session("x").is_none());
    assert_eq!(before, (lab.session("d").unwrap()["pane"].clone(), lab.scene()));
    lab.start("shell", "s", "");
    let said = lab.llmux(["session", "resume", "s", "--latest"]).fails(1);
    assert!(said.contains("keeps no conversations"), "{said}");
    assert_eq!(
        lab.llmux(["session", "history", "s"]).ok(),
        "no past conversations\n"
    );
}

#[test]
fn a_program_that_refuses_the_conversation_leaves_the_session_as_it_was() {
    let lab = Lab::new();
    let dir = lab.path("config/llmux/agents.d");
    fs::create_dir_all(&dir).unwrap();
    // It keeps the demo's conversations and can't resume any.
    let agent = r#"
[[agent]]
key = "stubborn"
cmd = "sh -c 'echo started; test $# = 0 && exec cat; echo no such conversation; exit 3' stubborn"
history = "demo"
resume = "--resume {}"
"#;
    fs::write(dir.join("stubborn.toml"), agent).unwrap();
    lab.start("demo", "d", "");
    ask(&lab, "d", "hello");
    lab.start("stubborn", "s", "");
    lab.shows("s", "^started");
    let said = lab.llmux(["session", "resume", "s", "--latest"]).fails(1);
    assert!(
        said.contains("exit status 3") && said.contains("no such conversation"),
        "{said}"
    );
    lab.shows("s", "^started");
    let session = lab.session("s").unwrap();
    assert_eq!(
        (&session["state"], session.get("resumeFrom")),
        (&"running".into(), None)
    );
}

#[test]
fn a_failed_resume_leaves_the_session_in_its_own_conversation() {
    let lab = Lab::new();
    let dir = lab.path("config/llmux/agents.d");
    fs::create_dir_all(&dir).unwrap();
    // It takes back the conversation it was in, but no other.
    let program = lab.path("choosy");
    let script = "#!/bin/sh\necho \"args: $*\"\ncase \"$*\" in *refused*) exit 3;; esac\nexec cat\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let agent = format!(
        "[[agent]]\nkey = 'choosy'\ncmd = '{}'\nhistory = 'demo'\nsession-id-flag = '--session-id'\nresume = '--resume {{}}'\n",
        program.display()
    );
    fs::write(dir.join("choosy.toml"), agent).unwrap();
    lab.start("choosy", "c", "");
    let own = lab.session("c").unwrap()["externalSessionId"]
        .as_str()
        .unwrap()
        .to_owned();
    lab.shows("c", &format!("^args: --session-id {own}$"));
    // The demo writes both conversations for it.
    for id in [own.as_str(), "refused"] {
        lab.start("demo", "d", &format!("--session-id {id}"));
        ask(&lab, "d", "hello");
        lab.llmux(["session", "stop", "d"]).ok();
    }
    lab.llmux(["session", "resume", "c", "--conversation", "refused"])
        .fails(1);
    lab.shows("c", &format!("^args: --resume {own}$"));
    assert_eq!(lab.session("c").unwrap()["externalSessionId"], own.as_str());
}
