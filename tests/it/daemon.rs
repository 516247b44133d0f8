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

use crate::lab::{LLMUX, Lab, Run, eventually, lives, signal, until};

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
        let mut new = foreground(lab);
        until("the old one is gone", || !lives(old));
        let so_far = answered.load(Ordering::Relaxed);
        until("clients are still answered", || {
            answered.load(Ordering::Relaxed) > so_far + 3
        });
        stop.store(true, Ordering::Relaxed);
        let failed = clients
            .into_iter()
            .filter_map(|client| client.join().err())
            .count();
        signal(new.id(), "TERM");
        assert!(new.wait().unwrap().success());
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
fn a_daemon_in_a_terminal_ends_when_that_goes() {
    let lab = Lab::new();
    let start = format!("exec env -u TMUX -u TMUX_PANE {LLMUX} server start");
    lab.tmux(["-L", "outer", "-f", "/dev/null", "new-session", "-d", &start])
        .ok();
    let pid = eventually("it serves", || lab.daemon());
    lab.start("shell", "x", "");
    // Its own terminal is there: SIGHUP is a person's word.
    signal(pid, "HUP");
    until("it has read its configuration", || {
        lab.llmux(["logs", "list"])
            .ok()
            .contains("nothing in the configuration")
    });
    lab.tmux(["-L", "outer", "kill-server"]).ok();
    until("it ends", || !lives(pid));
    until("the hub is gone", || lab.tmux_sessions() == ["x"]);
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
    let request = b"POST /api/sessions/x/wait HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 32\r\n\r\n\
                    {\"until\":{\"kind\":\"exit\"}}        ";
    waiting.write_all(request).unwrap();
    signal(daemon.id(), "TERM");
    let status = eventually("it ends", || daemon.try_wait().unwrap());
    assert!(status.success(), "{status}");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("the daemon is shutting down"), "{answer}");
    let watched = Run::from(watching.wait_with_output().unwrap());
    assert_eq!(watched.code, 69, "{watched}");
}

#[test]
fn agents_of_the_working_directorys_configuration_are_known() {
    let lab = Lab::new();
    fs::write(lab.path("work/.llmux.yaml"), "agents: {mine: {cmd: cat}}").unwrap();
    lab.start("mine", "x", "");
    let said = lab.llmux(["session", "start", "yours"]).fails(1);
    assert!(said.contains("llmux server status"), "{said}");
}

#[test]
fn a_tmux_server_that_the_running_daemon_does_not_use_is_said() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let run = lab.llmux(["session", "list", "--tmux-socket", "other"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stderr.contains("/default, not the one asked for") && run.stderr.contains("hint: "),
        "{run}"
    );
    let run = lab.llmux(["session", "list", "--tmux-socket", "default"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// A session whose program writes each line it is sent into a file; gives the file.
fn eater(lab: &Lab) -> std::path::PathBuf {
    let eaten = lab.path("eaten");
    lab.start("shell", "eat", "");
    lab.prompt("eat", &format!("exec cat >> {}", eaten.display()));
    until("it eats", || eaten.exists());
    eaten
}

/// Sends prompts side by side, lets `disturb` happen while they are typed, and expects each to be typed once and whole.
fn prompts_survive(lab: &Lab, eaten: &Path, disturb: impl FnOnce()) {
    let texts = (0..8).map(|n| format!("prompt {n}")).collect::<Vec<_>>();
    let mut clients = texts
        .iter()
        .map(|text| lab.spawn(["session", "prompt", "eat", text]))
        .collect::<Vec<_>>();
    until("one is typed", || {
        fs::read_to_string(eaten).unwrap().contains("prompt")
    });
    disturb();
    for client in clients.drain(..) {
        let _ = Run::from(client.wait_with_output().unwrap()).ok();
    }
    // What waited in the queue is the next daemon's.
    lab.llmux(["session", "list"]).ok();
    until("all are typed", || {
        fs::read_to_string(eaten).unwrap().lines().count() >= texts.len()
    });
    let eaten = fs::read_to_string(eaten).unwrap();
    let mut lines = eaten.lines().collect::<Vec<_>>();
    lines.sort_unstable();
    assert_eq!(lines, texts);
}

#[test]
fn a_prompt_being_typed_is_finished_before_the_daemon_leaves() {
    let lab = Lab::new();
    let eaten = eater(&lab);
    prompts_survive(&lab, &eaten, || {
        lab.llmux(["server", "stop"]).ok();
    });
}

#[test]
fn a_prompt_being_typed_is_finished_before_another_daemon_takes_over() {
    let lab = Lab::new();
    let eaten = eater(&lab);
    let mut new = None;
    prompts_survive(&lab, &eaten, || new = Some(foreground(&lab)));
    let mut new = new.unwrap();
    signal(new.id(), "TERM");
    assert!(new.wait().unwrap().success());
}

#[test]
fn a_daemon_in_the_foreground_is_not_taken_from_its_person() {
    let lab = Lab::new();
    let mut first = foreground(&lab);
    let said = lab.llmux(["server", "start"]).fails(1);
    assert!(
        said.contains("runs in the foreground already") && said.contains("hint: stop it first"),
        "{said}"
    );
    assert_eq!(lab.daemon(), Some(first.id()));
    signal(first.id(), "TERM");
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_foreground_daemon_takes_over_from_one_of_another_runtime_directory() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let (old, socket) = (lab.daemon().unwrap(), lab.status()["socket"].clone());
    fs::create_dir(lab.path("run2")).unwrap();
    let mut new = lab
        .command(crate::lab::LLMUX)
        .args(["server", "start"])
        .env("XDG_RUNTIME_DIR", lab.path("run2"))
        .spawn()
        .unwrap();
    until("it took over", || lab.daemon() == Some(new.id()));
    assert!(!lives(old));
    assert_eq!(lab.status()["socket"], socket);
    signal(new.id(), "TERM");
    assert!(new.wait().unwrap().success());
}

#[test]
fn a_socket_at_which_another_program_listens_is_left_to_it() {
    let lab = Lab::new();
    let path = lab.path("theirs");
    let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut command = lab.command(crate::lab::LLMUX);
    let command = command.args(["server", "start"]).env("LLMUX_SOCKET", &path);
    let said = Run::from(command.output().unwrap()).fails(1);
    assert!(
        said.contains("another program listens there") && said.contains("hint: "),
        "{said}"
    );
    let _ours = UnixStream::connect(&path).unwrap();
    theirs.accept().unwrap();
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

/// A script that stops the daemon and then looks at tmux must not see it leave.
#[test]
fn a_stopped_daemon_has_left_tmux_when_the_command_returns() {
    let lab = Lab::new();
    lab.start("shell", "one", "");
    lab.llmux(["server", "stop"]).ok();
    assert_eq!(lab.tmux(["list-clients"]).ok(), "");
    until("its guard has removed the hub", || lab.tmux_sessions() == ["one"]);
}
