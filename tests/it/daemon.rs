//! The daemon's life: started by whoever comes first, replaced, ended, killed.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::lab::{Lab, Run, eventually, lives, signal, until};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Starts a foreground daemon and waits until it serves.
fn foreground(lab: &Lab) -> std::process::Child {
    let mut daemon = lab.spawn(["server", "start"]);
    until("the foreground daemon serves", || {
        assert!(daemon.try_wait().unwrap().is_none(), "it ended");
        lab.daemon() == Some(daemon.id())
    });
    daemon
}

#[test]
fn the_first_command_starts_a_daemon_and_all_later_ones_use_it() {
    let lab = Lab::new();
    assert_eq!(lab.daemon(), None);
    let said = lab.llmux(["server", "status"]).fails(69);
    assert!(
        said.contains("no llmux daemon answers") && said.contains("hint: "),
        "{said}"
    );
    lab.llmux(["session", "list"]).ok();
    let daemon = lab.daemon().unwrap();
    lab.start("shell", "x", "");
    assert_eq!(lab.daemon(), Some(daemon));
    let status = lab.status();
    for (key, value) in [
        ("background", json!(true)),
        ("sessions", json!(1)),
        ("running", json!(1)),
    ] {
        assert_eq!(status[key], value, "{key}");
    }
    assert_eq!(
        (&status["tmux"]["connected"], &status["tmux"]["reconnects"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    let text = lab.llmux(["server", "status"]).ok();
    assert!(
        text.contains("in the background") && text.contains("1 (1 running)"),
        "{text}"
    );
}

#[test]
fn what_the_daemon_leaves_on_disk_is_its_users_alone() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let socket = lab.status()["socket"].as_str().unwrap().to_owned();
    let socket = Path::new(&socket);
    assert!(fs::metadata(socket).unwrap().file_type().is_socket());
    assert_eq!((mode(socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    let state = lab.path("state/llmuxd");
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
        }
    }
    for entry in fs::read_dir(socket.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    assert!(mode(&state.join("daemon.log")) == 0o600);
}

#[test]
fn of_twenty_clients_at_once_exactly_one_starts_the_daemon() {
    let lab = Lab::new();
    let clients = (0..20)
        .map(|_| lab.spawn(["session", "list"]))
        .collect::<Vec<_>>();
    for client in clients {
        let run = Run::from(client.wait_with_output().unwrap());
        assert_eq!(run.ok(), "no llmux sessions\n");
    }
    let log = fs::read_to_string(lab.path("state/llmuxd/daemon.log")).unwrap();
    assert!(!log.contains("ERROR"), "{log}");
    let daemon = lab.daemon().unwrap();
    assert_eq!(daemons(&lab), [daemon]);
}

/// The daemons of this home.
fn daemons(lab: &Lab) -> Vec<u32> {
    let home = format!("HOME={}\0", lab.home().display()).into_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_daemon = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let ours = environ.windows(home.len()).any(|part| part == home);
        ours && line.contains("llmux\0daemon\0")
    };
    pids.filter(is_daemon).filter(|&pid| lives(pid)).collect()
}

#[test]
fn a_stop_ends_the_daemon_and_no_agent() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let (daemon, pane) = (lab.daemon().unwrap(), lab.session("x").unwrap()["pane"].clone());
    assert_eq!(lab.llmux(["server", "stop"]).ok(), "stopped\n");
    assert_eq!(lab.llmux(["server", "stop"]).ok(), "no daemon runs\n");
    until("it is gone", || !lives(daemon));
    until("the hub is gone", || lab.tmux_sessions() == ["x"]);
    assert_eq!(lab.session("x").unwrap()["pane"], pane);
    lab.prompt("x", "echo still $((1+1))");
    lab.shows("x", "^still 2$");
}

#[test]
fn a_command_right_behind_a_stop_starts_the_next_daemon() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    for _ in 0..5 {
        let before = lab.daemon().unwrap();
        lab.llmux(["server", "stop"]).ok();
        assert_eq!(lab.llmux(["session", "list"]).ok().lines().count(), 2);
        assert_ne!(lab.daemon().unwrap(), before);
    }
}

#[test]
fn a_command_while_a_daemon_is_ended_by_a_signal_finds_the_next_one() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    for _ in 0..5 {
        lab.llmux(["session", "list"]).ok();
        let daemon = lab.daemon().unwrap();
        signal(daemon, "TERM");
        // The one that is leaving may still take the request, but must not drop it without an answer.
        assert_eq!(lab.llmux(["session", "list"]).ok().lines().count(), 2);
        until("it is gone", || !lives(daemon));
    }
}

#[test]
fn a_foreground_daemon_takes_over_while_clients_go_on() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let pane = lab.session("x").unwrap()["pane"].clone();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (stop, answered, lab) = (&stop, &answered, &lab);
    thread::scope(|scope| {
        let clients = (0..3).map(|_| {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let run = lab.llmux(["session", "list", "--json"]);
                    assert_eq!(run.code, 0, "{run}");
                    assert!(run.stdout.contains("\"running\""), "{run}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let clients = clients.collect::<Vec<_>>();
        until("clients are answered", || answered.load(Ordering::Relaxed) > 3);
        let old = lab.daemon().unwrap();
        let mut first = foreground(lab);
        until("the old one is gone", || !lives(old));
        let mut second = foreground(lab);
        until("the first is replaced", || {
            first.try_wait().unwrap().is_some_and(|status| status.success())
        });
        let so_far = answered.load(Ordering::Relaxed);
        until("clients are still answered", || {
            answered.load(Ordering::Relaxed) > so_far + 3
        });
        stop.store(true, Ordering::Relaxed);
        let failed = clients
            .into_iter()
            .filter_map(|client| client.join().err())
            .count();
        signal(second.id(), "TERM");
        assert!(second.wait().unwrap().success());
        assert_eq!(failed, 0, "clients were not answered");
    });
    assert_eq!(lab.session("x").unwrap()["pane"], pane);
}

#[test]
fn each_ending_signal_ends_it_well() {
    for name in ["TERM", "INT"] {
        let lab = Lab::new();
        let mut daemon = foreground(&lab);
        lab.start("shell", "x", "");
        assert_eq!(lab.status()["background"], false);
        signal(daemon.id(), name);
        let status = eventually("it ends", || daemon.try_wait().unwrap());
        assert!(status.success(), "{name}: {status}");
        until("the hub is gone", || lab.tmux_sessions() == ["x"]);
        assert_eq!(lab.daemon(), None);
    }
}

#[test]
fn an_endless_request_does_not_keep_the_daemon() {
    let lab = Lab::new();
    let mut daemon = foreground(&lab);
    lab.start("shell", "x", "");
    let mut watching = lab.spawn(["session", "watch", "x"]);
    let mut first = [0];
    watching.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let mut waiting = UnixStream::connect(lab.status()["socket"].as_str().unwrap()).unwrap();
    let request = b"POST /api/sessions/x/wait HTTP/1.1\r\nhost: x\r\ncontent-length: 32\r\n\r\n\
                    {\"until\":{\"kind\":\"exit\"}}        ";
    waiting.write_all(request).unwrap();
    signal(daemon.id(), "TERM");
    let status = eventually("it ends", || daemon.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let mut answer = String::new();
    let _ = waiting.read_to_string(&mut answer);
    let watched = Run::from(watching.wait_with_output().unwrap());
    assert!(!watched.stderr.contains("panicked"), "{watched}");
}

#[test]
fn a_killed_daemon_blocks_nobody() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let pane = lab.session("x").unwrap()["pane"].clone();
    for n in 0..3 {
        lab.crash();
        lab.prompt("x", &format!("echo run $(({n}+1))"));
        lab.shows("x", &format!("^run {}$", n + 1));
    }
    assert_eq!(lab.session("x").unwrap()["pane"], pane);
    assert_eq!(daemons(&lab).len(), 1);
    assert_eq!(lab.tmux_sessions(), ["_llmux", "x"]);
}

#[test]
fn what_ended_while_no_daemon_ran_is_noticed_by_the_next() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    lab.start("shell", "y", "");
    lab.crash();
    until("the hub is gone", || lab.tmux_sessions() == ["x", "y"]);
    lab.tmux(["kill-session", "-t", "=x"]).ok();
    lab.is("x", "exited");
    assert_eq!(lab.session("y").unwrap()["state"], "running");
}

#[test]
fn a_tmux_server_that_dies_takes_its_sessions_but_not_the_daemon() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let daemon = lab.daemon().unwrap();
    lab.tmux(["kill-server"]).ok();
    lab.is("x", "exited");
    until("it is connected again", || {
        lab.status()["tmux"]["connected"] == true
    });
    lab.llmux(["session", "restart", "x"]).ok();
    lab.prompt("x", "echo again $((1+1))");
    lab.shows("x", "^again 2$");
    assert_eq!(lab.daemon(), Some(daemon));
}
