//! Ending a session ends all of its processes, and no other.

use std::time::{Duration, Instant};

use crate::lab::{LLMUX, Lab, lives, pid_in, signal, until};

/// A stop is bounded: exit keys, TERM, KILL and a slow machine.
const BOUND: Duration = Duration::from_secs(15);

const SCRIPT: &str = "agents: {script: {cmd: sh script}}";

/// Starts a session of a script and returns the processes whose ids it wrote into these files.
fn start<const N: usize>(lab: &Lab, script: &str, files: [&str; N]) -> [u32; N] {
    std::fs::write(lab.path("work/script"), script).unwrap();
    lab.config(SCRIPT);
    lab.llmux(["session", "start", "script", "--name", "x"]).ok();
    files.map(|file| pid_in(&lab.path("work").join(file)))
}

#[track_caller]
fn stop_ends(lab: &Lab, pids: &[u32]) {
    assert!(pids.iter().all(|&pid| lives(pid)), "{pids:?} run");
    let began = Instant::now();
    assert_eq!(lab.llmux(["session", "stop", "x"]).ok(), "killed x\n");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    for pid in pids {
        assert!(!lives(*pid), "{pid} outlived its session");
    }
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
}

#[test]
fn a_program_that_ignores_every_polite_signal_is_ended() {
    let lab = Lab::new();
    let script = "trap '' HUP TERM INT QUIT\n(echo $(exec sh -c 'echo $PPID') > child; while :; do sleep 1000; done) &\n\
                  echo $$ > self\nwhile :; do sleep 1000; done";
    let pids = start(&lab, script, ["self", "child"]);
    stop_ends(&lab, &pids);
}

#[test]
fn children_in_sessions_of_their_own_are_ended() {
    let lab = Lab::new();
    let script = "setsid sh -c 'echo $$ > leader; trap \"\" TERM HUP; sleep 1000; sleep 1000' &\n\
                  nohup sh -c 'echo $$ > nohup; exec sleep 1000' &\nwait";
    let pids = start(&lab, script, ["leader", "nohup"]);
    stop_ends(&lab, &pids);
}

#[test]
fn a_double_forked_daemon_of_an_agent_is_ended() {
    let lab = Lab::new();
    let script = "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &)\nwhile :; do sleep 1000; done";
    let pids = start(&lab, script, ["daemon"]);
    stop_ends(&lab, &pids);
}

#[test]
fn what_a_shell_leaves_behind_when_it_goes_by_its_exit_key_is_ended() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.prompt("x", "setsid sh -c 'echo $$ > apart; exec sleep 1000' & (setsid sh -c 'echo $$ > orphan; exec sleep 1000' &)");
    let pids = ["apart", "orphan"].map(|file| pid_in(&lab.path("work").join(file)));
    stop_ends(&lab, &pids);
}

#[test]
fn a_stopped_program_is_ended() {
    let lab = Lab::new();
    let pids = start(
        &lab,
        "sh -c 'echo $$ > child; kill -STOP $$; sleep 1000'\nsleep 1000",
        ["child"],
    );
    signal(pids[0], "STOP");
    stop_ends(&lab, &pids);
}

#[test]
fn a_restart_ends_the_old_processes_too() {
    let lab = Lab::new();
    let script = "(setsid sh -c 'echo $$ > daemon.$$; mv daemon.$$ daemon; exec sleep 1000' &)\n\
                  trap '' HUP TERM\nwhile :; do sleep 1000; done";
    let [old] = start(&lab, script, ["daemon"]);
    lab.llmux(["session", "restart", "x"]).ok();
    assert!(!lives(old));
    until("the new one runs", || pid_in(&lab.path("work/daemon")) != old);
    let new = pid_in(&lab.path("work/daemon"));
    stop_ends(&lab, &[new]);
}

#[test]
fn other_sessions_and_other_processes_live_on() {
    let lab = Lab::new();
    lab.config(SCRIPT);
    lab.start("shell", "other", "");
    lab.prompt("other", "(setsid sh -c 'echo $$ > other; exec sleep 1000' &)");
    let other = pid_in(&lab.path("work/other"));
    let mut outside = lab.command("sleep").arg("1000").spawn().unwrap();
    // One whose environment looks like the session's, but which is in no pane.
    let mut alike = lab.command("sleep");
    let mut alike = alike
        .env("LLMUX_SESSION", "x")
        .env("LLMUX_AGENT", "script")
        .arg("1000")
        .spawn()
        .unwrap();
    let pids = start(&lab, "sleep 1000 & echo $! > child\nwait", ["child"]);
    assert_eq!(lab.llmux(["session", "stop", "x"]).code, 0);
    assert!(!lives(pids[0]));
    assert!(lives(other) && lives(outside.id()) && lives(alike.id()));
    assert_eq!(lab.session("other").unwrap()["state"], "running");
    for child in [&mut outside, &mut alike] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    lab.llmux(["session", "stop", "other"]).ok();
    assert!(!lives(other));
}

#[test]
fn a_daemon_started_from_inside_a_session_outlives_it() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.llmux(["server", "stop"]).ok();
    lab.prompt_in_tmux("x", &format!("{LLMUX} session list; echo lis''ted"));
    until("the session started a daemon", || lab.daemon().is_some());
    let daemon = lab.daemon().unwrap();
    lab.shows("x", "^listed$");
    lab.llmux(["session", "stop", "x"]).ok();
    assert_eq!(lab.daemon(), Some(daemon));
}

#[test]
fn what_is_started_on_the_way_out_is_ended_and_the_exit_status_is_known() {
    let lab = Lab::new();
    let script = "trap '(setsid sh -c \"echo \\$\\$ > late; exec sleep 1000\" &); \
                  while ! [ -s late ]; do :; done; exit 5' TERM\n\
                  trap '' HUP\necho $$ > self\nwhile :; do sleep 1000 & wait; done";
    let pids = start(&lab, script, ["self"]);
    let waiting = lab.spawn(["session", "wait", "x", "--until", "exit"]);
    stop_ends(&lab, &pids);
    assert!(!lives(pid_in(&lab.path("work/late"))));
    let log = std::fs::read_to_string(lab.path("state/llmuxd/daemon.log")).unwrap();
    assert!(log.contains("ended name=\"x\" code=5\n"), "{log}");
    waiting.wait_with_output().unwrap();
}

#[test]
fn an_agent_that_wants_its_exit_key_twice_gets_it_twice() {
    let lab = Lab::new();
    lab.config("agents: {claude: {cmd: sh script}}");
    let key = "dd bs=1 count=1 2> /dev/null";
    let script = format!("stty raw -echo; echo $$ > self; {key}; {key}; exit 7");
    std::fs::write(lab.path("work/script"), script).unwrap();
    lab.start("claude", "x", "");
    stop_ends(&lab, &[pid_in(&lab.path("work/self"))]);
    let log = std::fs::read_to_string(lab.path("state/llmuxd/daemon.log")).unwrap();
    assert!(log.contains("ended name=\"x\" code=7\n"), "{log}");
}

#[test]
fn an_agent_can_restart_itself() {
    let lab = Lab::new();
    let script = format!(
        "echo $$ >> pids; [ -e once ] || {{ touch once; {LLMUX} session restart x; }}; exec sleep 1000"
    );
    std::fs::write(lab.path("work/script"), script).unwrap();
    lab.config(SCRIPT);
    lab.start("script", "x", "");
    let pids = || std::fs::read_to_string(lab.path("work/pids")).unwrap_or_default();
    until("it runs again", || pids().lines().count() == 2);
    lab.is("x", "running");
    let pids: Vec<u32> = pids().lines().map(|pid| pid.parse().unwrap()).collect();
    until("the first is gone", || !lives(pids[0]));
    assert!(lives(pids[1]));
}

#[test]
fn a_session_whose_agent_left_the_configuration_is_stopped() {
    let lab = Lab::new();
    let pids = start(&lab, "echo $$ > self; sleep 1000", ["self"]);
    lab.config("agents: {}");
    lab.crash();
    lab.is("x", "running");
    stop_ends(&lab, &pids);
}
