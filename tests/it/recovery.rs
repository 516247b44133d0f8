//! The connection to tmux, and the daemon, when they are killed, stopped, doubled and replaced.

use std::{fs, process::Child};

use crate::{
    lab::{LLMUX, Lab, lives, signal, until},
    outside::Stopped,
};

const ECHO: &str = "echo up; while read x; do echo \"heard $x\"; done";

fn client_pid(lab: &Lab) -> u32 {
    lab.status()["tmux"]["clientPid"].as_u64().expect("a pid") as u32
}

#[track_caller]
fn answers(lab: &Lab, name: &str, word: &str) {
    lab.prompt(name, word);
    lab.shows(name, &format!("^heard {word}$"));
}

#[test]
fn a_killed_client_is_replaced_and_nothing_is_lost() {
    let lab = Lab::new();
    lab.waiting(
        "one",
        "i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i; sleep 0.001; done; printf DONE; read x",
    );
    lab.prompt("one", "go");
    for round in 1..=3 {
        signal(client_pid(&lab), "KILL");
        until("there is another", || {
            lab.reconnects() == round && lab.status()["tmux"]["connected"] == true
        });
    }
    fs::write(lab.path("work/stop"), "").unwrap();
    lab.shows("one", "DONE");
    lab.agrees("one");
    assert_eq!(lab.tmux_sessions(), ["_llmux", "one"]);
}

/// tmux can crash when it wakes up and finds that clients were killed while it slept.
#[test]
fn a_sleeping_server_is_waited_for() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let (client, server) = (client_pid(&lab), lab.server_pid());
    let stopped = Stopped::stop(server);
    until("the daemon says that nobody answers", || {
        lab.status()["tmux"]["connected"] == false
    });
    drop(stopped);
    until("it answers again", || lab.status()["tmux"]["connected"] == true);
    assert_eq!((client_pid(&lab), lab.server_pid()), (client, server));
    answers(&lab, "one", "hello");
    lab.agrees("one");
}

/// A hook that waits for ever blocks the commands of our client, and only those.
#[test]
fn a_wedged_client_is_killed_and_replaced() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let client = client_pid(&lab);
    lab.tmux(["set-hook", "-g", "after-set-buffer", "wait-for never"])
        .ok();
    let mut prompt = lab.spawn(["session", "prompt", "one", "lost"]);
    until("another client has come", || {
        let tmux = &lab.status()["tmux"];
        tmux["connected"] == true && tmux["clientPid"] != client
    });
    assert!(
        !prompt.wait().unwrap().success(),
        "a prompt of which nobody knows is no success"
    );
    until("the old client is gone", || !lives(client));
    lab.tmux(["set-hook", "-gu", "after-set-buffer"]).ok();
    answers(&lab, "one", "hello");
    lab.agrees("one");
}

#[test]
fn a_client_that_stands_still_harms_nothing() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let _stopped = Stopped::stop(client_pid(&lab));
    answers(&lab, "one", "hello");
    let daemon = lab.daemon().expect("a daemon");
    lab.llmux(["server", "stop"]).ok();
    until("the daemon is gone", || !lives(daemon));
    answers(&lab, "one", "again");
    assert_eq!(lab.tmux_sessions(), ["_llmux", "one"]);
}

#[test]
fn a_killed_tmux_server_ends_its_sessions_and_the_next_one_serves() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    lab.script("two", ECHO);
    let server = lab.server_pid();
    signal(server, "KILL");
    for name in ["one", "two"] {
        lab.is(name, "exited");
    }
    lab.llmux(["session", "restart", "one"]).ok();
    answers(&lab, "one", "hello");
    assert_ne!(lab.server_pid(), server);
    assert_eq!(lab.tmux_sessions(), ["_llmux", "one"]);
    lab.tmux(["kill-server"]).ok();
    lab.is("one", "exited");
    lab.llmux(["session", "restart", "one"]).ok();
    answers(&lab, "one", "again");
}

#[test]
fn a_killed_daemon_leaves_the_agents_and_the_next_one_finds_them() {
    let lab = Lab::new();
    for name in ["one", "two"] {
        lab.script(name, ECHO);
        answers(&lab, name, "before");
    }
    let (client, pids) = (client_pid(&lab), ["one", "two"].map(|name| lab.pane_pid(name)));
    lab.crash();
    until("its client is gone", || !lives(client));
    until("the hub is gone", || lab.tmux_sessions() == ["one", "two"]);
    for (name, pid) in ["one", "two"].into_iter().zip(pids) {
        lab.shows(name, "^heard before$");
        answers(&lab, name, "after");
        lab.agrees(name);
        assert_eq!(lab.pane_pid(name), pid);
    }
    // A window whose session was killed while nobody looked is gone as well.
    lab.crash();
    lab.tmux(["kill-session", "-t", "=two"]).ok();
    lab.is("two", "exited");
    until("its program is gone", || !lives(pids[1]));
}

/// What was typed before a crash is not typed again after it.
#[test]
fn nothing_is_typed_twice_across_crashes() {
    let lab = Lab::new();
    let got = lab.reader("one");
    let mut sent = Vec::new();
    for round in 0..6 {
        let name = format!("p{round};");
        if lab.llmux(["session", "prompt", "one", "--now", &name]).code == 0 {
            sent.push(name);
        }
        // One is under way when the daemon dies: it may arrive whole, without its Enter, or not at all.
        let under_way = lab.spawn(["session", "prompt", "one", "--now", &format!("maybe{round};")]);
        lab.crash();
        let _ = finish(under_way);
    }
    lab.prompt("one", "end");
    until("the last arrived", || fs::read(&got).unwrap().ends_with(b"end\r"));
    let got = fs::read_to_string(&got).unwrap();
    for text in &sent {
        assert_eq!(got.matches(text.as_str()).count(), 1, "{text} in {got:?}");
    }
    for round in 0..6 {
        assert!(got.matches(&format!("maybe{round};")).count() <= 1, "{got:?}");
    }
}

fn finish(child: Child) -> i32 {
    child
        .wait_with_output()
        .expect("it ends")
        .status
        .code()
        .unwrap_or(-1)
}

#[test]
fn a_hub_that_a_human_kills_or_renames_is_no_loss() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    lab.tmux(["rename-session", "-t", "=_llmux", "hub"]).ok();
    answers(&lab, "one", "renamed");
    lab.start("shell", "two", "");
    assert_eq!(lab.reconnects(), 0);
    lab.tmux(["kill-window", "-t", "=hub:0"]).ok();
    answers(&lab, "one", "unplaced");
    lab.tmux(["kill-session", "-t", "=hub"]).ok();
    until("it is connected again", || {
        lab.reconnects() >= 1 && lab.status()["tmux"]["connected"] == true
    });
    answers(&lab, "one", "killed");
    lab.agrees("one");
    assert_eq!(lab.tmux_sessions(), ["_llmux", "one", "two"]);
    lab.llmux(["server", "stop"]).ok();
    until("no hub is left", || lab.tmux_sessions() == ["one", "two"]);
}

#[test]
fn a_second_daemon_on_one_tmux_server_is_refused_and_harms_nothing() {
    let mut lab = Lab::new();
    lab.script("one", ECHO);
    let (daemon, client) = (lab.daemon(), client_pid(&lab));
    lab.set("XDG_STATE_HOME", lab.path("state2").to_string_lossy());
    let said = lab.llmux(["session", "list"]).fails(69);
    assert!(said.contains("another llmux daemon"), "{said}");
    lab.set("XDG_STATE_HOME", lab.path("state").to_string_lossy());
    assert_eq!(
        (lab.daemon(), client_pid(&lab), lab.reconnects()),
        (daemon, client, 0)
    );
    answers(&lab, "one", "hello");
    // Nothing of the second is left, neither in tmux nor as a process.
    assert_eq!(lab.tmux_sessions(), ["_llmux", "one"]);
    until("the second daemon is gone", || processes(&lab).len() == 2);
}

/// The processes that run llmux as a daemon or tmux client for this home.
fn processes(lab: &Lab) -> Vec<String> {
    let run = lab.home().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid: u32 = match entry.file_name().to_string_lossy().parse() {
            Ok(pid) => pid,
            Err(_) => continue,
        };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let ours =
            command.starts_with(LLMUX) && command.contains("daemon") || command.contains(" -C new-session");
        let here = command.contains(&run);
        // The server has its first client's command line.
        let server = fs::read_link(entry.path().join("fd/0")).is_ok_and(|fd| fd.ends_with("null"))
            && command.starts_with("tmux");
        if ours && here && !server && lives(pid) {
            found.push(command);
        }
    }
    found
}

#[test]
fn nothing_is_left_when_the_daemon_leaves() {
    let lab = Lab::new();
    lab.script("one", ECHO);
    let (daemon, client) = (lab.daemon().expect("a daemon"), client_pid(&lab));
    assert_eq!(lab.llmux(["server", "stop"]).ok(), "stopped\n");
    until("daemon and client are gone", || !lives(daemon) && !lives(client));
    until("the hub is gone", || lab.tmux_sessions() == ["one"]);
    assert_eq!(lab.tmux(["list-clients"]).ok(), "");
    assert_eq!(lab.tmux(["list-windows", "-a"]).ok().lines().count(), 1);
    let left: Vec<_> = fs::read_dir(lab.path("run/llmux"))
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert!(
        left.iter().all(|name| !name.to_string_lossy().contains("hub-")),
        "{left:?}"
    );
    assert_eq!(processes(&lab), Vec::<String>::new());
    answers(&lab, "one", "hello");
}
