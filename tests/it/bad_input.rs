//! Bad input and bad surroundings: one clear error, a hint, the right exit code, and everything as it was.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use crate::lab::{LLMUX, Lab, has, lives};

/// One error line and at least one hint.
#[track_caller]
pub(crate) fn is_clear(said: &str, words: &[&str]) {
    assert!(said.starts_with("llmux: "), "{said}");
    assert!(said.contains("\nhint: "), "no hint: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// A program that stands in for tmux, in a directory that comes first.
fn stand_in(lab: &mut Lab, script: &str) {
    fs::create_dir(lab.path("bin")).unwrap();
    fs::write(lab.path("bin/tmux"), script).unwrap();
    fs::set_permissions(lab.path("bin/tmux"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    lab.set("PATH", path);
}

#[test]
fn an_unknown_session_is_an_error_that_names_the_nearest() {
    let lab = Lab::new();
    lab.start("shell", "planner", "");
    let before = lab.scene();
    for verb in [
        &["prompt", "plannr", "hi"][..],
        &["screen", "plannr"],
        &["wait", "plannr"],
        &["watch", "plannr"],
        &["attach", "plannr"],
        &["stop", "plannr"],
        &["restart", "plannr"],
        &["edit", "plannr", "--flags", "x"],
    ] {
        let said = lab.llmux(["session"].iter().chain(verb)).fails(1);
        is_clear(&said, &["no session \"plannr\"", "planner"]);
        assert_eq!(said.matches("did you mean").count(), 1, "{said}");
    }
    is_clear(
        &lab.llmux(["session", "screen", "zzzzzz"]).fails(1),
        &["no session \"zzzzzz\"", "session list"],
    );
    assert_eq!(lab.scene(), before);
}

#[test]
fn an_unknown_agent_is_an_error_that_names_the_nearest() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let before = lab.scene();
    for key in ["cluade", "Claude Code", "a.b", "../x"] {
        let said = lab.llmux(["session", "start", key]).fails(1);
        is_clear(&said, &[&format!("unknown agent {key:?}")]);
    }
    is_clear(
        &lab.llmux(["session", "start", "cluade"]).fails(1),
        &["did you mean \"claude\"?"],
    );
    assert_eq!(lab.scene(), before);
}

#[test]
fn a_name_that_means_something_elsewhere_is_refused() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let before = lab.scene();
    let long = "n".repeat(65);
    for name in [
        "a.b",
        "a:b",
        "a b",
        "a\nb",
        "a\u{1b}[2Jb",
        "-a",
        "",
        "_llmux",
        "=x",
        "$1",
        "@1",
        "%1",
        "a#b",
        "#{x}",
        "é",
        "a/b",
        "..",
        &long,
    ] {
        let flag = format!("--name={name}");
        let said = lab.llmux(["session", "start", "shell", &flag]).fails(1);
        is_clear(&said, &["session name"]);
        assert!(!said.contains('\u{1b}'), "{said:?}");
        let said = lab.llmux(["session", "edit", "x", &flag]).fails(1);
        is_clear(&said, &["session name"]);
        is_clear(
            &lab.llmux(["session", "screen", "--", name]).fails(1),
            &["no session"],
        );
    }
    assert_eq!(lab.scene(), before);
    let longest = "n".repeat(64);
    lab.start("shell", &longest, "");
    assert_eq!(lab.session(&longest).unwrap()["state"], "running");
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    fs::write(lab.path("work/file"), "").unwrap();
    let before = lab.scene();
    for cwd in ["/no/such/place", "file", "~nobody/x"] {
        let said = lab
            .llmux(["session", "start", "shell", "--name", "y", "--cwd", cwd])
            .fails(1);
        is_clear(&said, &["cwd does not exist"]);
        is_clear(
            &lab.llmux(["session", "edit", "x", "--cwd", cwd]).fails(1),
            &["cwd does not exist"],
        );
    }
    assert_eq!(lab.scene(), before);
    // It was there when the session began.
    fs::create_dir(lab.path("gone")).unwrap();
    let gone = lab.path("gone").display().to_string();
    lab.llmux(["session", "start", "shell", "--name", "y", "--cwd", &gone])
        .ok();
    fs::remove_dir(&gone).unwrap();
    let before = lab.scene();
    is_clear(
        &lab.llmux(["session", "restart", "y"]).fails(1),
        &["cwd does not exist"],
    );
    assert_eq!(lab.scene(), before, "what ran still runs");
}

#[test]
fn a_prompt_that_can_not_be_typed_is_refused() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let screen = lab.screen("x");
    let two = vec![b'x'; 2 << 20];
    let said = lab.llmux_reads(&two, ["session", "prompt", "x", "-"]).fails(1);
    is_clear(&said, &["1 MiB"]);
    fs::write(lab.path("work/big"), &two).unwrap();
    is_clear(
        &lab.llmux(["session", "prompt", "x", "--file", "big"]).fails(1),
        &["1 MiB"],
    );
    is_clear(
        &lab.llmux(["session", "prompt", "x", "--file", "none"]).fails(1),
        &["none", "No such file"],
    );
    is_clear(
        &lab.llmux(["session", "prompt", "x", "--file", "."]).fails(1),
        &["directory"],
    );
    is_clear(
        &lab.llmux_reads(b"", ["session", "prompt", "x", "-"]).fails(1),
        &["empty"],
    );
    is_clear(
        &lab.llmux_reads(b"\xff\xfe", ["session", "prompt", "x", "-"])
            .fails(1),
        &["not UTF-8"],
    );
    for nothing in ["", "\n", "\u{1b}"] {
        is_clear(
            &lab.llmux(["session", "prompt", "x", nothing]).fails(1),
            &["prompt"],
        );
    }
    assert_eq!(lab.screen("x"), screen);
}

#[test]
fn flags_and_environment_that_can_not_be_read_are_refused() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let before = lab.scene();
    is_clear(
        &lab.llmux(["session", "start", "shell", "--flags", "it's"])
            .fails(1),
        &["unbalanced quotes"],
    );
    for env in ["novalue", "=x"] {
        is_clear(
            &lab.llmux(["session", "start", "shell", "--env", env]).fails(1),
            &["KEY=VALUE", env],
        );
    }
    assert_eq!(lab.scene(), before);
}

#[test]
fn a_failure_among_several_keeps_its_hint() {
    let mut lab = Lab::new();
    lab.set("PATH", "/usr/bin:/bin");
    for (args, failed) in [
        (
            ["session", "start", "nosuch,demo"],
            "start nosuch failed: unknown agent",
        ),
        (
            ["session", "restart", "demo nosuch"],
            "respawn nosuch failed: no session",
        ),
        (
            ["session", "stop", "demo nosuch"],
            "kill nosuch failed: no session",
        ),
    ] {
        let words = args.iter().flat_map(|arg| arg.split(' '));
        let run = lab.llmux(words);
        let (code, said) = (run.code, run.stderr);
        assert_eq!(code, 1, "{said}");
        let (complaint, hint) = said
            .split_once("\nhint: ")
            .unwrap_or_else(|| panic!("no hint: {said}"));
        assert!(complaint.starts_with(&format!("llmux: {failed}")), "{said}");
        assert!(hint.contains("llmux: 1 of 2 "), "{said}");
    }
}

#[test]
fn all_agents_are_none_where_only_the_built_in_ones_are() {
    let mut lab = Lab::new();
    lab.set("PATH", "/usr/bin:/bin");
    let run = lab.llmux(["session", "start", "all"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "no sessions spawned\n"),
        "{run}"
    );
    assert!(
        run.stderr.contains("no agent is installed") && run.stderr.contains("\nhint: "),
        "{run}"
    );
}

#[test]
fn a_missing_tmux_is_said_with_how_to_install_it() {
    let mut lab = Lab::new();
    fs::create_dir(lab.path("bin")).unwrap();
    symlink("/bin/sh", lab.path("bin/sh")).unwrap();
    lab.set("PATH", lab.path("bin").to_str().unwrap());
    for args in [
        &["session", "start", "shell"][..],
        &["session", "list"],
        &["server", "start"],
    ] {
        is_clear(&lab.llmux(args).fails(69), &["tmux", "install"]);
    }
    assert!(!lab.sessions_json().exists());
}

#[test]
fn a_tmux_that_is_too_old_or_no_tmux_is_refused() {
    for (script, words) in [
        ("#!/bin/sh\necho tmux 3.1c\n", &["3.1c", "3.2"][..]),
        ("#!/bin/sh\necho hello\n", &["tmux"]),
        ("#!/bin/sh\nexit 3\n", &["tmux"]),
    ] {
        let mut lab = Lab::new();
        stand_in(&mut lab, script);
        for args in [&["session", "start", "shell"][..], &["server", "start"]] {
            is_clear(&lab.llmux(args).fails(69), words);
        }
    }
}

#[test]
fn something_else_at_the_sockets_place_is_left_alone() {
    let mut lab = Lab::new();
    lab.set("LLMUX_SOCKET", lab.path("s").to_str().unwrap());
    fs::write(lab.path("s"), "precious").unwrap();
    is_clear(&lab.llmux(["session", "list"]).fails(1), &["/s"]);
    assert_eq!(fs::read_to_string(lab.path("s")).unwrap(), "precious");
    fs::remove_file(lab.path("s")).unwrap();
    fs::create_dir(lab.path("s")).unwrap();
    is_clear(&lab.llmux(["session", "list"]).fails(1), &["/s"]);
    assert!(lab.path("s").is_dir());
}

#[test]
fn a_runtime_directory_of_somebody_else_is_refused() {
    let lab = Lab::new();
    fs::create_dir(lab.path("run/llmux")).unwrap();
    if std::os::unix::fs::chown(lab.path("run/llmux"), Some(65534), Some(65534)).is_err() {
        eprintln!("left out: only root can give a directory away");
        return;
    }
    is_clear(
        &lab.llmux(["session", "list"]).fails(1),
        &["not safe", "another user"],
    );
}

#[test]
fn a_configuration_that_can_not_be_used_is_an_error_with_its_place() {
    for (yaml, words) in [
        ("agents:\n  x: {cmd: [}\n", &["config.yaml:2"][..]),
        (
            "agents: {x: {cmd: sh, readyPrompt: '('}}",
            &["agents.x.readyPrompt"],
        ),
        ("server: {port: many}", &["config.yaml:1"]),
    ] {
        let lab = Lab::new();
        lab.config(yaml);
        for args in [&["session", "start", "shell"][..], &["server", "start"]] {
            is_clear(&lab.llmux(args).fails(1), words);
        }
        assert!(!lab.sessions_json().exists());
    }
    let lab = Lab::new();
    fs::create_dir_all(lab.path(".config/llmux/config.yaml")).unwrap();
    is_clear(&lab.llmux(["session", "list"]).fails(1), &["config.yaml"]);
    let lab = Lab::new();
    lab.config("");
    fs::write(lab.path(".config/llmux/config.yaml"), b"\xff").unwrap();
    is_clear(
        &lab.llmux(["session", "list"]).fails(1),
        &["config.yaml", "UTF-8"],
    );
    is_clear(
        &lab.llmux(["server", "start", "--config", "none.yaml"]).fails(1),
        &["none.yaml"],
    );
}

#[test]
fn a_remote_host_in_the_environment_is_not_mistaken_for_this_one() {
    let mut lab = Lab::new();
    lab.set("LLMUX_SERVER", "http://127.0.0.1:1");
    for args in [
        &["session", "list"][..],
        &["session", "stop", "all"],
        &["agent", "list"],
        &["session", "attach", "x"],
    ] {
        is_clear(&lab.llmux(args).fails(69), &["http://127.0.0.1:1"]);
    }
    is_clear(&lab.llmux(["server", "stop"]).fails(1), &["http://127.0.0.1:1"]);
    assert!(lab.tmux_sessions().is_empty());
}

#[test]
fn a_home_that_is_not_set_is_no_reason_to_fail() {
    let lab = Lab::new();
    let mut command = lab.command(LLMUX);
    let output = command
        .env_remove("HOME")
        .args(["session", "list"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_connection_of_another_user_is_refused() {
    if !has("setpriv")
        || !std::path::Path::new("/usr/bin/python3").exists()
        || !rustix::process::geteuid().is_root()
    {
        return;
    }
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let socket = lab.status()["socket"].as_str().unwrap().to_owned();
    let knock = |lab: &Lab| {
        let mut command = lab.command("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
        ]);
        let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                      s.send(b'GET /api/sessions HTTP/1.0\\r\\n\\r\\n')\nprint(len(s.recv(100)))";
        let run = crate::lab::Run::from(command.arg(script).arg(&socket).output().unwrap());
        (run.code, run.stdout, run.stderr)
    };
    let (code, _, said) = knock(&lab);
    assert!(code != 0 && said.contains("PermissionError"), "{said}");
    // Even where the permissions let it through.
    for path in [lab.home(), &lab.path("run"), &lab.path("run/llmux")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let (_, read, said) = knock(&lab);
    assert!(
        read.trim() == "0" || said.contains("ResetError") || said.contains("BrokenPipe"),
        "{read} {said}"
    );
    fs::set_permissions(lab.path("run/llmux"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(lab.session("x").unwrap()["state"], "running");
}

#[test]
fn a_flood_of_bad_requests_leaves_the_daemon_standing() {
    use std::{io::Read as _, os::unix::net::UnixStream, time::Duration};
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let socket = lab.status()["socket"].as_str().unwrap().to_owned();
    let daemon = lab.daemon().unwrap();
    for request in [
        &b"GET // HTTP/1.1\r\n\r\n"[..],
        b"GET /api/sessions/%/screen HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /api/sessions/%ff%fe/screen HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/sessions HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n{]}",
        b"POST /api/sessions HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{",
        b"POST /api/sessions/x/send HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /api/sessions/x/wait HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n{\"until\":{\"text\":{\"regex\":\"(((((\"}}}",
        b"\x16\x03\x01\x00\xff\xff\xff",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(!answer.starts_with("HTTP/1.1 500"), "{answer}");
    }
    assert_eq!(lab.daemon(), Some(daemon));
    assert!(lives(daemon));
}
