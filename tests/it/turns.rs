//! Turns through the command line: what they print, how they end, and what outlives the daemon.

use std::fs;

use crate::lab::{LLMUX, Lab, Run, eventually, signal, until};

fn demo(lab: &Lab, name: &str, flags: &str) {
    let flags = format!(
        "{flags} --history {}",
        lab.path(format!("history-{name}")).display()
    );
    lab.llmux(["session", "start", "demo", "--name", name, "--flags", &flags])
        .ok();
}

fn ask(lab: &Lab, name: &str, prompt: &str) -> Run {
    lab.llmux(["session", "prompt", name, "--wait", "--", prompt])
}

#[test]
fn a_waiting_prompt_prints_its_reply_and_nothing_else() {
    let lab = Lab::new();
    demo(&lab, "a", "");
    demo(&lab, "b", "");
    assert_eq!(ask(&lab, "a", "grüße 日本 🦀").ok(), "Echo: grüße 日本 🦀\n");
    let lines = ask(&lab, "a", "[[lines=120]]").ok();
    assert!(lines.ends_with("Line 119\nLine 120\n"), "{lines}");
    // A chain is one line.
    assert_eq!(
        lab.sh(&format!(
            "{LLMUX} session prompt a 'x [[lines=2]]' --wait | {LLMUX} session prompt b - --wait"
        ))
        .ok(),
        "Echo: Line 1 Line 2\n"
    );
    let receipt = lab
        .llmux(["session", "prompt", "a", "hi", "--wait", "--json"])
        .json();
    assert_eq!(
        (&receipt["state"], &receipt["reply"]["text"]),
        (&"ended".into(), &"Echo: hi".into())
    );
    let stages =
        ["started", "submitted", "accepted", "ended"].map(|stage| receipt["stages"][stage].as_u64().unwrap());
    assert!(stages.is_sorted(), "{receipt}");
}

#[test]
fn each_bad_end_has_its_own_exit_code_and_says_why() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    assert!(ask(&lab, "d", "[[error]]").fails(16).contains("400 demo error"));
    let said = ask(&lab, "d", "[[ask]]").fails(12);
    assert!(
        said.contains("Do you want to proceed?") && said.contains("1. Yes"),
        "{said}"
    );
    let said = lab.llmux(["session", "prompt", "d", "--now", "x"]).fails(10);
    assert!(said.contains("a dialog is open"), "{said}");
    let said = lab
        .llmux(["session", "answer", "d", "1", "--dialog", "0123"])
        .fails(10);
    assert!(said.contains("another dialog"), "{said}");
    assert!(
        lab.llmux(["session", "answer", "d", "maybe"])
            .fails(1)
            .contains("no answer")
    );
    lab.llmux(["session", "answer", "d", "yes"]).ok();
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
    let said = lab.llmux([
        "session",
        "prompt",
        "d",
        "[[hang]]",
        "--wait",
        "--timeout",
        "300ms",
    ]);
    said.fails(124);
    let hanging = lab
        .llmux(["session", "turns", "d", "--limit", "1", "--json"])
        .json();
    assert_eq!(hanging[0]["state"], "timeout");
}

#[test]
fn a_key_stands_for_one_turn() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let send = |text: &str| lab.llmux(["session", "prompt", "d", text, "--key", "k", "--wait", "--json"]);
    let first = send("once").json();
    assert_eq!(send("once").json()["id"], first["id"]);
    assert!(send("twice").fails(1).contains("another prompt"));
    assert_eq!(lab.prompts_in("history-d"), ["once"]);
}

#[test]
fn a_busy_agents_prompts_queue_in_order_and_can_be_cancelled() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    lab.llmux(["session", "prompt", "d", "[[hang]] first"]).ok();
    let queued = lab.llmux(["session", "prompt", "d", "second"]).ok();
    assert!(
        queued.starts_with("queued 6 bytes → d (place 1, turn "),
        "{queued}"
    );
    let third = lab.llmux(["session", "prompt", "d", "third", "--async"]).ok();
    let first = &lab.llmux(["session", "turns", "d", "--json"]).json()[2];
    assert_eq!(first["state"], "running");
    lab.llmux(["turn", "cancel", third.trim()]).ok();
    lab.llmux(["turn", "cancel", first["id"].as_str().unwrap()]).ok();
    until("the second is answered", || {
        lab.llmux(["session", "turns", "d", "--json"]).json()[1]["state"] == "ended"
    });
    assert_eq!(lab.prompts_in("history-d"), ["[[hang]] first", "second"]);
    assert_eq!(lab.llmux(["turn", "wait", third.trim()]).code, 14);
}

/// Nothing is typed twice, and nothing that was accepted is forgotten, whenever the daemon is killed.
#[test]
fn turns_outlive_a_killed_daemon() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let running = lab
        .llmux([
            "session",
            "prompt",
            "d",
            "[[delay=300]] [[chunks=6]] first",
            "--json",
        ])
        .json();
    lab.llmux(["session", "prompt", "d", "second"]).ok();
    lab.crash();
    let reply = lab.llmux(["turn", "wait", running["id"].as_str().unwrap()]).ok();
    assert!(reply.contains("Echo: first"), "{reply}");
    until("what was queued is answered too", || {
        lab.llmux(["session", "turns", "d", "--json"]).json()[0]["state"] == "ended"
    });
    assert_eq!(
        lab.prompts_in("history-d"),
        ["[[delay=300]] [[chunks=6]] first", "second"]
    );
}

#[test]
fn an_agent_that_dies_ends_its_turn_and_the_queue() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    lab.llmux(["session", "prompt", "d", "[[hang]]"]).ok();
    let waiting = lab.spawn(["session", "prompt", "d", "next", "--wait"]);
    until("it waits", || {
        lab.llmux(["session", "turns", "d", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len()
            == 2
    });
    // By this lab's own directory: other tests have agents of the same name.
    let history = lab.path("history-d").display().to_string();
    lab.sh(&format!("pkill -KILL -f '[d]emo-agent.*{history}'")).ok();
    let _ = Run::from(waiting.wait_with_output().unwrap()).fails(13);
    let turns = lab.llmux(["session", "turns", "d", "--json"]).json();
    assert!(
        turns
            .as_array()
            .unwrap()
            .iter()
            .all(|turn| turn["state"] == "session_gone"),
        "{turns}"
    );
}

#[test]
fn ctrl_c_leaves_the_agent_working_unless_it_is_to_be_interrupted() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let waiting = lab.spawn(["session", "prompt", "d", "[[hang]]", "--wait"]);
    let state = || lab.llmux(["session", "turns", "d", "--json"]).json()[0]["state"].clone();
    until("it runs", || state() == "running");
    signal(waiting.id(), "INT");
    let said = Run::from(waiting.wait_with_output().unwrap()).fails(130);
    let id = said.split_whitespace().last().unwrap().to_owned();
    assert_eq!(state(), "running");
    let waiting = lab.spawn(["turn", "wait", &id]);
    lab.llmux(["turn", "cancel", &id]).ok();
    let _ = Run::from(waiting.wait_with_output().unwrap()).fails(14);
    let waiting = lab.spawn([
        "session",
        "prompt",
        "d",
        "[[hang]] more",
        "--wait",
        "--interrupt-on-cancel",
    ]);
    until("the next runs", || state() == "running");
    signal(waiting.id(), "INT");
    let _ = Run::from(waiting.wait_with_output().unwrap()).fails(130);
    until("the agent was interrupted", || state() == "cancelled");
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
}

#[test]
fn a_growing_reply_is_streamed_once() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let lines: Vec<String> = (1..=30).map(|n| format!("Line {n}")).collect();
    let all = lines.join("\n") + "\n";
    let prompt = "[[lines=30]] [[chunks=10]] [[delay=20]]";
    assert_eq!(
        lab.llmux(["session", "prompt", "d", prompt, "--stream"]).ok(),
        all
    );
}

#[test]
fn a_hook_of_the_agent_ends_the_turn_with_its_last_message() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let hook = |event: &str, more: &str| {
        let payload = format!(r#"{{"hook_event_name":"{event}"{more}}}"#);
        lab.sh(&format!("LLMUX_SESSION=d {LLMUX} hook {event} '{payload}'"))
            .ok()
    };
    let state = || lab.llmux(["session", "turns", "d", "--json"]).json()[0]["state"].clone();
    assert_eq!(hook("UserPromptSubmit", ""), "");
    let waiting = lab.spawn(["session", "prompt", "d", "[[hang]]", "--wait", "--json"]);
    until("it runs", || state() == "running");
    // The turn before ends late: this one's beginning was not told yet.
    hook("Stop", r#","last_assistant_message":"old""#);
    assert_eq!(state(), "running");
    hook("UserPromptSubmit", "");
    hook("Stop", r#","last_assistant_message":"all done""#);
    let turn = Run::from(waiting.wait_with_output().unwrap()).json();
    assert_eq!(
        (&turn["reply"]["text"], &turn["reply"]["source"]),
        (&"all done".into(), &"hook".into())
    );
}

#[test]
fn a_hook_finds_its_session_by_the_pane_whatever_its_name_is_now() {
    let lab = Lab::new();
    lab.start("shell", "old", "");
    lab.llmux(["session", "edit", "old", "--name", "new"]).ok();
    demo(&lab, "old", "");
    let line = format!("{LLMUX} hook SessionStart '{{}}'; echo told=$?");
    lab.prompt("new", &line);
    lab.shows("new", "^told=0$");
    let told = |name: &str| {
        let said = lab.llmux(["session", "explain", name]).ok();
        said.contains("hook SessionStart")
    };
    until("the renamed session has it", || told("new"));
    assert!(!told("old"));
}

#[test]
fn explain_says_what_is_believed_and_why() {
    let lab = Lab::new();
    demo(&lab, "d", "--osc-status --draft half");
    lab.shows("d", "❯ half$");
    let said = eventually("the draft is seen", || {
        let said = lab.llmux(["session", "explain", "d"]).ok();
        said.contains("half").then_some(said)
    });
    assert!(
        said.starts_with("d is ready (") && said.contains("OSC 7501 state=idle"),
        "{said}"
    );
}

#[test]
fn turnq_keeps_the_lock_file_of_the_other_program_while_a_turn_runs() {
    let mut lab = Lab::new();
    let temp = lab.home().display().to_string();
    lab.set("TMPDIR", temp);
    lab.config("turnq: {enabled: true}\n");
    demo(&lab, "d", "");
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
    let lock = lab.path("turnq-locks/llmux_d.lock");
    lab.llmux(["session", "prompt", "d", "[[hang]]"]).ok();
    let holder = fs::read_to_string(&lock).unwrap();
    assert_eq!(holder.trim().parse(), Ok(lab.daemon().unwrap()));
    let id = lab.llmux(["session", "turns", "d", "--json"]).json()[0]["id"].clone();
    lab.llmux(["turn", "cancel", id.as_str().unwrap()]).ok();
    until("the lock is gone", || !lock.exists());
    // The marker that the agent was asked for is no part of the reply.
    assert_eq!(ask(&lab, "d", "hello").ok(), "Echo: hello\n");
}

/// Whoever has begun to type is not disturbed, and the session's first prompts are not lost.
#[test]
fn an_init_prompt_waits_until_a_draft_is_gone() {
    let lab = Lab::new();
    lab.config("initPrompts: [first, next]\n");
    demo(&lab, "d", "--draft half");
    until("it is told why", || {
        let turns = lab.llmux(["session", "turns", "d", "--json"]).json();
        let first = turns.as_array().unwrap().last().cloned().unwrap_or_default();
        first["state"] == "queued" && first["evidence"].to_string().contains("half")
    });
    assert!(lab.screen("d").contains("❯ half"));
    let other = ["session", "prompt", "d", "other", "--draft", "replace", "--wait"];
    assert_eq!(lab.llmux(other).ok(), "Echo: other\n");
    until("the init prompts are typed", || {
        lab.prompts_in("history-d") == ["other", "first", "next"]
    });
}

#[test]
fn an_enter_that_became_a_newline_is_noticed_at_once() {
    let lab = Lab::new();
    let enters_after = |name: &str, flags: &str| {
        demo(&lab, name, flags);
        let turn = lab
            .llmux(["session", "prompt", name, "hi", "--wait", "--json"])
            .json();
        let stage = |stage: &str| turn["stages"][stage].as_u64().unwrap();
        stage("submitted") - stage("started")
    };
    // An Enter that is swallowed shows nothing: that takes its time.
    let (seen, unseen) = (
        enters_after("newline", "--paste-guard 120"),
        enters_after("swallowed", "--swallow-enter 1"),
    );
    assert!(seen * 2 < unseen, "{seen} ns, {unseen} ns");
}

#[test]
fn a_prompt_that_comes_back_into_the_composer_was_not_submitted() {
    let lab = Lab::new();
    for (name, later) in [("soon", "100"), ("late", "600")] {
        demo(&lab, name, &format!("--give-back {later}"));
        let run = ask(&lab, name, "the first");
        if later == "600" {
            assert!(run.stderr.contains("showed the prompt there again"), "{run}");
            run.fails(11);
        } else {
            assert_eq!(run.ok(), "Echo: the first\n", "Enter was typed again");
        }
        // What it holds is nobody's draft.
        assert_eq!(ask(&lab, name, "the second").ok(), "Echo: the second\n");
    }
}

/// Whoever approved the first has not seen the second.
#[test]
fn the_id_of_a_dialog_answers_no_equal_one() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    let asks = || {
        ask(&lab, "d", "[[ask]]").fails(12);
        let turn = &lab.llmux(["session", "turns", "d", "--json"]).json()[0];
        turn["dialog"]["id"].as_str().unwrap().to_owned()
    };
    let answer = |id: &str| lab.llmux(["session", "answer", "d", "1", "--dialog", id]);
    let first = asks();
    answer(&first).ok();
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
    let second = asks();
    assert!(answer(&first).fails(10).contains("another dialog"));
    answer(&second).ok();
}

#[test]
fn a_prompt_may_speak_of_collapsed_pastes() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    for prompt in ["what is [Pasted text #1 +3 lines]?", "[Paste] or [Pasted]"] {
        assert_eq!(ask(&lab, "d", prompt).ok(), format!("Echo: {prompt}\n"));
    }
}

#[test]
fn a_prompt_whose_time_is_over_is_not_typed() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
    let late = |flags: &[&str]| {
        let flags = [&["session", "prompt", "d", "late", "--timeout", "0s"][..], flags].concat();
        lab.llmux(flags).fails(124);
    };
    for _ in 0..5 {
        late(&["--wait"]);
        late(&["--wait", "--now"]);
        late(&[]);
    }
    assert_eq!(ask(&lab, "d", "in time").ok(), "Echo: in time\n");
    assert_eq!(lab.prompts_in("history-d"), ["in time"]);
}

#[test]
fn a_prompt_behind_a_question_says_what_it_waits_for() {
    let lab = Lab::new();
    demo(&lab, "d", "");
    ask(&lab, "d", "[[ask]]").fails(12);
    let queued = lab.llmux(["session", "prompt", "d", "behind"]);
    assert!(
        queued.stderr.contains("Do you want to proceed?") && queued.stderr.contains("session answer d 1"),
        "{}",
        queued.stderr
    );
    assert!(queued.ok().starts_with("queued 6 bytes"));
    // Its Enter takes the answer that is selected.
    lab.llmux(["session", "prompt", "d", "--force", "1"]).ok();
    until("both are done", || {
        lab.prompts_in("history-d") == ["[[ask]]", "behind"]
    });
}

/// An agent that asks for one command after the other, and then stays with its question whatever is typed.
const ASKER: &str = r#"
stty -echo
ask() { printf '\033[2J\033[H────────────────\n run %s\n\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n' "$1"; }
echo up
read -r prompt
ask 'touch a'
read -r answer
ask 'touch b'
while read -r answer; do :; done
"#;

#[test]
fn a_dialog_in_the_place_of_another_is_told_and_answered_by_its_own_id() {
    let lab = Lab::new();
    let (dir, script) = (lab.path("config/llmux/agents.d"), lab.path("asker.sh"));
    fs::create_dir_all(&dir).unwrap();
    fs::write(&script, ASKER).unwrap();
    let agent = format!(
        "[[agent]]\nkey = 'asker'\ncmd = 'sh {}'\n[agent.rules]\napproval = {{ pattern = '^ (Do you want to proceed)' }}\n",
        script.display()
    );
    fs::write(dir.join("asker.toml"), agent).unwrap();
    lab.start("asker", "d", "");
    lab.shows("d", "^up");
    assert!(ask(&lab, "d", "go").fails(12).contains("run touch a"));
    let dialog = || lab.llmux(["session", "turns", "d", "--json"]).json()[0]["dialog"].clone();
    let answer = |id: &str| lab.llmux(["session", "answer", "d", "1", "--dialog", id]);
    let first = dialog()["id"].as_str().unwrap().to_owned();
    answer(&first).ok();
    until("the second is told", || dialog()["header"] == "run touch b");
    assert!(answer(&first).fails(10).contains("another dialog"));
    let second = dialog()["id"].as_str().unwrap().to_owned();
    let said = answer(&second).fails(10);
    assert!(
        said.contains("the answer was typed") && !said.contains("nothing"),
        "{said}"
    );
    assert!(answer(&second).fails(10).contains("another dialog"));
    until("the turn has the id that is good now", || {
        dialog()["id"] != second.as_str()
    });
}

/// An agent that fails and leaves its title as it was while it worked; it says that it cleared its conversation, and leaves that.
const FORGETFUL: &str = r"
stty -icanon
composer() { printf '────────\n> '; }
composer
while read -r prompt; do
  case $prompt in
    /clear) printf 'All is cleared.\n' ;;
    *) printf '\033]0;working\a\nfailed: no model\n' ;;
  esac
  composer
done
";

#[test]
fn a_title_that_is_left_behind_and_an_old_conversation_that_stays_hold_nothing_up() {
    let lab = Lab::new();
    let (dir, script) = (lab.path("config/llmux/agents.d"), lab.path("forgetful.sh"));
    fs::create_dir_all(&dir).unwrap();
    fs::write(&script, FORGETFUL).unwrap();
    let agent = format!(
        "[[agent]]\nkey = 'forgetful'\ncmd = 'sh {}'\nnew-chat = '/clear'\n[agent.rules]\ntitle-busy = '^working'\n\
         composer = {{ pattern = '^────────\\n(>[^\\n]*)\\z' }}\necho = '^> (.+)'\nerror = '^failed: (.*)'\ncleared = '^All is cleared'\n",
        script.display()
    );
    fs::write(dir.join("forgetful.toml"), agent).unwrap();
    lab.start("forgetful", "d", "");
    assert!(ask(&lab, "d", "go").fails(16).contains("no model"));
    let explained = lab.llmux(["session", "explain", "d"]).ok();
    assert!(explained.contains("ready (screen"), "{explained}");
    lab.llmux(["session", "new-chat", "d"]).ok();
    assert!(lab.screen("d").contains("> go"), "the old one is still there");
}

#[test]
fn what_a_program_without_rules_prints_is_the_reply() {
    let lab = Lab::new();
    lab.start("shell", "s", "");
    lab.llmux(["session", "wait", "s", "--until", "ready"]).ok();
    for (prompt, reply) in [("echo $((6*7)); echo two", "42\ntwo\n"), ("echo hi", "hi\n")] {
        let run = ask(&lab, "s", prompt);
        assert!(run.stdout.starts_with(reply), "{}", run.stdout);
        assert!(run.stderr.contains("may not be whole"), "{}", run.stderr);
    }
}
