//! The command line's contract: words, exit codes, tables, JSON, and what a terminal shows.

use std::process::Stdio;

use serde_json::json;

use crate::lab::{LLMUX, Lab, eventually, until};

#[test]
fn help_version_and_wrong_words_have_their_exit_codes() {
    let lab = Lab::new();
    for args in [
        &["--version"][..],
        &["-v"],
        &["session", "list", "--version"],
        &["session", "--version"],
    ] {
        assert_eq!(
            lab.llmux(args).ok(),
            concat!(env!("CARGO_PKG_VERSION"), "\n"),
            "{args:?}"
        );
    }
    for args in [
        &[][..],
        &["--help"],
        &["-h"],
        &["help"],
        &["session"],
        &["session", "start", "--help"],
    ] {
        assert!(lab.llmux(args).ok().contains("llmux"), "{args:?}");
    }
    let said = lab.llmux(["sesion", "list"]).fails(64);
    assert!(
        said.starts_with("llmux: unknown command \"sesion\"\n") && said.contains("--help"),
        "{said}"
    );
    for args in [
        &["session", "lst"][..],
        &["session", "stop"],
        &["session", "list", "--nope"],
        &["session", "start", "shell", "--name"],
        &["session", "start", "shell", "--name", "a", "--prefix", "b"],
        &["session", "start", "shell,demo", "--name", "a"],
        &["session", "start", ","],
        &["session", "wait", "x", "--until", "text=("],
        &["session", "wait", "x", "--timeout", "soon"],
        &["session", "prompt", "x", "--file", "f", "words"],
        &["server", "start", "--port", "0"],
    ] {
        let said = lab.llmux(args).fails(64);
        assert!(
            said.starts_with("llmux: ") && said.contains("hint: "),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn a_version_in_a_prompt_is_no_flag() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.llmux(["session", "prompt", "x", "--", "echo", "--version", "-h", "-v"])
        .ok();
    lab.shows("x", "^--version -h -v$");
}

#[test]
fn the_table_and_the_json_have_the_contracts_shape() {
    let lab = Lab::new();
    assert_eq!(lab.llmux(["session", "list"]).ok(), "no llmux sessions\n");
    assert_eq!(lab.llmux(["session", "list", "--json"]).ok(), "[]\n");
    lab.start("shell", "a-rather-long-name", "");
    lab.start("shell", "b", "");
    lab.prompt("b", "exit 3");
    lab.is("b", "exited");
    lab.llmux(["session", "wait", "a-rather-long-name", "--until", "ready"])
        .ok();
    let cwd = lab.path("work").display().to_string();
    assert_eq!(
        lab.llmux(["session", "list"]).ok(),
        format!(
            "NAME                AGENT  STATE    PARENT  CWD{pad}  ACTIVITY\n\
             b                   shell  exited   -       {cwd}  -\n\
             a-rather-long-name  shell  running  -       {cwd}  ready\n",
            pad = " ".repeat(cwd.len() - 3)
        )
    );
    let text = lab.llmux(["session", "list", "--json"]).ok();
    assert!(text.starts_with("[\n  {\n    \"name\": \"b\","), "{text}");
    let b = lab.session("b").unwrap();
    for (key, value) in [
        ("name", json!("b")),
        ("agent", json!("shell")),
        ("cwd", json!(cwd)),
        ("cwdDisplay", json!("~/work")),
        ("flags", json!("")),
        ("parent", json!(null)),
        // What is in effect: only plans restart.
        ("restart", json!("never")),
        ("status", json!("exited")),
        ("state", json!("exited")),
        ("attached", json!(0)),
    ] {
        assert_eq!(b[key], value, "{key}");
    }
    assert_eq!(b["exit"]["code"], 3);
    let file: serde_json::Value =
        serde_json::from_slice(&std::fs::read(lab.sessions_json()).unwrap()).unwrap();
    assert_eq!(
        (&file["version"], &file["sessions"]["b"]["name"]),
        (&json!(1), &json!("b"))
    );
    // In the file it is what the Node program writes, always.
    assert_eq!(file["sessions"]["b"]["restart"], "on-failure");
}

#[test]
fn aliases_and_the_flat_words_of_earlier_versions_work() {
    let lab = Lab::new();
    for (start, name) in [(&["spawn"][..], "a"), (&["session", "spawn"], "b")] {
        let line = [start, &["shell", "--name", name]].concat();
        assert!(lab.llmux(line).ok().starts_with(&format!("spawned {name} ")));
    }
    let ready = |name| lab.llmux(["session", "wait", name, "--until", "ready"]).ok();
    ready("a");
    ready("b");
    let list = lab.llmux(["session", "list"]).ok();
    for words in [&["ls"][..], &["status"], &["session", "ls"]] {
        assert_eq!(lab.llmux(words).ok(), list, "{words:?}");
    }
    for words in [&["send"][..], &["session", "send"]] {
        ready("a");
        let line = words.iter().chain(&["a", "echo", "hi"]);
        assert_eq!(lab.llmux(line).ok(), "sent 7 bytes → a\n", "{words:?}");
    }
    for words in [&["restart"][..], &["respawn"], &["session", "respawn"]] {
        assert!(
            lab.llmux(words.iter().chain(&["a"]))
                .ok()
                .starts_with("respawned a "),
            "{words:?}"
        );
    }
    assert_eq!(lab.llmux(["agents"]).ok(), lab.llmux(["agent", "list"]).ok());
    assert_eq!(lab.llmux(["kill", "a"]).ok(), "killed a\n");
    assert_eq!(lab.llmux(["session", "kill", "b"]).ok(), "killed b\n");
}

#[test]
fn an_agents_key_stands_for_its_one_session() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.prompt("shell", "echo by key");
    lab.shows("shell", "^by key$");
    lab.start("shell", "y", "");
    let said = lab.llmux(["session", "prompt", "shell", "who?"]).fails(1);
    assert!(
        said.contains("stands for 2 sessions") && said.contains('x') && said.contains('y'),
        "{said}"
    );
    let said = lab.llmux(["session", "stop", "shell"]).fails(1);
    assert!(
        said.contains("no session \"shell\""),
        "stop takes exact names: {said}"
    );
}

#[test]
fn what_can_be_done_is_done_and_the_rest_is_said() {
    let lab = Lab::new();
    lab.start("shell", "a", "");
    lab.start("shell", "b", "");
    let run = lab.llmux(["session", "stop", "a", "nope", "b"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "killed a\nkilled b\n"));
    assert!(
        run.stderr.contains("kill nope failed: ") && run.stderr.contains("1 of 3 kill calls failed"),
        "{run}"
    );
    let run = lab.llmux(["session", "start", "shell,nope"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.starts_with("spawned shell "), "{run}");
    assert!(
        run.stderr.contains("start nope failed: ") && run.stderr.contains("1 of 2 start calls failed"),
        "{run}"
    );
    let run = lab.llmux(["session", "restart", "shell", "nope"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("respawn nope failed: ") && run.stdout.starts_with("respawned shell "),
        "{run}"
    );
}

#[test]
fn agents_are_listed_with_what_is_installed() {
    let lab = Lab::new();
    lab.config("agents: {mine: {cmd: sh, displayName: My Own, flags: -x}, gone: {cmd: no-such-thing}}");
    let list = lab.llmux(["agent", "list"]).ok();
    let row = |key: &str, list: &str| list.lines().find(|row| row.starts_with(key)).map(str::to_owned);
    assert_eq!(
        row("mine ", &list).unwrap(),
        format!("{:<10}  {:<24}  installed  -x", "mine", "My Own")
    );
    assert_eq!(row("gone ", &list), None);
    assert!(
        row("gone ", &lab.llmux(["agent", "list", "--all"]).ok())
            .unwrap()
            .contains("  not installed  -")
    );
    let all = lab.llmux(["agent", "list", "--all", "--json"]).json();
    let mine = all
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["key"] == "mine")
        .unwrap()
        .clone();
    let wanted =
        json!({"key": "mine", "displayName": "My Own", "cmd": "sh", "flags": "-x", "installed": true});
    assert_eq!(mine, wanted);
    assert!(
        lab.llmux(["agent", "show", "claud"])
            .fails(1)
            .contains("did you mean claude?")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error_worth_a_word() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let run = lab.sh("{ \"$LLMUX\" session list --json; echo \"$?\" >&2; } | true");
    assert!(run.stderr == "141\n" || run.stderr == "0\n", "{run}");
    let run = lab.sh("\"$LLMUX\" session list > /dev/full");
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("cannot write to standard output"), "{run}");
    assert_eq!(lab.sh("\"$LLMUX\" session list <&- >&- 2>&-").code, 0);
    let run = lab.sh("\"$LLMUX\" session prompt x <&-");
    assert!(
        run.code == 1 && run.stderr.contains("standard input is empty"),
        "{run}"
    );
}

#[test]
fn attach_shows_the_session_in_a_terminal_and_detaches() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.prompt("x", "echo in the session");
    lab.shows("x", "^in the session$");
    // A terminal of its own: a pane of another tmux server.
    let outer = |args: &[&str]| {
        lab.command("tmux")
            .args(["-L", "outer", "-f", "/dev/null"])
            .args(args)
            .output()
            .unwrap()
    };
    let line = format!("{LLMUX} session attach x; echo \"ended with $?\"; exec sleep 1000");
    outer(&["new-session", "-d", "-x", "90", "-y", "25", "-s", "o", &line]);
    let shown = || String::from_utf8_lossy(&outer(&["capture-pane", "-p", "-t", "o"]).stdout).into_owned();
    until("the session is shown", || shown().contains("in the session"));
    until("somebody is attached", || {
        lab.session("x").unwrap()["attached"] == 1
    });
    until("the session has the terminal's size", || {
        lab.session("x").unwrap()["size"] == json!([90, 24])
    });
    outer(&["send-keys", "-t", "o", "echo ty''ped", "Enter"]);
    lab.shows("x", "^typed$");
    outer(&["send-keys", "-t", "o", "C-b", "d"]);
    until("the client is gone", || shown().contains("ended with 0"));
    until("nobody is attached", || {
        lab.session("x").unwrap()["attached"] == 0
    });
    outer(&["kill-server"]);
    lab.prompt("x", "exit");
    lab.is("x", "exited");
    assert!(
        lab.llmux(["session", "attach", "x"])
            .fails(13)
            .contains("llmux session restart x")
    );
}

#[test]
fn watch_streams_what_a_session_prints_until_it_ends() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.prompt("x", "echo bef''ore");
    lab.shows("x", "^before$");
    let file = std::fs::File::create(lab.path("watched")).unwrap();
    let mut watch = lab.command(LLMUX);
    let mut watch = watch
        .args(["session", "watch", "x"])
        .stdin(Stdio::null())
        .stdout(file)
        .spawn()
        .expect("llmux runs");
    let watched = || String::from_utf8_lossy(&std::fs::read(lab.path("watched")).unwrap()).into_owned();
    until("the screen is shown", || watched().contains("before"));
    lab.prompt("x", "echo aft''er; exit");
    let status = eventually("the watch ends", || watch.try_wait().unwrap());
    assert!(status.success() && watched().contains("after"), "{}", watched());
}
