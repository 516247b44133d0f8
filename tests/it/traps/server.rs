//! The tmux server: it survives us, whatever is stopped, killed or configured.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, eventually, lives, signal, until},
    outside::{Human, Stopped, rss_kib},
};

/// Floods until its terminal says that its input ends.
const FLOOD: &str = "seq 1 1000000000 & echo up; read x; kill $!";

/// Trap 2: what would start a program anew in its pane can kill the server when we are behind.
#[test]
fn a_session_is_restarted_in_the_middle_of_its_flood_again_and_again() {
    let lab = Lab::new();
    let names = ["one", "two"];
    for name in names {
        lab.script(name, FLOOD);
    }
    let server = lab.server_pid();
    thread::scope(|scope| {
        for name in names {
            let lab = &lab;
            scope.spawn(move || {
                for _ in 0..10 {
                    let before = lab.pane_pid(name);
                    lab.llmux(["session", "restart", name]).ok();
                    assert!(!lives(before));
                }
            });
        }
    });
    assert_eq!(lab.server_pid(), server);
    assert_eq!(lab.reconnects(), 0);
    for name in names {
        let shown = lab.screen(name);
        until("its flood goes on", || lab.screen(name) != shown);
    }
}

/// Trap 2: llmux has no words for what kills a server or runs a shell in it.
#[test]
fn no_dangerous_command_is_ever_said() {
    let lab = Lab::new();
    let got = lab.reader("one");
    lab.prompt("one", "hello");
    lab.prompt("one", &"x".repeat(10_000));
    until("it arrived", || fs::metadata(&got).unwrap().len() > 10_000);
    lab.llmux(["session", "edit", "one", "--name", "uno"]).ok();
    lab.llmux(["session", "restart", "uno"]).ok();
    lab.crash();
    lab.is("uno", "running");
    lab.tmux(["kill-session", "-t", "=uno"]).ok();
    lab.is("uno", "exited");
    lab.llmux(["session", "stop", "uno"]).ok();
    let log = lab.tmux(["show-messages"]).ok();
    assert!(
        log.contains("paste-buffer") && log.contains("capture-pane"),
        "{log}"
    );
    for never in [
        "respawn",
        "run-shell",
        "if-shell",
        "source-file",
        ":off",
        " -B ",
        "unattached on",
        "send-keys",
        "pipe-pane",
    ] {
        assert!(!log.contains(never), "{never} in\n{log}");
    }
}

/// Trap 7: tmux keeps what we do not read, without bound, and says nothing.
#[test]
fn a_daemon_that_stood_still_has_the_exact_screen_again_and_the_server_its_memory() {
    let lab = Lab::new();
    lab.waiting(
        "one",
        "while [ ! -e stop ]; do seq 1 20000; done; seq 1 200; printf DONE; read x",
    );
    let server = lab.server_pid();
    let before = rss_kib(server);
    let stopped = Stopped::stop(lab.daemon().expect("a daemon"));
    lab.tmux(["send-keys", "-t", "=one:", "go", "Enter"]).ok();
    // tmux may stop to read the pane, or hoard its output and then pause it: that takes five seconds.
    let since = Instant::now();
    until("it stood still long enough", || {
        since.elapsed() > Duration::from_secs(7)
    });
    drop(stopped);
    fs::write(lab.path("work/stop"), "").unwrap();
    lab.shows("one", "DONE");
    lab.agrees("one");
    until("the server has its memory again", || {
        rss_kib(server) < before + (16 << 10)
    });
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 8: a client that outlives its daemon with a backlog makes `kill-server` hang for ever.
#[test]
fn a_daemon_killed_with_a_backlog_leaves_nothing_that_holds_the_server() {
    let lab = Lab::new();
    lab.script("one", FLOOD);
    let server = lab.server_pid();
    let before = rss_kib(server);
    let (daemon, client) = (lab.daemon().expect("a daemon"), client_pid(&lab));
    // It is killed as it stands still.
    signal(daemon, "STOP");
    // Or tmux does not even read the pane any more.
    let mut last = String::new();
    until("there is a backlog", || {
        let shown = lab.capture("=one:");
        let stuck = std::mem::replace(&mut last, shown) == last;
        stuck || rss_kib(server) > before + (4 << 10)
    });
    signal(daemon, "KILL");
    until("daemon and client are gone", || !lives(daemon) && !lives(client));
    lab.tmux(["kill-server"]).ok();
    until("the server is gone", || !lives(server));
}

fn client_pid(lab: &Lab) -> u32 {
    lab.status()["tmux"]["clientPid"].as_u64().expect("a pid") as u32
}

/// Trap 9: hooks put replies that are not ours between ours, and print where no reply is.
#[test]
fn hooks_of_the_user_do_not_confuse_the_replies() {
    let mut conf = String::new();
    for hook in [
        "after-new-session",
        "after-link-window",
        "after-list-panes",
        "after-paste-buffer",
        "after-set-buffer",
        "after-set-option",
        "after-capture-pane",
        "after-kill-session",
        "after-rename-session",
        "after-show-options",
        "client-attached",
        "session-created",
        "window-linked",
        "window-unlinked",
        "pane-exited",
    ] {
        let commands = [
            "display-message -p \"%%end 1 1 1\" ; list-windows ; nonsense-command",
            "run-shell \"echo stray; echo %exit\"",
            "if-shell true \"display-message -p nested\"",
        ];
        conf.extend(commands.map(|command| format!("set-hook -ga {hook} '{command}'\n")));
    }
    let lab = Lab::new();
    lab.tmux_conf(&conf);
    let got = lab.reader("one");
    for n in 0..5 {
        lab.prompt("one", &format!("word {n}"));
    }
    until("all arrived", || fs::read(&got).unwrap().ends_with(b"word 4\r"));
    lab.llmux(["session", "edit", "one", "--name", "uno"]).ok();
    lab.llmux(["session", "restart", "uno"]).ok();
    lab.start("shell", "two", "");
    assert_eq!(lab.reconnects(), 0);
    lab.llmux(["session", "stop", "uno", "two"]).ok();
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
    assert_eq!(lab.reconnects(), 0);
}

/// Trap 12: a service has no locale, and without one tmux answers `_` for each character.
#[test]
fn titles_and_names_survive_a_daemon_without_a_locale() {
    let mut lab = Lab::new();
    lab.set("LC_ALL", "C");
    let work = lab.path("work/übung 日本");
    fs::create_dir(&work).unwrap();
    let flags = r"-c 'printf ready; read x; printf \\033]2\;日本\ é\\007; printf \\n; pwd; read x'";
    let cwd = work.to_string_lossy();
    lab.llmux([
        "session", "start", "shell", "--name", "one", "--cwd", &cwd, "--flags", flags,
    ])
    .ok();
    lab.prompt("one", "go");
    lab.shows("one", "übung 日本$");
    let title = || lab.llmux(["session", "screen", "one", "--json"]).json()["title"].clone();
    assert_eq!(title(), "日本 é");
    // A next daemon has all that from tmux's replies.
    lab.crash();
    lab.shows("one", "übung 日本$");
    assert_eq!(title(), "日本 é");
    assert_eq!(lab.session("one").unwrap()["cwd"], *cwd);
}

/// A `tmux` that says another version and is the real one otherwise.
fn pretend(lab: &mut Lab, version: &str) {
    let bin = lab.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -V ] && {{ echo '{version}'; exit; }}\nPATH=${{PATH#*:}} exec tmux \"$@\"\n"
    );
    // Renamed into place: a file that was just written can't be executed while another test forks.
    let draft = lab.path("bin/draft");
    fs::write(&draft, script).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&draft, bin.join("tmux")).unwrap();
    let path = std::env::var("PATH").unwrap();
    lab.set("PATH", format!("{}:{path}", bin.display()));
}

/// Trap 15: what one version needs, another refuses. The running server's version counts: after an upgrade of the
/// package the new `tmux` talks to the old server.
#[test]
fn flags_follow_the_version_that_runs() {
    let mut lab = Lab::new();
    pretend(&mut lab, "tmux 3.2a");
    lab.script("one", "echo up; read x; echo got $x; read x");
    let log = lab.tmux(["show-messages"]).ok();
    assert!(!log.contains("resize-window"), "{log}");
    lab.llmux(["server", "stop"]).ok();

    pretend(&mut lab, "tmux next-3.8");
    lab.is("one", "running");
    lab.prompt("one", "hi");
    lab.shows("one", "^got hi$");
    let faults = lab.status()["tmux"]["warnings"].to_string();
    assert!(faults.contains("fixed in tmux 3.7"), "{faults}");
}

/// Trap 15: one that is too old is refused before anything is started.
#[test]
fn an_unusable_tmux_is_refused_with_what_to_do() {
    let mut lab = Lab::new();
    pretend(&mut lab, "tmux 3.1c");
    let said = lab.llmux(["session", "list"]).fails(69);
    assert!(said.contains("3.1c") && said.contains("3.2"), "{said}");
    pretend(&mut lab, "screen 5");
    let said = lab.llmux(["session", "list"]).fails(69);
    assert!(said.contains("screen 5"), "{said}");
}

/// Trap 17: users' options that end servers, sessions and clients.
#[test]
fn dangerous_options_of_the_user_end_nothing() {
    let lab = Lab::new();
    lab.tmux_conf(
        "set -g detach-on-destroy off\nset -g destroy-unattached on\n\
         set -g remain-on-exit on\nset -g base-index 5\nset -g renumber-windows on\nset -g prefix C-a\n",
    );
    lab.script("one", "echo up; read x");
    lab.script("two", "echo up; read x");
    let human = Human::sits_at(&lab, "one", (80, 24));
    drop(human);
    until("he has left", || lab.session("one").unwrap()["attached"] == 0);
    for name in ["one", "two"] {
        assert_eq!(lab.session(name).unwrap()["state"], "running", "{name}");
    }
    lab.tmux(["kill-session", "-t", "=_llmux"]).ok();
    until("llmux is connected again", || {
        lab.reconnects() == 1 && lab.status()["tmux"]["connected"] == true
    });
    for name in ["one", "two"] {
        lab.prompt(name, "bye");
        lab.is(name, "exited");
    }
    let left = || lab.tmux_sessions();
    until("what ended is gone", || left() == ["_llmux"]);
}

/// Trap 17: with this option tmux ends when we leave, and all agents with it.
#[test]
fn exit_unattached_is_told() {
    let lab = Lab::new();
    lab.tmux_conf("set -s exit-unattached on\n");
    lab.script("one", "echo up; read x");
    let status = lab.llmux(["server", "status"]).ok();
    assert!(status.contains("exit-unattached"), "{status}");
}

/// Trap 18: a pane gets the server's environment, and the server keeps the first client's secrets for all.
#[test]
fn a_pane_has_the_users_path_and_nobody_has_his_secrets() {
    let mut lab = Lab::new();
    let bare = lab
        .command("env")
        .args(["-i", "PATH=/usr/bin:/bin"])
        .args(tmux_args(&lab))
        .status()
        .unwrap();
    assert!(bare.success());
    let path = format!("{}:/nonsense/bin", std::env::var("PATH").unwrap());
    lab.set("PATH", path.clone());
    lab.llmux([
        "session",
        "start",
        "shell",
        "--name",
        "one",
        "--env",
        "MINE=my own",
        "--flags",
        "-c 'env > env.txt; echo up; read x'",
    ])
    .ok();
    let env = eventually("the environment is written", || {
        fs::read_to_string(lab.path("work/env.txt"))
            .ok()
            .filter(|text| text.contains("PATH="))
    });
    let lines: Vec<&str> = env.lines().collect();
    for wanted in [
        format!("PATH={path}").as_str(),
        "LLMUX_SESSION=one",
        "LLMUX_AGENT=shell",
        "MINE=my own",
        "COLORTERM=truecolor",
    ] {
        assert!(lines.contains(&wanted), "{wanted} in\n{env}");
    }
    assert!(lines.iter().any(|line| line.starts_with("TMUX=")), "{env}");
}

fn tmux_args(lab: &Lab) -> Vec<String> {
    let home = lab.home().to_string_lossy();
    let tmpdir = format!("TMUX_TMPDIR={home}");
    [
        &tmpdir,
        "HOME=/",
        "tmux",
        "new-session",
        "-d",
        "-s",
        "first",
        "sleep 10000",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Trap 18: a server that our client starts.
#[test]
fn a_server_started_by_us_knows_no_secret_of_ours() {
    let mut lab = Lab::new();
    let secrets = ["LLMUX_TOKEN", "LLMUX_PASSPHRASE"];
    for name in secrets {
        lab.set(name, "hunter2");
    }
    lab.script("one", "env > env.txt; echo up; read x");
    let global = lab.tmux(["show-environment", "-g"]).ok();
    let session = lab.tmux(["show-environment", "-t", "=one"]).ok();
    let server = fs::read_to_string(format!("/proc/{}/environ", lab.server_pid())).unwrap_or_default();
    let pane = fs::read_to_string(lab.path("work/env.txt")).unwrap();
    for (whose, text) in [
        ("server", &server),
        ("global", &global),
        ("session", &session),
        ("pane", &pane),
    ] {
        assert!(!text.contains("hunter2"), "{whose}: {text}");
    }
}
