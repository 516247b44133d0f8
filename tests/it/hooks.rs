//! Hooks that are set up in an agent for its session: what they tell, what they leave behind, and what happens when
//! they are lost, late, doubled or speak for another session.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::Value;

use crate::lab::{LLMUX, Lab, Run, until};

/// The demo agent under another key, with hooks and with nothing else that tells the end of a turn.
fn row(key: &str, event: &str, unless: &str) -> String {
    let catalog: toml::Table = include_str!("../../assets/agents.toml").parse().unwrap();
    let agents = catalog["agent"].as_array().unwrap();
    let demo = agents.iter().find(|agent| agent["key"].as_str() == Some("demo"));
    let text = format!(
        "key = '{key}'
cmd = '{LLMUX} demo-agent'
exit-keys = 'C-d C-d'
[hooks]
events = ['UserPromptSubmit', 'PermissionRequest', 'Stop', 'StopFailure']
event = '''{event}'''
flags = '--hooks {{dir}}/hooks.json'
files = {{ 'hooks.json' = '{{{{events}}}}' }}
unless = [{unless}]"
    );
    let mut row: toml::Table = text.parse().unwrap();
    row.insert("rules".to_owned(), demo.unwrap()["rules"].clone());
    let agents = toml::Value::from(vec![toml::Value::from(row)]);
    toml::to_string(&toml::Table::from_iter([("agent".to_owned(), agents)])).unwrap()
}

const CALL: &str = r#""{event}": "{hook} {event}""#;

fn with_rows(rows: &[String]) -> Lab {
    let mut lab = Lab::new();
    // All that a shell and JSON quote.
    let state = lab.path("it's a \"state\" of $HOME");
    lab.set("XDG_STATE_HOME", state.to_str().unwrap());
    let dir = lab.path("config/llmux/agents.d");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("rows.toml"), rows.concat()).unwrap();
    lab
}

fn hooked() -> Lab {
    with_rows(&[row("hooked", CALL, "'--hooks'")])
}

fn ask(lab: &Lab, name: &str, prompt: &str) -> Run {
    lab.llmux(["session", "prompt", name, "--wait", "--json", "--", prompt])
}

fn ended_by(turn: &Value) -> Value {
    let evidence = turn["evidence"].as_array().unwrap();
    let ended = evidence.iter().rfind(|seen| seen["step"] == "ended");
    ended.unwrap_or_else(|| panic!("{turn}"))["source"].clone()
}

fn explained(lab: &Lab, name: &str) -> Value {
    lab.llmux(["session", "explain", name, "--json"]).json()
}

/// The directories of hooks that are there.
fn set_up(lab: &Lab) -> Vec<PathBuf> {
    let all = lab.path("it's a \"state\" of $HOME/llmuxd/hooks");
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[test]
fn a_turn_ends_by_the_hook_that_was_set_up_for_its_session() {
    let lab = hooked();
    lab.start("hooked", "h", "");
    let hooks = explained(&lab, "h")["hooks"].clone();
    assert_eq!((&hooks["events"][2], hooks.get("last")), (&"Stop".into(), None));
    let turn = ask(&lab, "h", "grüße 日本").json();
    assert_eq!(
        (&ended_by(&turn), &turn["reply"]["source"], &turn["reply"]["text"]),
        (&"hook".into(), &"hook".into(), &"Echo: grüße 日本".into()),
        "{turn}"
    );
    assert_eq!(explained(&lab, "h")["hooks"]["last"]["detail"], "hook Stop");
    assert_eq!(ask(&lab, "h", "[[error]]").code, 16);
    let text = lab.llmux(["session", "explain", "h"]).ok();
    assert!(
        text.contains("hooks     UserPromptSubmit, PermissionRequest, Stop"),
        "{text}"
    );
    assert!(text.contains("last heard hook StopFailure at 20"), "{text}");
}

#[test]
fn hooks_that_fail_change_no_turn() {
    let keep = "p=$(cat); call() { printf %s \\\"$p\\\" | {hook} {event}; }; ";
    let stop =
        |how: &str| format!(r#""{{event}}": "{keep} if [ {{event}} != Stop ]; then call; else {how}; fi""#);
    let rows = [
        ("lost", stop("true"), "screen"),
        ("late", stop("{ (sleep 1; call) >/dev/null 2>&1 & }"), "hook"),
        ("doubled", stop("call; call"), "hook"),
        (
            "strange",
            stop("unset TMUX; export LLMUX_SESSION=doubled; call"),
            "screen",
        ),
    ];
    let texts: Vec<String> = rows.iter().map(|(key, event, _)| row(key, event, "")).collect();
    let lab = with_rows(&texts);
    for (key, _, source) in &rows {
        lab.start(key, key, "");
        for prompt in ["one", "two", "three"] {
            let turn = ask(&lab, key, prompt).json();
            let reply = turn["reply"]["text"].as_str().unwrap_or_default();
            assert_eq!(
                (&turn["state"], reply.trim(), &ended_by(&turn)),
                (
                    &"ended".into(),
                    format!("Echo: {prompt}").as_str(),
                    &(*source).into()
                ),
                "{key}: {turn}"
            );
        }
    }
    // What spoke for it while it had no turn is not the end of its next one.
    let turn = ask(&lab, "doubled", "four").json();
    assert_eq!(turn["reply"]["text"], "Echo: four", "{turn}");
}

#[test]
fn a_hook_that_overtakes_the_screen_does_not_cut_the_reply() {
    let event = r#""{event}": "[ {event} = UserPromptSubmit ] && { {hook} {event}; (sleep 0.4; {hook} Stop) & } </dev/null >/dev/null 2>&1""#;
    let lab = with_rows(&[row("hasty", event, "")]);
    lab.start("hasty", "h", "");
    for _ in 0..2 {
        let turn = ask(&lab, "h", "[[lines=10]] [[chunks=10]] [[delay=100]]").json();
        let reply = turn["reply"]["text"].as_str().unwrap_or_default();
        assert_eq!(
            (&ended_by(&turn), reply.lines().count()),
            (&"hook".into(), 10),
            "{turn}"
        );
    }
}

#[test]
fn a_hook_that_tells_of_a_dialog_does_not_answer_for_the_screen() {
    let lab = hooked();
    lab.start("hooked", "h", "");
    ask(&lab, "h", "hello").json();
    let tell = format!("LLMUX_SESSION=h {LLMUX} hook PermissionRequest '{{\"tool_name\":\"Bash\"}}'");
    lab.sh(&tell).ok();
    let votes = explained(&lab, "h")["votes"].clone();
    let says = |votes: &Value, state: &str| {
        let mut votes = votes.as_array().unwrap().iter();
        votes.any(|vote| vote["source"] == "hook" && vote["state"] == state)
    };
    assert!(says(&votes, "blocked"), "{votes}");
    // No dialog is on the screen, so there is nothing to answer, and prompts go on.
    let before = lab.screen("h");
    lab.llmux(["session", "answer", "h", "1"]).fails(10);
    assert_eq!(lab.screen("h"), before);
    assert_eq!(ask(&lab, "h", "[[ask]] more").code, 12);
    assert!(says(&explained(&lab, "h")["votes"], "blocked"));
    lab.llmux(["session", "answer", "h", "1"]).ok();
    until("the turn ends by its hook", || {
        let turns = lab.llmux(["session", "turns", "h", "--json"]).json();
        turns[0]["state"] == "ended" && ended_by(&turns[0]) == "hook"
    });
}

#[test]
fn what_is_set_up_goes_with_its_program() {
    let lab = hooked();
    lab.start("hooked", "h", "");
    let first = set_up(&lab);
    assert_eq!(first.len(), 1, "{first:?}");
    let mode = fs::metadata(&first[0]).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    lab.llmux(["session", "restart", "h"]).ok();
    let second = set_up(&lab);
    assert!(second.len() == 1 && second != first, "{second:?}");
    // The next daemon knows them, and what a program has left that ended meanwhile.
    lab.start("hooked", "gone", "");
    assert_eq!(set_up(&lab).len(), 2);
    lab.crash();
    lab.tmux(["kill-session", "-t", "=gone"]).ok();
    let hooks = explained(&lab, "h")["hooks"].clone();
    assert_eq!(hooks["events"][2], "Stop", "{hooks}");
    assert_eq!(ended_by(&ask(&lab, "h", "again").json()), "hook");
    until("what is left is swept", || set_up(&lab) == second);
    lab.llmux(["session", "stop", "h"]).ok();
    until("nothing is left", || set_up(&lab).is_empty());
}

#[test]
fn hooks_are_left_out_where_somebody_says_so() {
    let lab = hooked();
    lab.config("agents: {hooked: {hooks: false}}\n");
    let why = |name: &str| explained(&lab, name)["hooks"]["whyNot"].clone();
    lab.start("hooked", "by-config", "");
    assert_eq!(why("by-config"), "agents.hooked.hooks is false");
    lab.llmux(["session", "start", "hooked", "--name", "on", "--hooks"])
        .ok();
    assert_eq!(why("on"), Value::Null);
    lab.llmux(["session", "start", "hooked", "--name", "off", "--no-hooks"])
        .ok();
    assert_eq!(set_up(&lab).len(), 1);
    for name in ["on", "off"] {
        lab.llmux(["session", "restart", name]).ok();
    }
    assert_eq!(why("off"), "the session was started with --no-hooks");
    assert_eq!((why("on"), set_up(&lab).len()), (Value::Null, 1));
    let own = lab.path("own.json");
    fs::write(&own, "{}").unwrap();
    let flags = format!("--flags=--hooks {}", own.display());
    lab.llmux(["session", "start", "hooked", "--name", "own", "--hooks", &flags])
        .ok();
    assert!(
        why("own")
            .as_str()
            .unwrap()
            .contains("the user's own: its flags have --hooks")
    );
    assert_eq!(why("own").as_str().map(|_| set_up(&lab).len()), Some(1));
    lab.llmux(["session", "start", "shell", "--name", "shell"]).ok();
    assert!(why("shell").as_str().unwrap().starts_with("this agent has none"));
    lab.llmux(["session", "start", "hooked", "--hooks", "--no-hooks"])
        .fails(64);
    let shown = lab.llmux(["agent", "show", "claude"]).ok();
    assert!(
        shown.contains("hooks      SessionStart, UserPromptSubmit"),
        "{shown}"
    );
}
