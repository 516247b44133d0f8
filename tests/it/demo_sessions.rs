//! The demo agent in sessions: an agent CLI that everybody has.

use std::{collections::BTreeSet, thread};

use crate::lab::{Lab, until};

fn lab() -> Lab {
    Lab::new()
}

fn demo(lab: &Lab, name: &str, flags: &str) {
    let history = lab.path(format!("history-{name}"));
    lab.start("demo", name, &format!("--history {} {flags}", history.display()));
}

#[track_caller]
fn idle(lab: &Lab, name: &str) {
    lab.llmux(["session", "wait", name, "--until", "idle", "--timeout", "60s"])
        .ok();
}

#[test]
fn a_prompt_is_answered_and_the_wait_ends_when_the_reply_does() {
    let lab = lab();
    demo(&lab, "d", "");
    lab.prompt("d", "say this [[chunks=20]] [[delay=20]]");
    lab.shows("d", "esc to interrupt");
    idle(&lab, "d");
    let screen = lab.screen("d");
    assert!(
        screen.contains("say this") && !screen.contains("esc to interrupt"),
        "{screen}"
    );
    assert_eq!(
        lab.prompts_in("history-d"),
        ["say this [[chunks=20]] [[delay=20]]"]
    );
}

#[test]
fn prompts_come_from_words_from_a_file_and_from_standard_input() {
    let lab = lab();
    demo(&lab, "d", "");
    let say = |args: &[&str], input: &[u8]| {
        let said = lab
            .llmux_reads(input, ["session", "prompt", "d"].iter().chain(args))
            .ok();
        idle(&lab, "d");
        said
    };
    assert_eq!(say(&["two", "words"], b""), "sent 9 bytes → d\n");
    assert_eq!(say(&["-"], b"from a pipe\n\twith a tab\n"), "sent 23 bytes → d\n");
    assert_eq!(say(&[], "größe 日本 🦀".as_bytes()), "sent 19 bytes → d\n");
    std::fs::write(lab.path("work/p.txt"), "-R; from a file\r\nline 2\r\n").unwrap();
    assert_eq!(say(&["--file", "p.txt"], b""), "sent 22 bytes → d\n");
    assert_eq!(
        say(&["--", "--dash $(id) #{pane_id} \\;"], b""),
        "sent 26 bytes → d\n"
    );
    let wanted = [
        "two words",
        "from a pipe\n\twith a tab",
        "größe 日本 🦀",
        "-R; from a file\nline 2",
        "--dash $(id) #{pane_id} \\;",
    ];
    assert_eq!(lab.prompts_in("history-d"), wanted);
}

#[test]
fn a_prompt_of_one_mebibyte_arrives_byte_for_byte() {
    let lab = lab();
    demo(&lab, "d", "");
    let line = "0123456789 äöü \"'$`\\;#{x}\t日本🦀 ~ -- {end} \n";
    let mut prompt = line.repeat((1 << 20) / line.len());
    prompt.push_str(&"x".repeat((1 << 20) - prompt.len()));
    lab.llmux_reads(prompt.as_bytes(), ["session", "prompt", "d", "-"])
        .ok();
    until("the prompt is in the history", || {
        !lab.prompts_in("history-d").is_empty()
    });
    let got = lab.prompts_in("history-d");
    assert_eq!(got.len(), 1);
    assert!(
        got[0] == prompt,
        "{} of {} bytes are the same",
        same(&got[0], &prompt),
        prompt.len()
    );
}

fn same(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[test]
fn prompts_of_sixteen_senders_at_once_stay_whole() {
    let lab = lab();
    demo(&lab, "d", "");
    let text = |sender: usize, turn: usize| {
        let body = format!("{sender:02}.{turn} lorem; ipsum\n").repeat(1 + sender * 20);
        format!("from {sender} turn {turn}\n{body}end of {sender}")
    };
    thread::scope(|scope| {
        for sender in 0..16 {
            let lab = &lab;
            scope.spawn(move || {
                for turn in 0..3 {
                    lab.llmux_reads(text(sender, turn).as_bytes(), ["session", "prompt", "d", "-"])
                        .ok();
                }
            });
        }
    });
    until("all prompts are in the history", || {
        lab.prompts_in("history-d").len() >= 48
    });
    let got = lab.prompts_in("history-d");
    assert_eq!(got.len(), 48);
    let wanted: BTreeSet<_> = (0..48).map(|n| text(n / 3, n % 3)).collect();
    assert!(
        got.iter().cloned().collect::<BTreeSet<_>>() == wanted,
        "a prompt was mixed with another"
    );
}

#[test]
fn text_without_enter_stays_in_the_composer() {
    let lab = lab();
    demo(&lab, "d", "");
    assert_eq!(
        lab.llmux(["session", "prompt", "d", "--no-enter", "half a"]).ok(),
        "sent 6 bytes → d (no-enter)\n"
    );
    lab.shows("d", "❯ half a$");
    let refused = lab.llmux(["session", "prompt", "d", "a whole one"]).fails(10);
    assert!(
        refused.contains("half-typed text is in the composer: \"half a\""),
        "{refused}"
    );
    lab.prompt_in_tmux("d", " thought");
    idle(&lab, "d");
    assert_eq!(lab.prompts_in("history-d"), ["half a thought"]);
}

#[test]
fn each_condition_can_be_waited_for() {
    let lab = lab();
    demo(&lab, "d", "");
    let wait = |until: &str| lab.llmux(["session", "wait", "d", "--until", until, "--timeout", "60s"]);
    assert!(wait("idle").ok().starts_with('❯'));
    lab.prompt("d", "[[lines=30]] [[delay=20]]");
    assert!(wait("text=^.*\\b30\\b").ok().contains("30"));
    assert_eq!(wait("quiet=300ms").ok(), "quiet\n");
    let outcome = lab.llmux(["session", "wait", "d", "--json"]).json();
    assert_eq!(
        (outcome["ok"].as_bool(), outcome["name"].as_str()),
        (Some(true), Some("d"))
    );
    lab.prompt("d", "leave [[exit=4]]");
    assert_eq!(wait("exit").ok(), "exit status 4\n");
}

#[test]
fn a_wait_that_takes_too_long_has_an_exit_code_of_its_own() {
    let lab = lab();
    demo(&lab, "d", "");
    lab.prompt("d", "[[hang]]");
    lab.shows("d", "esc to interrupt");
    let said = lab
        .llmux(["session", "wait", "d", "--timeout", "300ms"])
        .fails(124);
    assert!(said.contains("did not come within 300 ms"), "{said}");
}

#[test]
fn a_wait_on_a_session_that_ends_says_so() {
    let lab = lab();
    demo(&lab, "d", "");
    let waiting = lab.spawn(["session", "wait", "d", "--until", "text=never"]);
    lab.prompt("d", "[[exit=3]]");
    let run = crate::lab::Run::from(waiting.wait_with_output().unwrap());
    let said = run.fails(13);
    assert!(
        said.contains("ended while it was waited for (exit status 3)"),
        "{said}"
    );
}

#[test]
fn an_approval_dialog_is_seen_and_is_not_idle() {
    let lab = lab();
    demo(&lab, "d", "");
    lab.prompt("d", "do it [[ask]]");
    lab.shows("d", r"❯ 1\. ");
    lab.llmux(["session", "wait", "d", "--until", "idle", "--timeout", "700ms"])
        .fails(124);
    lab.llmux(["session", "prompt", "d", "--force", "1"]).ok();
    idle(&lab, "d");
}

#[test]
fn a_broadcast_reaches_every_running_session_of_its_agent() {
    let lab = lab();
    for name in ["a", "b", "c"] {
        demo(&lab, name, "");
    }
    lab.start("shell", "other", "");
    demo(&lab, "gone", "");
    lab.prompt("gone", "[[exit=0]]");
    lab.is("gone", "exited");
    let said = lab.llmux(["session", "broadcast", "demo", "all", "of you"]).ok();
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "broadcast to 3/4 demo sessions",
            "sent → a",
            "sent → b",
            "sent → c"
        ]
    );
    for name in ["a", "b", "c"] {
        idle(&lab, name);
        assert_eq!(lab.prompts_in(format!("history-{name}")), ["all of you"]);
    }
    assert_eq!(
        lab.llmux(["session", "broadcast", "claude", "x"]).ok(),
        "no claude sessions running\n"
    );
    lab.llmux(["session", "broadcast", "nobody", "x"]).fails(1);
}

#[test]
fn a_restart_and_an_edit_keep_the_agents_configuration() {
    let lab = lab();
    demo(&lab, "d", "--placeholder first");
    lab.shows("d", "first");
    lab.llmux(["session", "restart", "d"]).ok();
    lab.shows("d", "first");
    let flags = lab.session("d").unwrap()["flags"]
        .as_str()
        .unwrap()
        .replace("first", "second");
    lab.llmux(["session", "edit", "d", "--apply", "--flags", &flags])
        .ok();
    lab.shows("d", "second");
    lab.prompt("d", "hello");
    idle(&lab, "d");
    assert_eq!(lab.prompts_in("history-d"), ["hello"]);
}

#[test]
fn a_stop_lets_the_agent_leave_by_its_own_key() {
    let lab = lab();
    demo(&lab, "d", "");
    lab.prompt("d", "remember [[chunks=2]]");
    idle(&lab, "d");
    lab.llmux(["session", "stop", "d"]).ok();
    let log = std::fs::read_to_string(lab.path("state/llmuxd/daemon.log")).unwrap();
    assert!(log.contains("ended name=\"d\" code=0\n"), "{log}");
}

#[test]
fn an_agent_on_the_alternate_screen_shows_the_same_as_in_tmux() {
    let lab = lab();
    demo(&lab, "d", "--alt-screen --full-repaint");
    lab.prompt("d", "größe 日本 🦀 [[lines=60]]");
    idle(&lab, "d");
    assert_eq!(
        lab.llmux(["session", "screen", "d", "--json"]).json()["alternate"],
        true
    );
    let theirs = lab.tmux(["capture-pane", "-p", "-t", "=d:"]).ok();
    assert_eq!(lab.screen("d"), theirs.trim_end());
}

#[test]
fn a_program_that_ends_was_not_quiet_for_long_enough() {
    let lab = lab();
    demo(&lab, "d", "");
    let waiting = lab.spawn(["session", "wait", "d", "--until", "quiet=100s"]);
    lab.prompt("d", "[[exit=3]]");
    let said = crate::lab::Run::from(waiting.wait_with_output().unwrap()).fails(13);
    // The end may have been faster than the wait.
    let ended = ["ended while it was waited for", "is not running"];
    assert!(ended.iter().any(|words| said.contains(words)), "{said}");
}

#[test]
fn how_a_program_ended_is_known_to_the_next_daemon() {
    let lab = lab();
    demo(&lab, "d", "");
    lab.prompt("d", "[[exit=3]]");
    lab.is("d", "exited");
    crate::lab::until("its end is written down", || {
        lab.session("d").unwrap()["exit"]["code"] == 3
    });
    lab.llmux(["server", "stop"]).ok();
    let said = lab.llmux(["session", "wait", "d", "--until", "exit"]).ok();
    assert_eq!(said, "exit status 3\n");
}

#[test]
fn init_prompts_are_typed_in_order_on_start_and_restart_unless_they_are_skipped() {
    let lab = lab();
    let history = format!("--history {}", lab.path("history-d").display());
    let start = ["session", "start", "demo", "--name", "d", "--flags", &history];
    lab.llmux(
        start
            .into_iter()
            .chain(["--init", "one", "--init", "two\nlines", "--wait-ready"]),
    )
    .ok();
    assert_eq!(lab.prompts_in("history-d"), ["one", "two\nlines"]);
    lab.llmux(["session", "restart", "d", "--skip-init"]).ok();
    lab.llmux(["session", "prompt", "d", "three", "--wait"]).ok();
    assert_eq!(lab.prompts_in("history-d").len(), 3);
    lab.llmux(["session", "restart", "d"]).ok();
    lab.llmux(["session", "wait", "d", "--until", "ready"]).ok();
    assert_eq!(lab.prompts_in("history-d").len(), 5);
}
