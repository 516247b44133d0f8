//! What is printed: all of it, in order, to the last byte, and nothing else.

use std::{fs, thread};

use crate::{
    lab::{Lab, until},
    outside::rss_kib,
};

/// Prints as fast as it can until its pane goes.
const FLOOD: &str = "exec seq 1 1000000000";

/// Numbers of the lines that are numbers; the last line may go on.
fn numbers(text: &str) -> Vec<u64> {
    let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
    complete
        .split('\n')
        .filter_map(|line| line.trim_end_matches('\r').parse().ok())
        .collect()
}

/// Fails unless the numbers between two redrawings follow one another; returns the last.
#[track_caller]
fn unbroken(stream: &str) -> u64 {
    let mut last = 0;
    for piece in stream.split("\x1bc") {
        // A redrawing may begin in the middle of a number.
        let numbers = numbers(piece);
        let inner = numbers.get(1..).unwrap_or_default();
        for pair in inner.windows(2) {
            assert_eq!(pair[1], pair[0] + 1, "a gap or a line twice");
        }
        last = numbers.last().copied().unwrap_or(last).max(last);
    }
    last
}

/// Trap 3: tmux loses the end of a program that prints and exits.
#[test]
fn the_last_words_of_a_program_and_its_status_are_never_lost() {
    let lab = Lab::new();
    lab.script("flood", FLOOD);
    thread::scope(|scope| {
        for worker in 0..3 {
            let lab = &lab;
            scope.spawn(move || {
                for round in 0..10 {
                    let (name, lines) = (format!("p{worker}-{round}"), [1, 400, 4000][round % 3]);
                    let code = worker * 10 + round;
                    lab.waiting(&name, &format!("seq 1 {lines}; printf LASTWORD; exit {code}"));
                    lab.prompt(&name, "go");
                    lab.llmux(["session", "wait", &name, "--until", "exit", "--timeout", "30s"])
                        .ok();
                    let screen = lab.screen(&name);
                    assert!(screen.ends_with("LASTWORD"), "{name}:\n{screen}");
                    assert!(screen.contains(&format!("\n{lines}\n")), "{name}:\n{screen}");
                    assert_eq!(lab.session(&name).unwrap()["exit"]["code"], code);
                }
            });
        }
    });
    assert_eq!(lab.session("flood").unwrap()["state"], "running");
}

/// Traps 4 and 11: a capture's reply may be late, and what comes while it is awaited belongs behind it.
#[test]
fn the_screen_is_exact_after_a_flood_with_resizes_in_it() {
    let lab = Lab::new();
    lab.script("noise", FLOOD);
    lab.waiting(
        "one",
        "while [ ! -e stop ]; do seq 1 2000; done; seq 1 500; printf DONE; read x",
    );
    lab.prompt("one", "go");
    // Each new size makes llmux capture the pane in the middle of its output.
    for (cols, rows) in [(100, 30), (60, 20), (140, 50), (81, 25), (120, 40)] {
        let (x, y) = (cols.to_string(), rows.to_string());
        lab.tmux(["resize-window", "-t", "=one:", "-x", &x, "-y", &y])
            .ok();
        until("llmux has the new size", || {
            let size = &lab.session("one").unwrap()["size"];
            size[0] == cols && size[1] == rows
        });
    }
    fs::write(lab.path("work/stop"), "").unwrap();
    lab.shows("one", "DONE");
    lab.agrees("one");
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 11 for a viewer: no line is missing or doubled, unless the screen was drawn anew in between.
#[test]
fn a_watcher_of_a_flood_sees_no_gap_and_no_line_twice() {
    let lab = Lab::new();
    lab.script("noise", FLOOD);
    lab.waiting("one", "seq 1 200000; printf DONE; read x");
    let watch = lab.watch("one");
    lab.prompt("one", "go");
    watch.sees("DONE");
    assert_eq!(unbroken(&watch.text()), 200_000);
    lab.agrees("one");
}

/// Trap 10: with many busy panes tmux cuts characters and sequences anywhere.
#[test]
fn split_characters_and_sequences_of_twenty_busy_panes_are_whole_again() {
    let lab = Lab::new();
    let line = r"printf '\033[3%d;1m日本語 🦀 ünïcödé \033[0;7m%d\033[0m e\314\201\r\n' $((i % 8)) $i";
    let script = format!(
        "while [ ! -e go ]; do sleep 0.02; done; i=0; while [ $i -lt 700 ]; do i=$((i+1)); {line}; done; printf DONE; read x"
    );
    let names: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
    for name in &names {
        lab.script(name, &format!("echo ready; {script}"));
    }
    let watch = lab.watch("p7");
    fs::write(lab.path("work/go"), "").unwrap();
    for name in &names {
        lab.shows(name, "DONE");
        lab.agrees(name);
    }
    watch.sees("DONE");
    assert!(!watch.text().contains('\u{fffd}'), "a character was cut");
    for part in watch.text().split("日本語 ").skip(1) {
        assert!(part.starts_with("🦀 ünïcödé \x1b[0;7m"), "{part:?}");
    }
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 19: a viewer's terminal would print the title, and answer the questions that tmux has answered.
#[test]
fn titles_and_questions_do_not_reach_a_watcher_and_are_answered_once() {
    let lab = Lab::new();
    let asks =
        r"\033kTITLE\033\134\033[c\033[>c\033[6n\033[5n\033]11;?\007\033]2;two\007\033P$qm\033\134\033[14t";
    lab.waiting(
        "one",
        &format!("stty raw -echo; printf '{asks}END'; exec cat > got"),
    );
    let watch = lab.watch("one");
    lab.prompt("one", "go");
    watch.sees("END");
    lab.agrees("one");
    let seen = watch.text();
    for question in [
        "\x1bk", "TITLE", "\x1b[c", "\x1b[>c", "\x1b[6n", "\x1b[5n", "]11;", "\x1bP", "\x1b[14t",
    ] {
        assert!(!seen.contains(question), "{question:?} in {seen:?}");
    }
    lab.prompt("one", "last");
    let got = || fs::read_to_string(lab.path("work/got")).unwrap_or_default();
    until("the answers are there", || got().ends_with("last\r"));
    let got = got();
    for (answer, times) in [("\x1b[?1;2c", 1), ("\x1b[0n", 1), ("R", 1)] {
        assert_eq!(got.matches(answer).count(), times, "{answer:?} in {got:?}");
    }
    let title = lab.llmux(["session", "screen", "one", "--json"]).json()["title"].clone();
    assert_eq!(title, "two");
}

/// Trap 20: one column must not cost all memory, and a synchronized update that never ends must not hide text.
#[test]
fn a_narrow_pane_and_an_endless_update_are_shown() {
    let lab = Lab::new();
    lab.waiting(
        "one",
        r"printf '\033[?2026hINSIDE'; read x; seq 1 3000; printf DONE; read x",
    );
    lab.prompt("one", "go");
    lab.shows("one", "INSIDE");
    lab.agrees("one");
    lab.tmux(["resize-window", "-t", "=one:", "-x", "1", "-y", "1"])
        .ok();
    lab.prompt("one", "go");
    until("the flood went through one column", || {
        lab.capture("=one:") == "E" || lab.capture("=one:").is_empty()
    });
    let daemon = lab.daemon().expect("a daemon");
    assert!(rss_kib(daemon) < 200 << 10, "{} KiB", rss_kib(daemon));
    lab.tmux(["resize-window", "-t", "=one:", "-x", "80", "-y", "24"])
        .ok();
    lab.shows("one", "DONE");
    lab.agrees("one");
}
