//! People who use tmux as they always did: they kill, move, resize and wander, and nothing of that hurts.

use std::time::{Duration, Instant};

use crate::{
    lab::{Lab, eventually, lives, until},
    outside::{Human, rss_kib},
};

/// Prints numbers as fast as it can.
const FLOOD: &str = "exec seq 1 1000000000";

/// The newest number on a session's screen.
fn progress(lab: &Lab, name: &str) -> u64 {
    lab.screen(name)
        .lines()
        .rev()
        .find_map(|line| line.trim().parse().ok())
        .unwrap_or(0)
}

/// Waits until a flood is so many lines further.
#[track_caller]
fn goes_on(lab: &Lab, name: &str, lines: u64) {
    let before = eventually("a number is shown", || {
        Some(progress(lab, name)).filter(|&n| n > 0)
    });
    until("the flood goes on", || progress(lab, name) > before + lines);
}

/// Trap 5: the window of a killed session lives on in the hub, where nobody sees it.
#[test]
fn a_killed_session_ends_its_program_and_leaves_nothing_in_the_hub() {
    let lab = Lab::new();
    // It does not care about the end of its terminal.
    lab.script("one", "trap '' HUP; echo up; while :; do sleep 1; done");
    let pid = lab.pane_pid("one");
    lab.tmux(["kill-session", "-t", "=one"]).ok();
    until("its program is gone", || !lives(pid));
    lab.is("one", "exited");
    let windows = || {
        lab.tmux(["list-windows", "-t", "=_llmux", "-F", "#{window_id}"])
            .ok()
    };
    until("the hub holds its placeholder only", || {
        windows().lines().count() == 1
    });
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 6: a pane that leaves the hub while it prints fills the server's memory, and all of it comes again later.
#[test]
fn a_flooding_pane_is_followed_wherever_a_human_puts_it() {
    let lab = Lab::new();
    lab.tmux([
        "new-session",
        "-d",
        "-s",
        "other",
        "-x",
        "120",
        "-y",
        "40",
        "sleep 10000",
    ])
    .ok();
    lab.script("one", FLOOD);
    let pane = lab.format("=one:", "#{pane_id}");
    lab.tmux(["split-window", "-d", "-t", "=one:", "sleep 10000"])
        .ok();
    goes_on(&lab, "one", 100_000);
    let server = lab.server_pid();
    let before = rss_kib(server);
    let window = lab.format(&pane, "#{window_id}");
    let moves: [&[&str]; 5] = [
        &["break-pane", "-d", "-s", &pane, "-t", "=one:7"],
        &["swap-window", "-d", "-s", "=one:7", "-t", "=other:0"],
        &["swap-window", "-d", "-s", "=one:7", "-t", "=other:0"],
        &["join-pane", "-d", "-s", &pane, "-t", &window],
        &["break-pane", "-d", "-s", &pane, "-t", "=one:9"],
    ];
    for step in moves {
        lab.tmux(step).ok();
        goes_on(&lab, "one", 500_000);
    }
    let grown = rss_kib(server).saturating_sub(before);
    assert!(grown < 24 << 10, "the server grew by {grown} KiB");
    assert_eq!(lab.reconnects(), 0);
    assert_eq!(lab.session("one").unwrap()["pane"], pane);
}

/// Trap 16: a window that llmux ever resized would keep that size under every human.
#[test]
fn a_window_follows_the_human_and_keeps_the_last_size_after_him() {
    let lab = Lab::new();
    lab.script("one", "echo up; read x");
    let size = || lab.session("one").unwrap()["size"].to_string();
    let pinned = || {
        lab.tmux(["show-options", "-wv", "-t", "=one:", "window-size"])
            .ok()
    };
    assert_eq!((size().as_str(), pinned().as_str()), ("[120,40]", ""));
    let human = Human::sits_at(&lab, "one", (90, 25));
    until("the pane has the human's size", || size() == "[90,24]");
    drop(human);
    until("the human has left", || {
        lab.session("one").unwrap()["attached"] == 0
    });
    assert_eq!((size().as_str(), pinned().as_str()), ("[90,24]", ""));
    let _other = Human::sits_at(&lab, "one", (150, 45));
    until("the next human has his own size", || size() == "[150,44]");
    lab.agrees("one");
}

/// Trap 22: all windows are in the hub, so a human in there would give all of them the size of his terminal.
#[test]
fn a_human_who_enters_the_hub_is_shown_out_and_agents_keep_their_size() {
    let lab = Lab::new();
    for name in ["one", "two"] {
        lab.script(name, "echo up; read x");
    }
    let size = |name: &str| lab.format(&format!("={name}:"), "#{window_width}x#{window_height}");
    let human = Human::attaches(&lab, "=_llmux", (60, 20));
    until("he is shown out", || human.is_out());
    for name in ["one", "two"] {
        until("the agent has its size", || size(name) == "120x40");
        until("llmux knows", || {
            lab.session(name).unwrap()["size"] == serde_json::json!([120, 40])
        });
        let pinned = lab
            .tmux(["show-options", "-wv", "-t", &format!("={name}:"), "window-size"])
            .ok();
        assert_eq!(pinned, "");
    }
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 21: a capture blocks the server for all; an idle daemon asks one cheap question now and then.
#[test]
fn nothing_is_captured_or_polled_while_agents_work() {
    let lab = Lab::new();
    for name in ["one", "two", "three"] {
        lab.waiting(name, "while read x; do echo \"heard $x\"; done");
    }
    let _watches = ["one", "two"].map(|name| lab.watch(name));
    for n in 0..10 {
        lab.prompt("one", &format!("word {n}"));
    }
    lab.shows("one", "heard word 9");
    let captures = |commands: &[String]| commands.iter().filter(|c| c.starts_with("capture-pane")).count();
    let looks = |commands: &[String]| commands.iter().filter(|c| c.starts_with("list-panes")).count();
    let own = |commands: &[String]| {
        commands
            .iter()
            .filter(|c| !c.starts_with("show-messages"))
            .count()
    };
    // Looked at seldom, for every look is itself a command.
    let look = || {
        std::thread::sleep(Duration::from_millis(500));
        lab.commands()
    };
    let mut before = lab.commands();
    until("the last prompt's commands are through", || {
        let last = std::mem::replace(&mut before, look());
        own(&last) == own(&before)
    });
    assert_eq!(captures(&before), 0);
    let begun = Instant::now();
    let after = eventually("the heartbeat comes twice", || {
        Some(look()).filter(|after| looks(after) > looks(&before) + 1)
    });
    let (new, secs) = (own(&after) - own(&before), begun.elapsed().as_secs());
    assert!(new as u64 <= 2 + secs / 10, "{new} commands in {secs} s");
    assert_eq!(captures(&after), 0);
}

#[test]
fn a_stop_leaves_the_session_of_a_human_who_took_the_pane_in() {
    let lab = Lab::new();
    lab.script("one", "echo up; read x");
    lab.tmux(["new-session", "-d", "-s", "mine", "sleep 10000"]).ok();
    let pid = lab.pane_pid("one");
    lab.tmux(["join-pane", "-d", "-s", "=one:", "-t", "=mine:"]).ok();
    lab.llmux(["session", "stop", "one"]).ok();
    until("its program is gone", || !lives(pid));
    let mut left = lab.tmux_sessions();
    left.sort();
    assert_eq!(left, ["_llmux", "mine"]);
    let panes = lab.tmux(["list-panes", "-s", "-t", "=mine"]).ok();
    assert_eq!(panes.lines().count(), 1);
}

#[test]
fn a_session_that_is_renamed_many_times_stays_one() {
    let lab = Lab::new();
    lab.script("n0", "echo up; read x");
    for n in 0..60 {
        let (from, to) = (format!("=n{n}"), format!("n{}", n + 1));
        lab.tmux(["rename-session", "-t", &from, &to]).ok();
    }
    lab.is("n60", "running");
    let all = lab.llmux(["session", "list", "--json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    lab.llmux(["session", "prompt", "n60", "done"]).ok();
    lab.is("n60", "exited");
}

#[test]
fn a_humans_shell_in_a_session_of_an_agent_that_left_is_no_agent() {
    let lab = Lab::new();
    lab.script("one", "echo up; read x");
    lab.tmux(["split-window", "-d", "-t", "=one:", "exec cat"]).ok();
    lab.prompt("one", "leave");
    lab.is("one", "exited");
    lab.crash();
    assert_eq!(lab.session("one").unwrap()["state"], "exited");
    let said = lab
        .llmux(["session", "prompt", "one", "--", "rm -rf important"])
        .fails(13);
    assert!(said.contains("not running"), "{said}");
    assert!(!lab.capture("=one:").contains("important"));
}

#[test]
fn a_session_of_the_node_program_is_found_before_the_first_command() {
    let lab = Lab::new();
    lab.start("shell", "one", "");
    lab.llmux(["server", "stop"]).ok();
    // A tmux server that lost its last session is about to leave.
    lab.tmux(["new-session", "-d", "-s", "other", "exec cat"]).ok();
    lab.tmux(["kill-session", "-t", "=one"]).ok();
    let theirs = ["LLMUX_SESSION=one", "LLMUX_AGENT=shell"];
    let [session, agent] = theirs.map(|variable| ["-e", variable]);
    let new = ["new-session", "-d", "-s", "one"];
    lab.tmux([&new[..], &session, &agent, &["exec cat"]].concat())
        .ok();
    let pid = lab.pane_pid("one");
    lab.prompt("one", "hello");
    lab.shows("one", "^hello");
    lab.llmux(["session", "stop", "one"]).ok();
    assert!(!lives(pid));
}
