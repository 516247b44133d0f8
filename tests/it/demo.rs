//! The demo agent in a real pane: what it does well, and each way in which it misbehaves on request.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::panes::{Control, LLMUX, Tmux, eventually};
use serde_json::Value;

const MARKER: &str = "<<LLMUX_DONE_0badf00d>>";

/// A demo agent in a pane of its own.
struct Demo {
    tmux: Tmux,
    pane: String,
}

impl Demo {
    /// Starts it with `flags`; returns when it looks ready.
    fn start(flags: &[&str]) -> Self {
        let demo = Self::launch(flags);
        demo.sees("to exit");
        demo
    }

    fn launch(flags: &[&str]) -> Self {
        let tmux = Tmux::new();
        // A shell tells the status: tmux 3.3a never learns it of one dead pane in ten.
        let script = "\"$0\" \"$@\"; printf 'status=%s.' $?; exec sleep 10000";
        let pane = tmux.session(
            "demo",
            (80, 30),
            &[&["sh", "-c", script], &demo_argv(flags)[..]].concat(),
        );
        Self { tmux, pane }
    }

    #[track_caller]
    fn sees(&self, text: &str) {
        self.tmux.wait_for(&self.pane, text);
    }

    #[track_caller]
    fn lacks(&self, text: &str) {
        eventually(&format!("{text:?} is gone"), || !self.screen().contains(text));
    }

    fn screen(&self) -> String {
        self.tmux.screen(&self.pane)
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux.keys(&self.pane, keys);
    }

    fn paste(&self, text: &str) {
        self.tmux.paste(&self.pane, text);
    }

    /// Pastes a prompt, and sends it when it is in the composer.
    #[track_caller]
    fn prompt(&self, text: &str) {
        self.paste(text);
        self.sees(text.lines().last().unwrap());
        self.keys(&["Enter"]);
    }

    #[track_caller]
    fn exits(&self, status: &str) {
        self.sees(&format!("status={status}."));
    }

    fn transcripts(&self) -> Vec<PathBuf> {
        let root = self.tmux.dir.path().join(".local/state/llmux-demo");
        let Ok(folders) = fs::read_dir(root) else {
            return Vec::new();
        };
        folders
            .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path())
            .collect()
    }

    /// The lines of the only transcript, once there are `count`.
    #[track_caller]
    fn transcript(&self, count: usize) -> Vec<Value> {
        let read = || -> Vec<Value> {
            let files = self.transcripts();
            let text = files
                .first()
                .map(|file| fs::read_to_string(file).unwrap())
                .unwrap_or_default();
            text.lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()
        };
        eventually("the transcript is written", || read().len() >= count);
        read()
    }
}

fn demo_argv<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    [&[LLMUX, "demo-agent"], flags].concat()
}

/// Counts rows that hold `text` and nothing else but indentation.
fn rows(screen: &str, text: &str) -> usize {
    screen.lines().filter(|row| row.trim() == text).count()
}

#[test]
fn a_pasted_prompt_is_answered_and_recorded() {
    let demo = Demo::start(&[]);
    demo.prompt("hello demo");
    demo.sees("● Echo: hello demo");
    assert!(demo.screen().contains("❯ hello demo"));
    let lines = demo.transcript(2);
    assert_eq!(
        (&lines[0]["type"], &lines[0]["text"]),
        (&"user".into(), &"hello demo".into())
    );
    assert_eq!(
        (&lines[1]["type"], &lines[1]["text"]),
        (&"assistant".into(), &"Echo: hello demo".into())
    );
    let ns = |line: usize, field: &str| lines[line][field].as_u64().unwrap();
    assert!(ns(0, "submitted_ns") <= ns(1, "first_ns") && ns(1, "first_ns") <= ns(1, "last_ns"));
    assert!(ns(0, "at_unix_ns") <= ns(1, "at_unix_ns"));
    let id = lines[0]["id"].as_str().unwrap();
    assert_eq!(demo.transcripts()[0].file_stem().unwrap(), id);
    assert_eq!(
        lines[0]["cwd"].as_str().unwrap(),
        demo.tmux.dir.path().canonicalize().unwrap().to_str().unwrap()
    );
}

#[test]
fn a_multi_line_paste_is_collapsed_and_sent_whole() {
    let demo = Demo::start(&[]);
    demo.paste("one\ntwo\nthree");
    demo.sees("  three");
    demo.keys(&["C-u"]);
    demo.lacks("three");
    demo.paste("1\n2\n3\n4\n5\n6\n7\n");
    demo.sees("❯ [Pasted text #1 +7 lines]");
    demo.keys(&["Enter"]);
    demo.sees("Echo: 1 2 3 4 5 6 7");
    assert_eq!(demo.transcript(1)[0]["text"], "1\n2\n3\n4\n5\n6\n7");
}

#[test]
fn a_marker_is_remembered_and_ends_each_reply() {
    let demo = Demo::start(&[]);
    demo.prompt(&format!("End each reply with {MARKER} alone.\nfirst"));
    eventually("the marker ends the reply", || rows(&demo.screen(), MARKER) == 1);
    demo.prompt("second [[lines=3]]");
    eventually("and the next one", || rows(&demo.screen(), MARKER) == 2);
    assert!(
        demo.screen().contains(&format!("  Line 3\n  {MARKER}")),
        "{}",
        demo.screen()
    );
    assert_eq!(
        demo.transcript(4)[3]["text"],
        format!("Line 1\nLine 2\nLine 3\n{MARKER}")
    );
    demo.prompt("third [[nomark]]");
    demo.sees("Echo: third");
    assert_eq!(demo.transcript(6)[5]["text"], "Echo: third");
}

#[test]
fn the_marker_comes_out_as_the_style_says() {
    for (style, expected) in [
        ("bullet", "● <<LLMUX_DONE_0badf00d>>"),
        ("wrapped", "  <<LLMUX_DON\n  E_0badf00d>>"),
        ("mangled", "  <<LLMUXDONE0badf00d>>"),
    ] {
        let demo = Demo::start(&["--marker-style", style]);
        demo.prompt(&format!("use {MARKER} please"));
        demo.sees(expected);
        assert_eq!(
            demo.transcript(2)[1]["text"],
            format!("Echo: use please\n{MARKER}")
        );
    }
}

#[test]
fn a_reply_streams_in_chunks_while_a_spinner_turns() {
    let demo = Demo::start(&[]);
    demo.prompt("words [[chunks=3]] [[delay=150]]");
    demo.sees("Working… (esc to interrupt)");
    demo.sees("❯ Ask the demo agent anything");
    demo.sees("Echo: words");
    demo.lacks("Working…");
    let lines = demo.transcript(2);
    let ns = |field: &str| lines[1][field].as_u64().unwrap();
    assert!(ns("last_ns") - ns("first_ns") >= 300_000_000);
}

#[test]
fn esc_interrupts_a_turn() {
    let demo = Demo::start(&[]);
    demo.prompt("never [[hang]]");
    demo.sees("Working…");
    demo.keys(&["Escape"]);
    demo.sees("⎿ Interrupted");
    demo.lacks("Working…");
    demo.prompt("next");
    demo.sees("Echo: next");
    assert_eq!(demo.transcript(3).len(), 3, "an interrupted turn has no reply");
}

#[test]
fn an_interrupted_prompt_returns_to_the_composer_on_request() {
    let demo = Demo::start(&["--restore-draft"]);
    demo.prompt("[[hang]] come back");
    demo.sees("Working…");
    demo.keys(&["Escape"]);
    demo.sees("Interrupted");
    eventually("the prompt is in the composer", || {
        demo.screen().matches("❯ [[hang]] come back").count() == 2
    });
}

#[test]
fn an_approval_dialog_opens_in_the_middle_of_a_turn() {
    let demo = Demo::start(&[]);
    demo.prompt("do it [[ask]]");
    demo.sees("Do you want to proceed?");
    demo.sees(" ❯ 1. Yes\n   2. No");
    assert!(!demo.screen().contains("esc to interrupt"));
    demo.keys(&["Down"]);
    demo.sees("   1. Yes\n ❯ 2. No");
    demo.keys(&["Up", "Enter"]);
    demo.sees("Echo: do it");
    demo.prompt("again [[ask]]");
    demo.sees("Do you want to proceed?");
    demo.keys(&["2"]);
    demo.sees("Interrupted");
    demo.prompt("more [[ask]]");
    demo.sees("Do you want to proceed?");
    demo.keys(&["1"]);
    demo.sees("Echo: more");
}

#[test]
fn what_is_sent_while_busy_is_queued() {
    let demo = Demo::start(&[]);
    demo.prompt("first [[delay=300]] [[chunks=3]]");
    demo.sees("Working…");
    demo.prompt("second");
    demo.sees("⎿ Queued");
    demo.sees("Echo: second");
    demo.lacks("Queued");
    let texts: Vec<_> = demo
        .transcript(4)
        .iter()
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        texts,
        [
            "first [[delay=300]] [[chunks=3]]",
            "Echo: first",
            "second",
            "Echo: second"
        ]
    );
}

#[test]
fn an_error_ends_the_turn_without_a_reply() {
    let demo = Demo::start(&[]);
    demo.prompt("[[error]]");
    demo.sees("● API Error: 400 demo error");
    demo.lacks("Working…");
    assert_eq!(demo.transcript(1).len(), 1);
}

#[test]
fn it_exits_as_told() {
    let demo = Demo::start(&[]);
    demo.prompt("bye [[exit=7]]");
    demo.exits("7");
    assert_eq!(demo.transcript(2).len(), 2, "the reply is recorded first");
    for key in ["C-c", "C-d"] {
        let demo = Demo::start(&[]);
        demo.keys(&[key]);
        demo.sees("again to exit");
        demo.keys(&["x", "BSpace", key]);
        demo.sees("again to exit");
        demo.keys(&[key]);
        demo.exits("0");
        demo.sees("Resume: llmux demo-agent --resume ");
    }
}

#[test]
fn a_megabyte_is_taken_fast() {
    let demo = Demo::start(&[]);
    let mut text = String::new();
    while text.len() < 1024 * 1024 {
        writeln!(text, "line {} of a long prompt", text.len()).unwrap();
    }
    let started = Instant::now();
    demo.paste(&text);
    demo.sees("[Pasted text #1 +");
    demo.keys(&["Enter"]);
    demo.sees("bytes)");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert_eq!(demo.transcript(2)[0]["text"].as_str().unwrap(), text.trim_end());
}

#[test]
fn a_megabyte_without_brackets_is_taken_fast_too() {
    let demo = Demo::start(&["--no-bracketed"]);
    let text = "all in one line ".repeat(64 * 1024);
    let started = Instant::now();
    demo.paste(&text);
    demo.paste("THE END");
    demo.sees("THE END");
    demo.keys(&["Enter"]);
    demo.sees("bytes)");
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert_eq!(
        demo.transcript(2)[0]["text"].as_str().unwrap(),
        format!("{text}THE END")
    );
}

#[test]
fn a_session_is_resumed_by_its_id() {
    let demo = Demo::start(&["--session-id", "chosen"]);
    demo.prompt(&format!("remember {MARKER}"));
    demo.transcript(2);
    demo.keys(&["C-d", "C-d"]);
    demo.exits("0");
    let pane = demo
        .tmux
        .session("again", (80, 30), &demo_argv(&["--resume", "chosen"]));
    demo.tmux.wait_for(&pane, "Echo: remember");
    demo.tmux.wait_for(&pane, &format!("  {MARKER}\n"));
    demo.tmux.paste(&pane, "go on");
    demo.tmux.wait_for(&pane, "❯ go on");
    demo.tmux.keys(&pane, &["Enter"]);
    demo.tmux.wait_for(&pane, "Echo: go on");
    assert_eq!(demo.transcript(4)[3]["text"], format!("Echo: go on\n{MARKER}"));
    for flags in [["--resume", "unknown"], ["--session-id", "chosen"]] {
        let refused = demo.tmux.session(
            "refused",
            (80, 30),
            &[
                "sh",
                "-c",
                "\"$0\" \"$@\"; read wait",
                LLMUX,
                "demo-agent",
                flags[0],
                flags[1],
            ],
        );
        demo.tmux.wait_for(&refused, "session");
        assert!(!demo.tmux.screen(&refused).contains("to exit"));
        demo.tmux.run(&["kill-session", "-t", "=refused"]);
    }
}

#[test]
fn the_history_directory_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(&["--history", dir.path().to_str().unwrap(), "--session-id", "mine"]);
    demo.prompt("hello");
    eventually("the transcript is there", || {
        fs::read_dir(dir.path())
            .unwrap()
            .any(|folder| folder.unwrap().path().join("mine.jsonl").exists())
    });
    assert!(demo.transcripts().is_empty());
}

#[test]
fn a_slow_mount_drops_keys() {
    let demo = Demo::start(&["--mount", "1000"]);
    demo.paste("too early");
    eventually("it takes input at last", || {
        demo.keys(&["y"]);
        demo.screen().contains("❯ y")
    });
    assert!(!demo.screen().contains("too early"));
}

#[test]
fn a_burst_swallows_the_enter_behind_it() {
    let demo = Demo::start(&["--burst", "2000"]);
    demo.keys(&["h", "i", "Enter"]);
    demo.keys(&["x"]);
    demo.sees("❯ hi\n  x");
    assert!(demo.transcripts().is_empty());
}

#[test]
fn a_paste_guard_swallows_the_enter_behind_a_paste() {
    let demo = Demo::start(&["--paste-guard", "400"]);
    demo.paste("guarded");
    demo.keys(&["Enter"]);
    eventually("a later Enter sends", || {
        demo.keys(&["Enter"]);
        demo.screen().contains("Echo: guarded")
    });
    assert_eq!(demo.transcript(2)[0]["text"], "guarded");
}

#[test]
fn a_swallowed_enter_must_be_repeated() {
    let demo = Demo::start(&["--swallow-enter", "2"]);
    demo.prompt("again");
    demo.keys(&["Enter", "C-d", "Left"]);
    demo.sees("❯ again");
    assert!(demo.transcripts().is_empty());
    demo.keys(&["Enter"]);
    demo.sees("Echo: again");
}

#[test]
fn a_draft_is_glued_to_the_next_paste() {
    let demo = Demo::start(&["--draft", "half-typed "]);
    demo.paste("and more");
    demo.sees("❯ half-typed and more");
}

#[test]
fn placeholder_and_ghost_are_no_drafts() {
    let demo = Demo::start(&["--placeholder", "Type here", "--ghost", "run the tests"]);
    demo.sees("❯ Type here");
    demo.keys(&["Tab", "Enter"]);
    demo.prompt("hello");
    demo.sees("Echo: hello");
    demo.sees("❯ run the tests");
    demo.keys(&["Enter"]);
    demo.keys(&["Tab", "!"]);
    demo.sees("❯ run the tests!");
    assert_eq!(demo.transcript(2).len(), 2);
}

#[test]
fn vim_needs_an_i_first() {
    let demo = Demo::launch(&["--vim"]);
    demo.sees("-- NORMAL --");
    demo.keys(&["x"]);
    demo.paste("lost");
    demo.keys(&["i", "k", "e", "p", "t"]);
    demo.sees("❯ kept");
    demo.sees("-- INSERT --");
    demo.keys(&["Escape"]);
    demo.sees("-- NORMAL --");
    demo.keys(&["Enter"]);
    demo.sees("Echo: kept");
}

#[test]
fn the_trust_dialog_is_hostile_to_a_blind_enter() {
    let demo = Demo::launch(&["--trust"]);
    demo.sees(" ❯ No, exit\n   Yes, I trust this folder");
    demo.keys(&["Enter"]);
    demo.exits("1");
    let demo = Demo::launch(&["--trust"]);
    demo.sees("Do you trust the files in this folder?");
    demo.keys(&["Down", "Enter"]);
    demo.sees("to exit");
    demo.prompt("hi");
    demo.sees("Echo: hi");
}

#[test]
fn the_alternate_screen_is_left_as_it_was() {
    let demo = Demo::start(&["--alt-screen"]);
    assert_eq!(demo.tmux.format(&demo.pane, "#{alternate_on}"), "1");
    demo.prompt("hi [[lines=60]]");
    demo.sees("  Line 60");
    demo.lacks("Line 5\n");
    demo.keys(&["C-d", "C-d"]);
    demo.exits("0");
    assert_eq!(demo.tmux.format(&demo.pane, "#{alternate_on}"), "0");
}

#[test]
fn a_full_repaint_shows_the_same_screen() {
    let screen = |flags: &[&str]| {
        let demo = Demo::start(&[&["--session-id", "same", "--chunk", "2"], flags].concat());
        demo.prompt("hi [[lines=5]]");
        demo.sees("  Line 5");
        demo.transcript(2);
        let screen = demo.screen();
        screen
            .lines()
            .filter(|row| !row.starts_with("  /"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(screen(&["--full-repaint"]), screen(&[]));
}

#[test]
fn a_resize_repaints_the_live_rows_only() {
    let demo = Demo::start(&[]);
    demo.prompt(&format!("old {MARKER}"));
    eventually("the marker came", || rows(&demo.screen(), MARKER) == 1);
    for (x, y) in [("50", "30"), ("100", "20"), ("60", "12"), ("80", "30")] {
        demo.tmux
            .run(&["resize-window", "-t", &demo.pane, "-x", x, "-y", y]);
        eventually("the rules fit", || {
            demo.screen()
                .lines()
                .any(|row| row == "─".repeat(x.parse().unwrap()))
        });
    }
    assert_eq!(rows(&demo.screen(), MARKER), 1, "{}", demo.screen());
    demo.prompt("new");
    demo.sees("Echo: new");
}

#[test]
fn a_resize_prints_old_replies_again_on_request() {
    for (flags, times) in [(&[][..], 1), (&["--repaint-old-on-resize"][..], 2)] {
        let tmux = Tmux::new();
        let control = Control::attach(&tmux);
        let pane = control.session(&tmux, "demo", &demo_argv(flags));
        tmux.wait_for(&pane, "to exit");
        tmux.paste(&pane, &format!("old {MARKER}"));
        tmux.wait_for(&pane, "❯ old");
        tmux.keys(&pane, &["Enter"]);
        control.wait_for(&pane, &format!("  {MARKER}\r\n"));
        tmux.run(&["resize-window", "-t", &pane, "-x", "70", "-y", "25"]);
        tmux.wait_for(&pane, &format!("\n{}\n", "─".repeat(70)));
        let output = control.wait_for(&pane, &format!("\x1b[2m{}\x1b[22m", "─".repeat(70)));
        assert_eq!(output.matches(&format!("  {MARKER}\r\n")).count(), times);
    }
}

#[test]
fn a_tiny_terminal_does_no_harm() {
    let demo = Demo::start(&[]);
    for (x, y) in [("1", "1"), ("2", "3"), ("7", "4"), ("80", "30")] {
        demo.tmux
            .run(&["resize-window", "-t", &demo.pane, "-x", x, "-y", y]);
        demo.keys(&["a"]);
        demo.paste("漢字\nx");
    }
    demo.keys(&["C-u"]);
    demo.prompt("alive");
    demo.sees("Echo: alive");
}

#[test]
fn title_and_osc_tell_the_state() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    // Under the wrapper, as always: alone, tmux may lose the last words of a program that ends.
    let argv = [
        &[LLMUX, "run", "--"],
        &demo_argv(&["--osc-status", "--title"])[..],
    ]
    .concat();
    let pane = control.session(&tmux, "demo", &argv);
    control.wait_for(&pane, "\x1b]7501;state=idle:app=llmux-demo\x1b\\");
    eventually("the title says ready", || {
        tmux.format(&pane, "#{pane_title}").starts_with("◇  Ready")
    });
    tmux.paste(&pane, "go [[ask]]");
    tmux.wait_for(&pane, "❯ go");
    tmux.keys(&pane, &["Enter"]);
    control.wait_for(&pane, "state=blocked:app=llmux-demo:kind=permission");
    eventually("the title asks", || {
        tmux.format(&pane, "#{pane_title}")
            .starts_with("✋  Action Required")
    });
    tmux.keys(&pane, &["Enter"]);
    control.wait_for(&pane, "state=done");
    tmux.keys(&pane, &["C-d", "C-d"]);
    let output = control.wait_for(&pane, "state=clear");
    let states: Vec<_> = output
        .split("7501;state=")
        .skip(1)
        .map(|rest| rest.split(':').next().unwrap())
        .collect();
    assert_eq!(states, ["idle", "working", "blocked", "working", "done", "clear"]);
}

#[test]
fn a_pipe_is_refused() {
    let output = std::process::Command::new(LLMUX)
        .arg("demo-agent")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
