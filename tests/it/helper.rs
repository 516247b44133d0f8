//! The small processes around tmux, on a real private server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::panes::{Control, LLMUX, Tmux, alive, eventually, ps, write_script};

/// Starts `program args..` under the wrapper in a streamed pane.
fn wrapped(control: &Control, tmux: &Tmux, name: &str, argv: &[&str]) -> String {
    control.session(tmux, name, &[&[LLMUX, "run", "--"], argv].concat())
}

fn started_pid(output: &str) -> String {
    let (_, rest) = output
        .split_once("7777;llmux;started;pid=")
        .expect("a start message");
    rest.split('\x07').next().unwrap().to_owned()
}

#[test]
fn fifty_programs_that_print_and_exit_lose_nothing() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    for round in 0..50 {
        let script = format!("seq 1 4000; printf 'LAST-{round}.'; exit {round}");
        let pane = wrapped(&control, &tmux, &format!("a{round}"), &["sh", "-c", &script]);
        let output = control.wait_for(&pane, "7777;llmux;exit;");
        let (text, end) = output.split_once("\x1b]7777;llmux;exit;").unwrap();
        // The message is repeated until somebody acknowledges it.
        assert!(end.starts_with(&format!("code={round}\x07")), "{end:?}");
        // On a busy machine the program may print before the wrapper says that it started.
        let started = format!("\x1b]7777;llmux;started;pid={}\x07", started_pid(text));
        let expected = (1..=4000)
            .map(|line| line.to_string())
            .collect::<Vec<_>>()
            .join("\r\n");
        assert!(
            text.replace(&started, "") == format!("{expected}\r\nLAST-{round}."),
            "round {round}: {text}"
        );
        tmux.run(&["kill-pane", "-t", &pane]);
    }
}

#[test]
fn a_death_by_signal_is_told_with_its_signal() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pane = wrapped(&control, &tmux, "a", &["sh", "-c", "kill -9 $$"]);
    control.wait_for(&pane, "\x1b]7777;llmux;exit;code=137;signal=9\x07");
}

#[test]
fn the_pane_closes_by_itself_when_nobody_acknowledges() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pane = wrapped(&control, &tmux, "a", &["true"]);
    control.wait_for(&pane, "\x1b]7777;llmux;exit;code=0\x07");
    eventually("the session has gone", || !tmux.has_session("a"));
}

#[test]
fn tmux_and_ps_name_the_agent() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pane = wrapped(&control, &tmux, "a", &["sleep", "1000"]);
    let pid = started_pid(&control.wait_for(&pane, "\x07"));
    eventually("tmux names it", || {
        tmux.format(&pane, "#{pane_current_command}") == "sleep"
    });
    assert_eq!(ps(&pid, "comm"), "sleep");
    assert_eq!(ps(&pid, "pgid"), pid);
    assert_eq!(ps(&pid, "tpgid"), pid);
}

#[test]
fn ctrl_z_does_not_strand_the_agent() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pane = wrapped(&control, &tmux, "a", &["cat"]);
    let pid = started_pid(&control.wait_for(&pane, "\x07"));
    for round in 0..3 {
        tmux.keys(&pane, &["C-z"]);
        tmux.keys(&pane, &[&format!("typed{round}"), "Enter"]);
        control.wait_for(&pane, &format!("typed{round}\r\ntyped{round}\r\n"));
    }
    // Stopped by hand, it is not left behind either.
    assert!(
        Command::new("kill")
            .args(["-STOP", &pid])
            .status()
            .unwrap()
            .success()
    );
    tmux.keys(&pane, &["again", "Enter"]);
    control.wait_for(&pane, "again\r\nagain\r\n");
    assert_eq!(ps(&pid, "tpgid"), pid);
}

#[test]
fn ctrl_c_reaches_the_program_only() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let script =
        "trap 'echo caught' INT; echo up; while read line; do :; done; read line; echo \"$line\"; exit 5";
    let pane = wrapped(&control, &tmux, "a", &["bash", "-c", script]);
    control.wait_for(&pane, "up\r\n");
    tmux.keys(&pane, &["C-c"]);
    control.wait_for(&pane, "caught\r\n");
    let wrapper = tmux.format(&pane, "#{pane_pid}");
    assert!(alive(&wrapper));
    assert!(tmux.has_session("a"));
}

#[test]
fn signals_to_the_wrapper_reach_the_program() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    for (name, number) in [("TERM", 15), ("INT", 2), ("QUIT", 3)] {
        let pane = wrapped(&control, &tmux, name, &["sleep", "1000"]);
        control.wait_for(&pane, "started;");
        let wrapper = tmux.format(&pane, "#{pane_pid}");
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &wrapper])
                .status()
                .unwrap()
                .success()
        );
        control.wait_for(&pane, &format!("exit;code={};signal={number}\x07", 128 + number));
    }
}

#[test]
fn a_killed_pane_ends_even_an_agent_that_ignores_the_hangup() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let polite = wrapped(&control, &tmux, "polite", &["sleep", "1000"]);
    let deaf = wrapped(
        &control,
        &tmux,
        "deaf",
        &["sh", "-c", "trap '' HUP; echo up; exec sleep 1000"],
    );
    let polite_pid = started_pid(&control.wait_for(&polite, "\x07"));
    let deaf_pid = started_pid(&control.wait_for(&deaf, "up\r\n"));
    tmux.run(&["kill-pane", "-t", &polite, ";", "kill-pane", "-t", &deaf]);
    eventually("the polite one ends", || !alive(&polite_pid));
    eventually("the deaf one ends", || !alive(&deaf_pid));
}

#[test]
fn what_a_program_leaves_in_its_group_gets_the_hangup() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pane = wrapped(&control, &tmux, "a", &["sh", "-c", "sleep 1000 & echo left=$!."]);
    let output = control.wait_for(&pane, "exit;code=0\x07");
    let (_, rest) = output.split_once("left=").unwrap();
    let left = rest.split('.').next().unwrap().to_owned();
    assert!(alive(&left), "it lives while the pane does");
    eventually("it ends with the pane", || !alive(&left));
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let plain_file = write_script(tmux.dir.path(), "plain", 0o644, "text");
    let cases: [(&str, &[&str], &str, &str); 3] = [
        (
            "missing",
            &["--", "no-such;agent"],
            "code=127;no-such,agent: not found",
            "no-such;agent: not found",
        ),
        ("plain", &["--", &plain_file], "code=126;", "not executable"),
        (
            "cwd",
            &["--cwd", "/no/such/dir", "--", "true"],
            "code=126;in /no/such/dir: no such directory",
            "/no/such/dir",
        ),
    ];
    for (name, args, message, human) in cases {
        let pane = control.session(&tmux, name, &[&[LLMUX, "run"], args].concat());
        let output = control.wait_for(&pane, "7777;llmux;failed;");
        let (before, after) = output.split_once("\x1b]7777;llmux;failed;").unwrap();
        assert!(
            after.starts_with(message) && after.ends_with('\x07'),
            "{output:?}"
        );
        assert!(before.contains(human), "{output:?}");
    }
}

#[test]
fn the_terminal_is_left_sane_and_the_end_is_told_even_with_tostop() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let odd = "stty raw -echo tostop; echo odd; exit 3";
    let script = format!("{LLMUX} run -- sh -c '{odd}'; echo status=$?; stty -a; exec sleep 1000");
    let pane = control.session(&tmux, "a", &["sh", "-c", &script]);
    let output = control.wait_for(&pane, "-extproc");
    let (before, after) = output.split_once("exit;code=3\x07").expect("an exit message");
    assert!(before.contains("odd\n"), "{before:?}");
    assert!(after.contains("status=3"), "{after:?}");
    for mode in [" icanon", " echo ", "isig ", "opost ", "icrnl ", "-tostop"] {
        assert!(after.contains(mode), "{mode} in {after}");
    }
    let shell = tmux.format(&pane, "#{pane_pid}");
    assert_eq!(ps(&shell, "tpgid"), shell, "the foreground group is back");
}

#[test]
fn a_program_may_use_its_terminal_at_once() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    // Background work makes it likelier that the program runs before it is in the foreground.
    let mut busy: Vec<Child> = (0..4)
        .map(|_| {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()
                .unwrap()
        })
        .collect();
    for round in 0..20 {
        let pane = wrapped(&control, &tmux, &format!("modes{round}"), &["stty", "-echo"]);
        control.wait_for(&pane, "exit;code=0\x07");
        let pane = wrapped(&control, &tmux, &format!("input{round}"), &["head", "-c", "1"]);
        tmux.keys(&pane, &["x", "Enter"]);
        control.wait_for(&pane, "exit;code=0\x07");
    }
    for child in &mut busy {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn without_a_terminal_the_status_is_the_programs() {
    let run = |script: &str| {
        Command::new(LLMUX)
            .args(["run", "--", "sh", "-c", script])
            .output()
            .unwrap()
    };
    assert_eq!(run("exit 7").status.code(), Some(7));
    let output = run("kill -TERM $$");
    assert_eq!(output.status.code(), Some(143));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("exit;code=143;signal=15\x07"));
    let missing = Command::new(LLMUX)
        .args(["run", "--", "/no/such/agent"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

#[test]
fn the_agent_keeps_its_environment_and_directory() {
    let tmux = Tmux::new();
    let output = tmux
        .command(LLMUX)
        .args([
            "run",
            "--cwd",
            "/usr",
            "--",
            "sh",
            "-c",
            "echo $MINE:$PWD; ps -o args= -p $PPID",
        ])
        .env("MINE", "yes")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("yes:/usr\n"),
        "{output:?}"
    );
}

/// Holds a file's lock until it is killed, as the daemon does; flock(1) takes the same lock as `File::lock`.
fn lock_holder(path: &std::path::Path) -> Child {
    let mut holder = Command::new("flock")
        .arg("--close")
        .arg(path)
        .args(["-c", "echo locked; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "locked");
    holder
}

#[test]
fn a_killed_daemon_takes_exactly_the_hub_along() {
    let tmux = Tmux::new();
    let alive_file = tmux.dir.path().join("alive");
    for name in ["agent1", "agent2", "_llmux2"] {
        tmux.session(name, (80, 24), &["sleep", "1000"]);
    }
    for round in 0..20 {
        let mut holder = lock_holder(&alive_file);
        let pane = tmux.session(
            "_llmux",
            (80, 24),
            &[LLMUX, "hub-guard", alive_file.to_str().unwrap()],
        );
        tmux.run(&["link-window", "-d", "-s", "=agent1:", "-t", "=_llmux:"]);
        tmux.wait_for(&pane, "This window belongs to the llmux daemon");
        if round == 0 {
            tmux.keys(&pane, &["C-c", "C-\\", "C-z", "q", "Enter", "C-d"]);
            // The name is not what it goes by.
            tmux.run(&["rename-session", "-t", "=_llmux:", "renamed"]);
            tmux.session("_llmux", (80, 24), &["sleep", "1000"]);
        }
        let hub = tmux.format(&pane, "#{session_id}");
        assert!(alive(&tmux.format(&pane, "#{pane_pid}")));
        holder.kill().unwrap();
        holder.wait().unwrap();
        eventually("the hub is gone", || {
            !tmux
                .run(&["list-sessions", "-F", "#{session_id}"])
                .lines()
                .any(|id| id == hub)
        });
        eventually("the file is gone", || !alive_file.exists());
        for name in ["agent1", "agent2", "_llmux2"] {
            assert!(tmux.has_session(name), "{name} lives on");
        }
        if round == 0 {
            assert!(tmux.has_session("_llmux"), "a namesake lives on");
            tmux.run(&["kill-session", "-t", "=_llmux"]);
        }
    }
}

#[test]
fn a_guard_outside_tmux_says_so() {
    let output = Command::new(LLMUX)
        .args(["hub-guard", "/tmp/x"])
        .env_remove("TMUX")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("TMUX is not set"));
}

#[test]
fn a_killed_pane_ends_the_guard() {
    let tmux = Tmux::new();
    let alive_file = tmux.dir.path().join("alive");
    let mut holder = lock_holder(&alive_file);
    tmux.session("other", (80, 24), &["sleep", "1000"]);
    let pane = tmux.session(
        "_llmux",
        (80, 24),
        &[LLMUX, "hub-guard", alive_file.to_str().unwrap()],
    );
    tmux.wait_for(&pane, "This window belongs");
    let guard = tmux.format(&pane, "#{pane_pid}");
    tmux.run(&["kill-session", "-t", "=_llmux"]);
    eventually("the guard is gone", || !alive(&guard));
    assert!(alive_file.exists());
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn the_tmux_client_leads_its_own_session() {
    let tmux = Tmux::new();
    let control = Control::attach(&tmux);
    let pid = control.client.id().to_string();
    assert_eq!(ps(&pid, "comm"), "tmux: client");
    assert_eq!(ps(&pid, "sid"), pid);
}

#[cfg(target_os = "linux")]
#[test]
fn the_tmux_client_dies_with_its_parent() {
    let tmux = Tmux::new();
    tmux.session("keeper", (80, 24), &["sleep", "1000"]);
    let script =
        "exec 3<&0; \"$0\" tmux-client $$ tmux \"$@\" -C attach -t =keeper <&3 & echo client=$!; wait";
    let mut parent = tmux
        .command("sh")
        .args(["-c", script, LLMUX])
        .args(tmux.base_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let client = lines
        .find_map(|line| line.unwrap().strip_prefix("client=").map(str::to_owned))
        .unwrap();
    eventually("the client is attached", || {
        tmux.run(&["list-clients", "-F", "#{client_pid}"]) == client
    });
    parent.kill().unwrap();
    // Its input is still open: only the signal can have ended it.
    let stdin = parent.stdin.take();
    eventually("the client is gone", || !alive(&client));
    drop(stdin);
    parent.wait().unwrap();
}

#[test]
fn a_client_whose_parent_is_another_refuses_to_start() {
    let output = Command::new(LLMUX)
        .args(["tmux-client", "1", "tmux", "-V"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the parent process is gone"));
}
