//! What sessions are, and what start, stop, restart, edit and rename make of them.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::lab::{Lab, eventually, until};

const ARGS: &str = "agents: {args: {cmd: sh -c 'printf \"<%s>\\n\" \"$@\"; exec sleep 1000' sh}, \
                    env: {cmd: sh -c 'env; exec sleep 1000', env: {FROM: agent, KEPT: agent}}, \
                    gone: {cmd: sh -c 'echo last; echo words; exit 3'}, \
                    absent: {cmd: no-such-program-anywhere}}\n";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.config(ARGS);
    lab
}

fn registry(lab: &Lab) -> Value {
    serde_json::from_slice(&fs::read(lab.sessions_json()).unwrap()).unwrap()
}

fn names(lab: &Lab) -> Vec<String> {
    let list = lab.llmux(["session", "list", "--json"]).json();
    let mut names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_session_is_named_by_its_agents_key_unless_something_is_said() {
    let lab = lab();
    let said = lab.llmux(["session", "start", "shell"]).ok();
    assert_eq!(
        said,
        format!(
            "spawned shell (agent: shell, cwd: {})\n",
            lab.path("work").display()
        )
    );
    lab.llmux(["session", "start", "shell,demo", "--prefix", "p-"])
        .ok();
    lab.llmux(["session", "start", "shell", "--name", "given"]).ok();
    assert_eq!(names(&lab), ["given", "p-demo", "p-shell", "shell"]);
    let file = fs::metadata(lab.sessions_json()).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn flags_reach_the_program_word_by_word_and_nothing_is_expanded() {
    let lab = lab();
    let flags = r##"-a "b c" '$HOME' `id` $(id) ; | & > x # y "#{pane_id}" '' \~ ~ * 日本 "\"" ";""##;
    lab.llmux(["session", "start", "args", "--flags", flags]).ok();
    lab.shows("args", "^<;>$");
    let shown = lab.screen("args");
    let words = [
        "-a",
        "b c",
        "$HOME",
        "`id`",
        "$(id)",
        ";",
        "|",
        "&",
        ">",
        "x",
        "#",
        "y",
        "#{pane_id}",
        "",
        "~",
        "~",
        "*",
        "日本",
        "\"",
        ";",
    ];
    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        words.map(|word| format!("<{word}>"))
    );
}

#[test]
fn the_directory_may_be_relative_or_begin_with_a_tilde() {
    let lab = lab();
    fs::create_dir_all(lab.path("work/sub dir; $x")).unwrap();
    for (name, typed, meant) in [
        ("a", "~", lab.home().to_owned()),
        ("b", "~/work", lab.path("work")),
        ("c", "sub dir; $x", lab.path("work/sub dir; $x")),
        ("d", "..", lab.home().to_owned()),
    ] {
        lab.llmux(["session", "start", "shell", "--name", name, "--cwd", typed])
            .ok();
        assert_eq!(
            lab.session(name).unwrap()["cwd"],
            meant.to_str().unwrap(),
            "{typed}"
        );
        lab.prompt(name, "pwd > $LLMUX_SESSION.pwd");
        let file = meant.join(format!("{name}.pwd"));
        let pwd = eventually("pwd is written", || {
            fs::read_to_string(&file).ok().filter(|s| s.ends_with('\n'))
        });
        assert_eq!(pwd.trim_end(), meant.to_str().unwrap());
    }
}

#[test]
fn the_sessions_environment_goes_over_the_agents_and_ours_over_both() {
    let lab = lab();
    let env = "FROM=session;#{x} $HOME\nLLMUX_SESSION=liar\n# no\nEMPTY=";
    lab.llmux(["session", "start", "env", "--env", env, "--env", "MORE=1=2;"])
        .ok();
    for line in [
        r"^FROM=session;#\{x\} \$HOME$",
        "^KEPT=agent$",
        "^LLMUX_SESSION=env$",
        "^LLMUX_AGENT=env$",
        "^EMPTY=$",
        "^MORE=1=2;$",
    ] {
        lab.shows("env", line);
    }
}

#[test]
fn a_program_that_ends_at_once_is_an_error_with_its_last_words() {
    let lab = lab();
    lab.start("shell", "other", "");
    let before = lab.scene();
    let said = lab.llmux(["session", "start", "gone"]).fails(1);
    assert!(
        said.contains("\"gone\" ended at once with exit status 3"),
        "{said}"
    );
    assert!(
        said.contains("last\nwords") || said.contains("last\n") && said.contains("words"),
        "{said}"
    );
    assert_eq!(lab.scene(), before);
    let said = lab.llmux(["session", "start", "absent"]).fails(1);
    assert!(said.contains("not installed"), "{said}");
    assert_eq!(lab.scene(), before);
}

#[test]
fn a_restart_keeps_what_was_set_and_renews_the_rest() {
    let lab = lab();
    let start = [
        "session",
        "start",
        "args",
        "--name",
        "x",
        "--flags",
        "one 'two three'",
        "--env",
        "A=b",
    ];
    lab.llmux(start).ok();
    let before = lab.session("x").unwrap();
    assert_eq!(
        lab.llmux(["session", "restart", "x"]).ok(),
        format!("respawned x (agent: args, cwd: {})\n", lab.path("work").display())
    );
    let after = lab.session("x").unwrap();
    for same in ["agent", "cwd", "flags", "env", "parent"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["pane"], after["pane"]);
    assert!(after["createdAt"].as_str() > before["createdAt"].as_str());
    lab.shows("x", "^<two three>$");
}

#[test]
fn an_exited_session_is_kept_and_can_be_restarted() {
    let lab = lab();
    lab.start("shell", "x", "");
    lab.prompt("x", "echo goodbye; exit 5");
    lab.is("x", "exited");
    let exited = lab.session("x").unwrap();
    assert_eq!(exited["exit"]["code"], 5);
    assert!(lab.screen("x").contains("goodbye"));
    let said = lab.llmux(["session", "prompt", "x", "hello"]).fails(13);
    assert!(
        said.contains("not running") && said.contains("session restart x"),
        "{said}"
    );
    assert_eq!(
        lab.llmux(["session", "wait", "x", "--until", "exit"]).ok(),
        "exit status 5\n"
    );
    lab.llmux(["session", "restart", "x"]).ok();
    let again = lab.session("x").unwrap();
    assert_eq!(
        (&again["state"], &again["exit"]),
        (&json!("running"), &Value::Null)
    );
    lab.prompt("x", "echo I am $((40+2))");
    lab.shows("x", "^I am 42$");
}

#[test]
fn an_edit_changes_the_record_and_a_restart_applies_it() {
    let lab = lab();
    lab.llmux(["session", "start", "args", "--flags", "old"]).ok();
    let said = lab
        .llmux([
            "session", "edit", "args", "--flags", "new", "--env", "A=1", "--init", "hi",
        ])
        .ok();
    assert!(
        said.contains("  flags: new\n  env:\n    A=1\n  init prompts: 1\n(restart the session to apply"),
        "{said}"
    );
    lab.shows("args", "^<old>$");
    lab.llmux(["session", "edit", "args", "--apply", "--flags", "newer"])
        .ok();
    lab.shows("args", "^<newer>$");
    assert_eq!(lab.session("args").unwrap()["env"], json!({"A": "1"}));
    lab.llmux(["session", "edit", "args", "--env", "", "--init", ""])
        .ok();
    let bare = lab.session("args").unwrap();
    assert_eq!((&bare["env"], &bare["initPrompts"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_new_directory_restarts_a_running_session_in_it() {
    let lab = lab();
    lab.start("shell", "x", "");
    let pane = lab.session("x").unwrap()["pane"].clone();
    lab.llmux(["session", "edit", "x", "--cwd", "~"]).ok();
    assert_ne!(lab.session("x").unwrap()["pane"], pane);
    lab.prompt("x", "pwd");
    lab.shows("x", &format!("^{}$", lab.home().display()));
}

#[test]
fn a_rename_changes_the_name_and_nothing_else() {
    let lab = lab();
    lab.start("shell", "old", "");
    let mut start = lab.command(crate::lab::LLMUX);
    start
        .env("LLMUX_SESSION", "old")
        .args(["session", "start", "shell", "--name", "child"]);
    assert!(start.output().unwrap().status.success());
    let before = lab.session("old").unwrap();
    lab.llmux(["session", "edit", "old", "--name", "new"]).ok();
    let after = lab.session("new").unwrap();
    assert_eq!(
        (&before["pane"], &before["createdAt"]),
        (&after["pane"], &after["createdAt"])
    );
    assert_eq!(lab.session("child").unwrap()["parent"], "new");
    assert!(lab.tmux_sessions().contains(&"new".to_owned()));
    lab.prompt("new", "echo still $((1+1))");
    lab.shows("new", "^still 2$");
    lab.crash();
    lab.is("new", "running");
    assert_eq!(names(&lab), ["child", "new"]);
}

#[test]
fn a_rename_by_a_human_in_tmux_is_followed() {
    let lab = lab();
    lab.start("shell", "old", "");
    lab.tmux(["rename-session", "-t", "=old", "new"]).ok();
    until("the new name is known", || names(&lab) == ["new"]);
    lab.llmux(["session", "stop", "new"]).ok();
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
}

#[test]
fn two_sessions_that_swap_their_names_at_once_do_not_block_each_other() {
    let lab = lab();
    lab.start("shell", "a", "");
    lab.start("shell", "b", "");
    for _ in 0..20 {
        let edits =
            [("a", "b"), ("b", "a")].map(|(from, to)| lab.spawn(["session", "edit", from, "--name", to]));
        for mut edit in edits {
            until("the edit is answered", || edit.try_wait().unwrap().is_some());
        }
    }
    assert_eq!(names(&lab), ["a", "b"]);
}

#[test]
fn a_refused_edit_changes_nothing() {
    let lab = lab();
    lab.start("shell", "x", "");
    lab.start("shell", "taken", "");
    lab.tmux(["new-session", "-d", "-s", "foreign", "sleep", "1000"])
        .ok();
    let before = lab.scene();
    for bad in [
        &["--name", "taken"][..],
        &["--name", "foreign"],
        &["--name", "a.b"],
        &["--name", ""],
        &["--cwd", "/no/such/place"],
        &["--flags", "'unbalanced"],
        &["--env", "no assignment"],
    ] {
        let line = ["session", "edit", "x", "--init", "changed"].iter().chain(bad);
        let run = lab.llmux(line);
        assert_eq!(run.code, 1, "{bad:?}: {run}");
        assert_eq!(lab.scene(), before, "{bad:?}");
    }
    lab.llmux(["session", "edit", "x"]).fails(64);
}

#[test]
fn a_cascade_ends_the_sessions_that_a_session_started() {
    let lab = lab();
    lab.start("shell", "root", "");
    lab.start("shell", "apart", "");
    let start = |parent: &str, name: &str| {
        lab.prompt(
            parent,
            &format!("{} session start shell --name {name}", crate::lab::LLMUX),
        );
        lab.is(name, "running");
    };
    start("root", "child");
    start("child", "grandchild");
    assert_eq!(lab.session("grandchild").unwrap()["parent"], "child");
    let table = lab.llmux(["session", "list"]).ok();
    assert!(
        table.lines().any(|row| row
            .split_whitespace()
            .take(4)
            .eq(["child", "shell", "running", "root"])),
        "{table}"
    );
    lab.llmux(["session", "stop", "root", "apart", "--cascade"])
        .fails(64);
    assert_eq!(
        lab.llmux(["session", "stop", "root", "--cascade"]).ok(),
        "killed root\nkilled child\nkilled grandchild\n"
    );
    assert_eq!(names(&lab), ["apart"]);
    assert_eq!(lab.llmux(["session", "stop", "all"]).ok(), "killed apart\n");
    assert_eq!(
        lab.llmux(["session", "stop", "all"]).ok(),
        "no sessions to kill\n"
    );
}

#[test]
fn a_foreign_tmux_session_is_never_touched() {
    let lab = lab();
    lab.tmux(["new-session", "-d", "-s", "mine", "sleep", "1000"])
        .ok();
    let said = lab
        .llmux(["session", "start", "shell", "--name", "mine"])
        .fails(1);
    assert!(
        said.contains("that llmux did not start") && said.contains("hint: "),
        "{said}"
    );
    lab.start("shell", "x", "");
    lab.prompt("x", "exit");
    lab.is("x", "exited");
    lab.tmux(["new-session", "-d", "-s", "x", "sleep", "1000"]).ok();
    let before = lab.scene();
    lab.llmux(["session", "restart", "x"]).fails(1);
    let run = lab.llmux(["session", "prompt", "x", "rm -rf /"]);
    assert_eq!(run.code, 13, "{run}");
    assert_eq!(lab.llmux(["session", "stop", "mine"]).code, 1);
    assert_eq!(lab.scene().1, before.1);
    lab.llmux(["session", "stop", "x"]).ok();
    assert_eq!(lab.scene().1, before.1);
}

#[test]
fn many_starts_at_once_are_all_remembered() {
    let lab = lab();
    let starts = (0..8).map(|n| lab.spawn(["session", "start", "shell", "--name", &format!("s{n}")]));
    for start in starts.collect::<Vec<_>>() {
        let output = start.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(names(&lab), (0..8).map(|n| format!("s{n}")).collect::<Vec<_>>());
    assert_eq!(registry(&lab)["sessions"].as_object().unwrap().len(), 8);
}

#[test]
fn of_two_starts_under_one_name_one_wins() {
    let lab = lab();
    lab.llmux(["session", "list"]).ok();
    let starts = (0..6)
        .map(|_| lab.spawn(["session", "start", "shell", "--name", "x"]))
        .collect::<Vec<_>>();
    let ended = starts
        .into_iter()
        .map(|start| start.wait_with_output().unwrap().status.code().unwrap());
    let mut codes = ended.collect::<Vec<_>>();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1, 1, 1, 1]);
    assert_eq!(names(&lab), ["x"]);
}

#[test]
fn what_the_registry_holds_beyond_our_knowledge_stays() {
    let lab = lab();
    fs::create_dir_all(lab.path("state/llmuxd")).unwrap();
    let old = json!({"version": 1, "later": [1], "sessions": {
        "Claude Code": {"name": "Claude Code", "agent": "claude", "cwd": "/", "createdAt": "2025-01-01T00:00:00.000Z",
                        "parent": null, "restart": "on-failure", "turnqMarker": "LLMUX_DONE_1", "novel": {"a": 1}},
        "broken": 7,
    }});
    fs::write(lab.sessions_json(), old.to_string()).unwrap();
    lab.start("shell", "x", "");
    let mut now = registry(&lab);
    now["sessions"].as_object_mut().unwrap().remove("x");
    assert_eq!(now, old);
    let listed = lab.session("Claude Code").unwrap();
    assert_eq!(
        (&listed["state"], &listed["agent"]),
        (&json!("exited"), &json!("claude"))
    );
    assert_eq!(
        lab.llmux(["session", "stop", "Claude Code"]).ok(),
        "killed Claude Code\n"
    );
}
