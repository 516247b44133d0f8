//! Files and disks that can't be used: one clear error, a hint, the right exit code, and nothing lost.

use std::{fs, io::Write, process::Command};

use crate::{bad_input::is_clear, lab::Lab};

#[test]
fn a_corrupt_registry_is_kept_aside_and_said_loudly() {
    for (n, content) in [
        "{\"version\": 1, \"sess",
        "",
        "[]",
        "{\"version\": 1}",
        "\u{0}\u{0}",
    ]
    .iter()
    .enumerate()
    {
        let lab = Lab::new();
        if n % 2 == 1 {
            lab.start("shell", "runs", "");
        }
        fs::create_dir_all(lab.path("state/llmuxd")).unwrap();
        fs::write(lab.sessions_json(), content).unwrap();
        let run = lab.llmux(["session", "list"]);
        assert_eq!(run.code, 0, "{run}");
        let aside = aside(&lab);
        assert_eq!(aside.len(), 1, "{content:?}");
        assert_eq!(
            fs::read_to_string(lab.path("state/llmuxd").join(&aside[0])).unwrap(),
            *content
        );
        assert!(
            run.stderr.contains("corrupt") && run.stderr.contains(&aside[0]),
            "{run}"
        );
        let status = lab.llmux(["server", "status"]).ok();
        assert!(status.contains(&aside[0]), "{status}");
        let log = fs::read_to_string(lab.path("state/llmuxd/daemon.log")).unwrap();
        assert!(log.contains("corrupt") && log.contains(&aside[0]), "{log}");
        lab.start("shell", "new", "");
        if n % 2 == 1 {
            lab.is("runs", "running");
        }
    }
}

fn aside(lab: &Lab) -> Vec<String> {
    let entries = fs::read_dir(lab.path("state/llmuxd")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("sessions.json.corrupt-"))
        .collect()
}

#[test]
fn a_registry_of_a_later_version_is_left_alone() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("state/llmuxd")).unwrap();
    fs::write(lab.sessions_json(), "{\"version\": 2, \"sessions\": {}}").unwrap();
    for args in [&["session", "list"][..], &["session", "start", "shell"]] {
        is_clear(&lab.llmux(args).fails(1), &["version 2"]);
    }
    assert_eq!(
        fs::read_to_string(lab.sessions_json()).unwrap(),
        "{\"version\": 2, \"sessions\": {}}"
    );
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
}

#[test]
fn a_state_directory_that_can_not_be_used_is_an_error() {
    let mut lab = Lab::new();
    fs::write(lab.path("file"), "precious").unwrap();
    for state in ["file", "file/below", "/proc/nowhere"] {
        let state = if state.starts_with('/') {
            state.into()
        } else {
            lab.path(state)
        };
        lab.set("XDG_STATE_HOME", state.to_str().unwrap());
        for args in [
            &["session", "list"][..],
            &["session", "start", "shell"],
            &["server", "start"],
            &["server", "status"],
        ] {
            is_clear(&lab.llmux(args).fails(1), &["cannot use the directory", "llmuxd"]);
        }
    }
    assert_eq!(fs::read_to_string(lab.path("file")).unwrap(), "precious");
    assert!(lab.tmux_sessions().is_empty(), "no tmux server was started");
}

/// A file system of its own for the state directory; none where that is not permitted.
struct Mounted<'a>(&'a Lab);

impl<'a> Mounted<'a> {
    fn new(lab: &'a Lab, options: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(lab.path("state"))
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("left out: mounting a tmpfs is not permitted here");
        }
        mounted.then_some(Self(lab))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = self.0.llmux(["server", "stop"]);
        let _ = self.0.tmux(["kill-server"]);
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.0.path("state"))
            .output();
    }
}

#[test]
fn a_full_disk_refuses_a_change_and_loses_nothing() {
    let lab = Lab::new();
    let Some(_mounted) = Mounted::new(&lab, "size=1m") else {
        return;
    };
    lab.start("shell", "x", "");
    let before = lab.scene();
    let mut filler = fs::File::create(lab.path("state/filler")).unwrap();
    let _ = filler.write_all(&vec![b'x'; 2 << 20]);
    drop(filler);
    for args in [
        &["session", "start", "shell", "--name", "y"][..],
        &["session", "edit", "x", "--flags", "-x"],
        &["session", "edit", "x", "--name", "z"],
    ] {
        is_clear(&lab.llmux(args).fails(1), &["sessions.json", "No space left"]);
        assert_eq!(lab.scene(), before, "{args:?}");
    }
    // What can't be written down is not typed: the next daemon could type it again.
    is_clear(
        &lab.llmux(["session", "prompt", "x", "echo it works $((1+1))"])
            .fails(1),
        &["turns.db", "full", "nothing was typed"],
    );
    // What is another program by now is not called unchanged.
    for (verb, words, state) in [
        ("restart", "was started again, but its record", "running"),
        ("stop", "has ended, but its record could not be removed", "exited"),
    ] {
        let said = lab.llmux(["session", verb, "x"]).fails(1);
        is_clear(&said, &[words, "sessions.json", "No space left"]);
        assert!(!said.contains("nothing was changed"), "{said}");
        lab.is("x", state);
    }
    fs::remove_file(lab.path("state/filler")).unwrap();
    lab.llmux(["session", "restart", "x"]).ok();
    lab.prompt("x", "echo it works $((1+1))");
    lab.shows("x", "^it works 2$");
    lab.start("shell", "y", "");
}

#[test]
fn a_disk_that_became_read_only_refuses_a_change_and_loses_nothing() {
    let lab = Lab::new();
    let Some(_mounted) = Mounted::new(&lab, "size=1m") else {
        return;
    };
    lab.start("shell", "x", "");
    let before = lab.scene();
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        Command::new("mount")
            .args(["-o", &options])
            .arg(lab.path("state"))
            .status()
            .unwrap()
            .success()
    };
    // The daemon's log is open for writing there: only a forced remount of another mount would do.
    if !remount("ro") {
        eprintln!("left out: the file system stays writable");
        return;
    }
    is_clear(
        &lab.llmux(["session", "start", "shell", "--name", "y"]).fails(1),
        &["Read-only"],
    );
    assert_eq!(lab.scene(), before);
    assert!(remount("rw"));
}
