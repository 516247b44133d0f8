//! What happens to a session in its life, by its agent and by humans.

use std::fs;

use crate::{
    lab::{Lab, lives, signal, until},
    outside::Human,
};

/// Says every line again.
const ECHO: &str = "echo up; while read x; do echo \"heard $x\"; done";

fn exit_code(lab: &Lab, name: &str) -> serde_json::Value {
    lab.is(name, "exited");
    until("its end is known", || {
        !lab.session(name).unwrap()["exit"].is_null()
    });
    lab.session(name).unwrap()["exit"]["code"].clone()
}

#[test]
fn a_program_that_was_started_is_known_to_run() {
    let lab = Lab::new();
    lab.start("demo", "one", "");
    until("it is told that it runs", || {
        lab.llmux(["session", "explain", "one"])
            .ok()
            .contains("the program runs")
    });
}

#[test]
fn an_agents_exit_status_is_kept() {
    let lab = Lab::new();
    for code in [0, 3, 255] {
        let name = format!("s{code}");
        lab.waiting(&name, &format!("exit {code}"));
        lab.prompt(&name, "go");
        assert_eq!(exit_code(&lab, &name), code);
    }
    // A next daemon knows it still.
    lab.crash();
    assert_eq!(exit_code(&lab, "s3"), 3);
}

#[test]
fn an_agent_killed_by_a_signal_says_so() {
    let lab = Lab::new();
    lab.waiting("one", "kill -TERM $$; read x");
    lab.prompt("one", "go");
    assert_eq!(exit_code(&lab, "one"), 143);
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
}

#[test]
fn a_wrapper_killed_by_a_human_ends_the_session_without_a_status() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    signal(lab.pane_pid("one"), "KILL");
    assert_eq!(exit_code(&lab, "one"), serde_json::Value::Null);
}

#[test]
fn a_killed_window_or_pane_ends_the_session_and_it_can_start_again() {
    let lab = Lab::new();
    for (name, kill) in [("w", "kill-window"), ("p", "kill-pane"), ("s", "kill-session")] {
        lab.script(name, ECHO);
        let pid = lab.pane_pid(name);
        let target = if kill == "kill-session" {
            format!("={name}")
        } else {
            format!("={name}:")
        };
        lab.tmux([kill, "-t", &target]).ok();
        lab.is(name, "exited");
        until("its process is gone", || !lives(pid));
        lab.llmux(["session", "restart", name]).ok();
        lab.prompt(name, "again");
        lab.shows(name, "^heard again$");
    }
    assert_eq!(lab.reconnects(), 0);
}

#[test]
fn a_name_given_by_a_human_is_the_name() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    lab.llmux([
        "session",
        "start",
        "shell",
        "--name",
        "other",
        "--flags",
        "-c 'read x'",
    ])
    .ok();
    lab.tmux(["rename-session", "-t", "=one", "uno"]).ok();
    until("the new name is known", || lab.session("uno").is_some());
    assert!(lab.session("one").is_none());
    lab.prompt("uno", "hello");
    lab.shows("uno", "^heard hello$");
    let env = || lab.tmux(["show-environment", "-t", "=uno", "LLMUX_SESSION"]).ok();
    until("new programs in it know the name", || {
        env() == "LLMUX_SESSION=uno\n"
    });
    let records = fs::read_to_string(lab.sessions_json()).unwrap();
    assert!(
        records.contains("\"uno\"") && !records.contains("\"one\""),
        "{records}"
    );
    // While no daemon looks.
    lab.crash();
    lab.tmux(["rename-session", "-t", "=uno", "eins"]).ok();
    until("the new name is known", || {
        lab.session("eins").is_some_and(|s| s["state"] == "running")
    });
    lab.prompt("eins", "again");
    lab.shows("eins", "^heard again$");
    // What can't be a name here leaves the session usable by its old one.
    lab.tmux(["rename-session", "-t", "=eins", "my agent"]).ok();
    lab.prompt("eins", "spaces");
    lab.shows("eins", "^heard spaces$");
    lab.llmux(["session", "stop", "eins"]).ok();
    assert_eq!(lab.tmux_sessions(), ["_llmux", "other"]);
}

#[test]
fn windows_are_renamed_split_and_moved_and_the_agent_is_found() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let pane = lab.format("=one:", "#{pane_id}");
    let steps: [&[&str]; 6] = [
        &["rename-window", "-t", "=one:", "日本 #(date)"],
        &["split-window", "-t", "=one:", "sleep 10000"],
        &["break-pane", "-d", "-s", &pane, "-t", "=one:5"],
        &["move-window", "-d", "-s", "=one:5", "-t", "=one:8"],
        &["new-window", "-d", "-t", "=one:", "sleep 10000"],
        &["join-pane", "-d", "-h", "-s", &pane, "-t", "=one:0"],
    ];
    for (at, step) in steps.iter().enumerate() {
        lab.tmux(*step).ok();
        let word = format!("w{at}");
        lab.prompt("one", &word);
        lab.shows("one", &format!("^heard {word}$"));
    }
    let captured = lab.capture(&pane);
    assert_eq!(captured.trim_end(), lab.screen("one"));
    lab.llmux(["session", "stop", "one"]).ok();
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
    assert_eq!(lab.reconnects(), 0);
}

/// A human's session is his, even with an agent in it.
#[test]
fn an_agent_moved_into_a_humans_session_keeps_its_name_and_ends_alone() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    lab.tmux(["new-session", "-d", "-s", "work", "sleep 10000"]).ok();
    let human = lab.pane_pid("work");
    let pane = lab.format("=one:", "#{pane_id}");
    lab.tmux(["join-pane", "-d", "-s", &pane, "-t", "=work:0"]).ok();
    until("its session is gone", || {
        !lab.tmux_sessions().contains(&"one".to_owned())
    });
    lab.prompt("one", "hello");
    lab.shows("one", "^heard hello$");
    lab.crash();
    lab.is("one", "running");
    lab.prompt("one", "again");
    lab.shows("one", "^heard again$");
    assert!(
        lab.tmux(["show-environment", "-t", "=work", "LLMUX_SESSION"])
            .code
            != 0
    );
    assert_eq!(lab.tmux_sessions(), ["_llmux", "work"]);
    lab.llmux(["session", "stop", "one"]).ok();
    assert!(lives(human));
    assert_eq!(lab.tmux_sessions(), ["_llmux", "work"]);
    assert_eq!(lab.tmux(["list-panes", "-t", "=work:0"]).ok().lines().count(), 1);
}

#[test]
fn a_human_comes_resizes_types_and_goes() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let human = Human::sits_at(&lab, "one", (70, 20));
    human.presses(&["-l", "from the keyboard"]);
    human.presses(&["Enter"]);
    lab.shows("one", "^heard from the keyboard$");
    lab.prompt("one", "from llmux");
    until("he sees it", || human.sees().contains("heard from llmux"));
    lab.agrees("one");
    human.presses(&["C-b", "d"]);
    until("he is gone", || human.is_out());
    until("llmux knows", || lab.session("one").unwrap()["attached"] == 0);
    assert_eq!(lab.session("one").unwrap()["state"], "running");
    lab.prompt("one", "alone");
    lab.shows("one", "^heard alone$");
}

/// What the Node program leaves behind: a tmux session, a variable in its environment and a record.
#[test]
fn a_session_of_the_node_program_is_adopted() {
    let lab = Lab::new();
    let dir = lab.sessions_json();
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    let record = serde_json::json!({
        "name": "one", "agent": "shell", "cwd": lab.path("work"), "createdAt": "2026-01-01T00:00:00.000Z",
        "parent": null, "restart": "on-failure", "later": { "kept": true },
    });
    let file = serde_json::json!({ "version": 1, "sessions": { "one": record } });
    fs::write(&dir, serde_json::to_string_pretty(&file).unwrap()).unwrap();
    let env = ["-e", "LLMUX_SESSION=one", "-e", "LLMUX_AGENT=shell"];
    let new = ["new-session", "-d", "-s", "one", "-x", "90", "-y", "30"];
    lab.tmux([&new[..], &env, &[ECHO]].concat()).ok();
    lab.tmux(["new-session", "-d", "-s", "foreign", "sleep 10000"])
        .ok();
    lab.is("one", "running");
    lab.prompt("one", "hello");
    lab.shows("one", "^heard hello$");
    lab.agrees("one");
    assert_eq!(
        lab.llmux(["session", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    lab.prompt("one", "again");
    lab.llmux(["session", "restart", "one"]).ok();
    lab.is("one", "running");
    lab.llmux(["session", "stop", "one"]).ok();
    assert_eq!(lab.tmux_sessions(), ["_llmux", "foreign"]);
}

#[test]
fn a_foreign_session_is_never_touched() {
    let lab = Lab::new();
    lab.tmux(["new-session", "-d", "-s", "mine", "-x", "80", "-y", "24", "cat"])
        .ok();
    let before = lab.format(
        "=mine:",
        "#{session_id} #{window_id} #{pane_pid} #{window_width} #{window_linked}",
    );
    let said = lab
        .llmux(["session", "start", "shell", "--name", "mine"])
        .fails(1);
    assert!(said.contains("mine"), "{said}");
    lab.llmux(["session", "prompt", "mine", "x"]).fails(1);
    lab.llmux(["session", "stop", "mine"]).fails(1);
    lab.script("one", ECHO);
    // Somebody else's agent, of another state directory.
    lab.tmux(["set-option", "-p", "-t", "=mine:", "@llmux", "00000000:mine"])
        .ok();
    lab.llmux(["session", "stop", "one"]).ok();
    lab.llmux(["server", "stop"]).ok();
    let after = lab.format(
        "=mine:",
        "#{session_id} #{window_id} #{pane_pid} #{window_width} #{window_linked}",
    );
    assert_eq!(before, after);
    assert_eq!(lab.capture("=mine:"), "");
}

#[test]
fn watching_a_session_ends_with_it() {
    let lab = Lab::new();
    lab.waiting("one", "printf LAST; exit 4");
    let mut watch = lab.watch("one");
    lab.prompt("one", "go");
    assert!(watch.ends());
    assert!(watch.text().contains("LAST"), "{}", watch.text());
}

/// What a human put beside an agent is his, and ends when he ends the session.
#[test]
fn what_stood_beside_an_agent_outlives_it_but_not_the_session() {
    let lab = Lab::new();
    let windows = || {
        lab.tmux(["list-windows", "-t", "=_llmux", "-F", "#{window_id}"])
            .ok()
            .lines()
            .count()
    };
    for round in 0..5 {
        lab.script("one", ECHO);
        let agent = lab.format("=one:", "#{pane_id}");
        let split = [
            "split-window",
            "-d",
            "-P",
            "-F",
            "#{pane_pid}",
            "-t",
            "=one:",
            "exec sleep 10000",
        ];
        let beside: u32 = lab.tmux(split).ok().trim().parse().unwrap();
        if round % 2 == 0 {
            lab.tmux(["break-pane", "-d", "-s", &agent, "-t", "=one:5"]).ok();
            until("the hub has the agent's window only", || windows() == 2);
        } else {
            lab.tmux(["send-keys", "-t", &agent, "C-d"]).ok();
            lab.is("one", "exited");
            until("the hub has no window", || windows() == 1);
        }
        assert!(lives(beside));
        lab.tmux(["kill-session", "-t", "=one"]).ok();
        until("it is gone", || !lives(beside));
        lab.is("one", "exited");
        until("the hub is empty", || windows() == 1);
        lab.llmux(["session", "stop", "one"]).ok();
    }
    assert_eq!(lab.reconnects(), 0);
}
