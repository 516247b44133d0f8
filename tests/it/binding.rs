//! Which conversation a session is in: found, followed, left and begun anew.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Child,
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

use crate::lab::{LLMUX, Lab, eventually, until};

/// A home with the demo agent as `roamer`, whose conversations have no id that could be chosen.
fn lab() -> Lab {
    let lab = Lab::new();
    let dir = lab.path("config/llmux/agents.d");
    fs::create_dir_all(&dir).unwrap();
    let demo = include_str!("../../assets/agents.toml");
    let demo = demo
        .split("[[agent]]\n")
        .find(|row| row.starts_with("key = \"demo\""))
        .unwrap();
    let roamer = demo
        .replace("key = \"demo\"", "key = \"roamer\"")
        .replace("session-id-flag = \"--session-id\"\n", "");
    fs::write(dir.join("roamer.toml"), format!("[[agent]]\n{roamer}")).unwrap();
    lab
}

#[track_caller]
fn ask(lab: &Lab, name: &str, prompt: &str) {
    lab.llmux(["session", "prompt", name, "--wait", "--", prompt])
        .ok();
}

fn bound(lab: &Lab, name: &str) -> Option<(String, String)> {
    let session = lab.session(name)?;
    let text = |field: &str| session[field].as_str().map(str::to_owned);
    Some((text("boundConversationId")?, text("boundBy")?))
}

/// Waits until a session is in a conversation that is known.
#[track_caller]
fn finds(lab: &Lab, name: &str) -> (String, String) {
    eventually("the conversation is found", || bound(lab, name))
}

/// The user's words in the conversation a session is in.
#[track_caller]
fn said(lab: &Lab, name: &str) -> Vec<String> {
    let transcript = lab.llmux(["session", "transcript", name, "--json"]).json();
    assert_eq!(transcript["supported"], true, "{transcript}");
    let turns = transcript["turns"].as_array().unwrap().iter();
    let user = turns.filter(|turn| turn["role"] == "user");
    user.map(|turn| turn["parts"][0]["text"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_id_that_was_chosen_is_known_at_once() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    let (id, by) = bound(&lab, "d").unwrap();
    assert_eq!(by, "pin");
    ask(&lab, "d", "hello");
    assert_eq!(bound(&lab, "d").unwrap(), (id.clone(), by));
    assert_eq!(said(&lab, "d"), ["hello"]);
    let explained = lab.llmux(["session", "explain", "d"]).ok();
    assert!(
        explained.contains(&format!("conversation {id} (pin)")),
        "{explained}"
    );
}

#[test]
fn an_id_that_can_not_be_chosen_is_found_by_the_prompt() {
    let lab = lab();
    lab.start("roamer", "r", "");
    assert_eq!(bound(&lab, "r"), None);
    ask(&lab, "r", "where am I?");
    let (id, by) = finds(&lab, "r");
    // It opens its file for each record; whoever looks just then sees it.
    assert!(["prompt", "file"].contains(&by.as_str()), "{by}");
    assert_eq!(said(&lab, "r"), ["where am I?"]);
    // The next daemon knows it, too.
    lab.crash();
    assert_eq!(bound(&lab, "r").unwrap(), (id.clone(), by));
    ask(&lab, "r", "and now?");
    assert_eq!(bound(&lab, "r").unwrap().0, id);
    // Started anew, it is in none.
    lab.llmux(["session", "restart", "r"]).ok();
    assert_eq!(bound(&lab, "r"), None);
}

#[test]
fn two_sessions_in_one_directory_never_swap_their_conversations() {
    let lab = lab();
    lab.start("roamer", "a", "");
    lab.start("roamer", "b", "");
    ask(&lab, "a", "the same words");
    // Nobody else said them: they tell.
    let a = finds(&lab, "a");
    ask(&lab, "b", "the same words");
    let b = finds(&lab, "b");
    assert_ne!(a.0, b.0);
    ask(&lab, "a", "only here");
    ask(&lab, "b", "only there");
    assert_eq!(said(&lab, "a"), ["the same words", "only here"]);
    assert_eq!(said(&lab, "b"), ["the same words", "only there"]);
    assert_eq!((bound(&lab, "a").unwrap(), bound(&lab, "b").unwrap()), (a, b));
}

#[test]
fn equal_prompts_at_once_tell_nothing_until_something_else_is_said() {
    let lab = lab();
    for name in ["a", "b"] {
        lab.start("roamer", name, "");
    }
    let slow = "the same words [[delay=20]]";
    let both: Vec<Child> = ["a", "b"]
        .map(|name| lab.spawn(["session", "prompt", name, "--wait", "--", slow]))
        .into();
    for child in both {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    ask(&lab, "a", "only here");
    finds(&lab, "a");
    // What is left is the other one's.
    finds(&lab, "b");
    ask(&lab, "b", "only there");
    assert_eq!(said(&lab, "a"), [slow, "only here"]);
    assert_eq!(said(&lab, "b"), [slow, "only there"]);
}

#[test]
fn a_file_that_is_not_the_sessions_is_not_its_conversation() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    let pinned = bound(&lab, "d").unwrap();
    ask(&lab, "d", "hello");
    // Somebody else talks in the same directory, with the same words.
    lab.start("demo", "e", "");
    ask(&lab, "e", "hello");
    ask(&lab, "e", "more");
    ask(&lab, "d", "more");
    assert_eq!(bound(&lab, "d").unwrap(), pinned);
    assert_eq!(said(&lab, "d"), ["hello", "more"]);
}

#[test]
fn a_conversation_that_a_person_begins_is_followed() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "d", "before");
    let before = bound(&lab, "d").unwrap();
    lab.prompt_in_tmux("d", "/clear");
    until("the screen is cleared", || !lab.screen("d").contains("before"));
    ask(&lab, "d", "after");
    until("the new conversation is found", || {
        bound(&lab, "d").is_some_and(|now| now.0 != before.0)
    });
    assert_eq!(said(&lab, "d"), ["after"]);
    // The turn engine reads there, too.
    let turn = lab
        .llmux(["session", "prompt", "d", "--wait", "--json", "--", "again"])
        .json();
    assert_eq!(turn["reply"]["source"], "transcript", "{turn}");
    assert_eq!(said(&lab, "d"), ["after", "again"]);
}

#[test]
fn a_hook_tells_the_conversation_before_anything_is_said() {
    let lab = lab();
    lab.start("roamer", "r", "");
    let hook = |payload: &str| {
        let mut command = lab.command(LLMUX);
        command
            .env("LLMUX_SESSION", "r")
            .args(["hook", "SessionStart", payload]);
        assert!(command.status().unwrap().success());
    };
    lab.llmux(["session", "wait", "r", "--until", "ready"]).ok();
    hook(r#"{"session_id": "told-by-hook", "source": "startup"}"#);
    assert_eq!(finds(&lab, "r"), ("told-by-hook".to_owned(), "hook".to_owned()));
    // A second agent that begins is not this one.
    hook(r#"{"session_id": "another", "source": "startup"}"#);
    hook(r#"{"session_id": "told-again", "source": "clear"}"#);
    until("what was gone to is known", || {
        bound(&lab, "r").is_some_and(|bound| bound.0 != "told-by-hook")
    });
    assert_eq!(bound(&lab, "r").unwrap().0, "told-again");
}

#[test]
fn a_new_chat_begins_another_conversation() {
    let lab = lab();
    for agent in ["demo", "roamer"] {
        lab.start(agent, agent, "");
        ask(&lab, agent, "before");
        let before = finds(&lab, agent);
        let reply = lab.llmux(["session", "new-chat", agent, "--json"]).json();
        assert_eq!(reply["ok"], true, "{reply}");
        assert_eq!(bound(&lab, agent), None, "nothing is written yet: {reply}");
        assert!(!lab.screen(agent).contains("before"));
        ask(&lab, agent, "after");
        assert_ne!(finds(&lab, agent).0, before.0);
        assert_eq!(said(&lab, agent), ["after"]);
    }
}

#[test]
fn a_new_chat_types_nothing_where_it_must_not() {
    let lab = Lab::new();
    lab.start("demo", "d", "--draft 'half a thought'");
    lab.shows("d", "half a thought");
    let refused = lab.llmux(["session", "new-chat", "d"]);
    assert_ne!(refused.code, 0, "{refused}");
    assert!(refused.stderr.contains("half-typed"), "{refused}");
    assert!(lab.screen("d").contains("half a thought"));

    lab.start("shell", "s", "");
    let refused = lab.llmux(["session", "new-chat", "s"]).fails(1);
    assert!(
        refused.contains("has no new-chat command configured"),
        "{refused}"
    );
    lab.llmux(["session", "stop", "s"]).ok();
    assert!(
        lab.llmux(["session", "new-chat", "s"])
            .stderr
            .contains("no session")
    );
}

#[test]
fn an_edit_chooses_the_conversation() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "d", "the first");
    let first = bound(&lab, "d").unwrap().0;
    lab.llmux(["session", "restart", "d"]).ok();
    ask(&lab, "d", "the second");
    let pane = lab.session("d").unwrap()["pane"].clone();
    lab.llmux(["session", "edit", "d", "--resume-from", "nonsense"])
        .fails(1);
    assert_eq!(lab.session("d").unwrap()["pane"], pane, "it was left alone");

    lab.llmux(["session", "edit", "d", "--resume-from", &first[..13]])
        .ok();
    assert_eq!(bound(&lab, "d").unwrap(), (first.clone(), "resume".to_owned()));
    assert!(lab.screen("d").contains("the first"));
    ask(&lab, "d", "and on");
    assert_eq!(said(&lab, "d"), ["the first", "and on"]);

    lab.llmux(["session", "edit", "d", "--resume-from", ""]).ok();
    let session = lab.session("d").unwrap();
    assert_eq!(session.get("resumeFrom"), None);
    assert_ne!(session["boundConversationId"], first.as_str());

    // One that does not run goes there with its next start.
    lab.llmux(["session", "stop", "d"]).ok();
}

/// Follows a transcript, a JSON line for each turn.
struct Following {
    child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Following {
    fn start(lab: &Lab, name: &str) -> Self {
        let mut child = lab.spawn(["session", "transcript", name, "--follow", "--json"]);
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(16);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let Ok(()) = sender.send(serde_json::from_str(&line).unwrap()) else {
                    return;
                };
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    fn next(&self) -> (String, String) {
        let turn = self.lines.recv_timeout(Duration::from_secs(30)).expect("a turn");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&turn["role"]), text(&turn["parts"][0]["text"]))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_transcript_is_followed_wherever_the_session_goes() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "d", "one");
    let following = Following::start(&lab, "d");
    let user = |text: &str| ("user".to_owned(), text.to_owned());
    assert_eq!(following.next(), user("one"));
    assert_eq!(following.next().0, "assistant");
    ask(&lab, "d", "two");
    assert_eq!(following.next(), user("two"));
    assert_eq!(following.next().0, "assistant");
    lab.llmux(["session", "new-chat", "d"]).ok();
    ask(&lab, "d", "three");
    assert_eq!(following.next(), user("three"));
    assert_eq!(following.next().0, "assistant");
    lab.llmux(["session", "restart", "d"]).ok();
    ask(&lab, "d", "four");
    assert_eq!(following.next(), user("four"));
}

#[test]
fn an_agent_without_conversations_has_no_transcript() {
    let lab = Lab::new();
    lab.start("shell", "s", "");
    let view = lab.llmux(["session", "transcript", "s", "--json"]).json();
    assert_eq!(
        (&view["supported"], &view["path"]),
        (&Value::Bool(false), &Value::Null)
    );
    assert_eq!(view["turns"], Value::Array(Vec::new()));
}
