//! The network face: where the daemon listens, what a stranger may hold, and TLS.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Child, Stdio},
    time::Duration,
};

use crate::{
    http::Api,
    lab::{LLMUX, Lab, Run, eventually, lives, signal, until},
};

/// Starts a foreground daemon with these arguments and waits until it serves.
pub(crate) fn foreground(lab: &Lab, args: &[&str]) -> Child {
    let mut daemon = lab.spawn([&["server", "start"], args].concat());
    until("the foreground daemon serves", || {
        assert!(daemon.try_wait().unwrap().is_none(), "it ended");
        lab.daemon() == Some(daemon.id())
    });
    daemon
}

#[track_caller]
pub(crate) fn ends(mut daemon: Child) {
    signal(daemon.id(), "TERM");
    let status = eventually("it ends", || daemon.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

fn address(lab: &Lab) -> String {
    format!("{}:3001", lab.host())
}

#[test]
fn a_daemon_in_the_background_serves_no_network_and_one_in_the_foreground_does() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    assert!(TcpStream::connect(address(&lab)).is_err());
    assert!(lab.status()["network"].is_null());
    let daemon = foreground(&lab, &[]);
    let api = Api::network(&lab);
    let health = api.get("/health").is(200);
    assert_eq!((&health["ok"], &health["sessions"]), (&true.into(), &0.into()));
    assert_eq!(
        lab.status()["network"]["url"],
        format!("http://{}", address(&lab))
    );
    let text = lab.llmux(["server", "status"]).ok();
    assert!(
        text.contains(&format!("network   http://{}", address(&lab))),
        "{text}"
    );
    ends(daemon);
    assert!(TcpStream::connect(address(&lab)).is_err());
}

#[test]
fn without_a_credential_the_network_sees_nothing_but_the_daemons_health() {
    let lab = Lab::new();
    let daemon = foreground(&lab, &[]);
    lab.start("shell", "x", "");
    let api = Api::network(&lab);
    for (method, path) in [
        ("GET", "/api/sessions"),
        ("GET", "/api/sessions/x/screen"),
        ("GET", "/api/sessions/x/output"),
        ("GET", "/api/events"),
        ("GET", "/api/logs"),
        ("GET", "/api/settings"),
        ("GET", "/metrics"),
        ("POST", "/api/sessions/x/send"),
        ("POST", "/api/sessions/x/kill"),
        ("POST", "/api/daemon/stop"),
        ("POST", "/api/daemon/handover"),
        ("PATCH", "/api/sessions/x"),
    ] {
        let answer = api.call(method, path, &["content-type: application/json"], b"{}");
        assert_eq!(answer.fails(401), "unauthorized", "{method} {path}");
    }
    let said = lab
        .llmux([
            "session",
            "list",
            "--server",
            &format!("http://{}", address(&lab)),
        ])
        .fails(1);
    assert!(said.contains("unauthorized") && said.contains("hint: "), "{said}");
    ends(daemon);
}

#[test]
fn a_port_in_use_is_one_clear_error_and_leaves_nothing() {
    let lab = Lab::new();
    let theirs = TcpListener::bind(address(&lab)).unwrap();
    let said = lab.llmux(["server", "start"]).fails(1);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.starts_with(&format!(
            "llmux: cannot listen on {}: the port is in use",
            address(&lab)
        )) && said.contains("hint: ")
            && said.contains("--port 3002"),
        "{said}"
    );
    assert!(lab.tmux_sessions().is_empty());
    let left: Vec<_> = fs::read_dir(lab.path("run/llmux"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // It is no reason to end the daemon in the background.
    lab.llmux(["session", "list"]).ok();
    let before = lab.daemon();
    lab.llmux(["server", "start"]).fails(1);
    assert_eq!(lab.daemon(), before);
    drop(theirs);
}

#[test]
fn the_port_is_the_flags_then_the_variables_then_the_configurations() {
    let mut lab = Lab::new();
    lab.config("server: {port: 3103}\n");
    let port = |lab: &Lab, args: &[&str]| {
        let daemon = foreground(lab, args);
        let url = lab.status()["network"]["url"].as_str().unwrap().to_owned();
        ends(daemon);
        url.rsplit(':').next().unwrap().to_owned()
    };
    assert_eq!(port(&lab, &[]), "3103");
    lab.set("LLMUXD_PORT", "3102");
    assert_eq!(port(&lab, &[]), "3102");
    assert_eq!(port(&lab, &["--port", "3101"]), "3101");
    for wrong in ["0", "65536", "http"] {
        lab.set("LLMUXD_PORT", wrong);
        let said = lab.llmux(["server", "start"]).fails(1);
        assert!(said.contains("not a port") && said.contains("hint: "), "{said}");
    }
    lab.set("LLMUXD_PORT", "3102");
    lab.set("LLMUXD_HOST", "192.0.2.1");
    let said = lab.llmux(["server", "start"]).fails(1);
    assert!(said.contains("no network interface has this address"), "{said}");
}

#[test]
fn a_self_signed_certificate_is_kept_and_can_be_pinned() {
    let lab = Lab::new();
    let daemon = foreground(&lab, &["--tls"]);
    let status = lab.status();
    let pin = status["network"]["fingerprint"].as_str().unwrap().to_owned();
    let server = format!("https://{}", address(&lab));
    assert_eq!(status["network"]["url"], server);
    let list = |args: &[&str]| lab.llmux([&["session", "list", "--server", &server], args].concat());
    // The daemon's own answer: TLS is behind us.
    let said = list(&["--pin", &pin]).fails(1);
    assert!(said.contains("unauthorized"), "{said}");
    let certificate = lab.path("state/llmuxd/tls-cert.pem");
    let ca_file = certificate.to_str().unwrap();
    let unnamed = list(&["--ca-file", ca_file]).fails(69);
    // It was made for names that this address is none of.
    assert!(unnamed.contains("no safe connection"), "{unnamed}");
    let said = list(&[]).fails(69);
    assert!(
        said.contains("no safe connection") && said.contains("--pin"),
        "{said}"
    );
    let said = list(&["--pin", &format!("sha256:{}", "0".repeat(64))]).fails(69);
    assert!(said.contains("another certificate"), "{said}");
    let said = list(&["--pin", "sha256:12"]).fails(64);
    assert!(said.contains("no fingerprint"), "{said}");
    ends(daemon);
    let daemon = foreground(&lab, &["--tls"]);
    assert_eq!(lab.status()["network"]["fingerprint"], pin);
    ends(daemon);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(lab.path("state/llmuxd/tls-key.pem"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // The operator's own files: here the same, which are as good as any.
    let key = lab.path("state/llmuxd/tls-key.pem");
    let daemon = foreground(&lab, &["--tls-cert", ca_file, "--tls-key", key.to_str().unwrap()]);
    assert_eq!(lab.status()["network"]["fingerprint"], pin);
    ends(daemon);
    let said = lab
        .llmux([
            "server",
            "start",
            "--tls-cert",
            "/nowhere",
            "--tls-key",
            "/nowhere",
        ])
        .fails(1);
    assert!(said.contains("/nowhere") && said.contains("hint: "), "{said}");
}

#[test]
fn another_daemon_takes_the_place_of_one_in_the_foreground_with_its_port() {
    let lab = Lab::new();
    let mut first = foreground(&lab, &[]);
    lab.start("shell", "x", "");
    // Who knocks while nobody serves waits in the backlog.
    let mut early = TcpStream::connect(address(&lab)).unwrap();
    let second = foreground(&lab, &["--replace"]);
    let status = eventually("the first one ends", || first.try_wait().unwrap());
    assert!(status.success(), "{status}");
    Api::network(&lab).get("/health").is(200);
    let _ = early.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    // It was accepted by the first, who waited for its words, or it is served by the second.
    let mut said = String::new();
    let _ = early.read_to_string(&mut said);
    assert_eq!(lab.session("x").unwrap()["state"], "running");
    ends(second);
}

#[test]
fn a_service_manager_may_open_the_socket() {
    let lab = Lab::new();
    let listener = TcpListener::bind((lab.host(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = lab.command("sh");
    let line = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$LLMUX\" server start";
    command
        .env("LLMUX", LLMUX)
        .args(["-c", line])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stderr(Stdio::null());
    let daemon = command.spawn().unwrap();
    until("it serves", || lab.daemon() == Some(daemon.id()));
    assert_eq!(lab.status()["network"]["address"], address.to_string());
    Api::Tcp(address.to_string()).get("/health").is(200);
    assert!(TcpStream::connect(format!("{}:3001", lab.host())).is_err());
    ends(daemon);
}

#[test]
fn clients_that_say_nothing_starve_neither_the_owner_nor_each_other_for_long() {
    let lab = Lab::new();
    let mut command = lab.command("sh");
    command
        .env("LLMUX", LLMUX)
        .args(["-c", "ulimit -n 256; exec \"$LLMUX\" server start"])
        .stderr(Stdio::null());
    let daemon = command.spawn().unwrap();
    until("it serves", || lab.daemon() == Some(daemon.id()));
    let held: Vec<_> = (0..200)
        .map(|_| TcpStream::connect(address(&lab)).unwrap())
        .collect();
    lab.start("shell", "x", "");
    lab.prompt("x", "echo still $((1+1))");
    lab.shows("x", "^still 2$");
    assert!(lives(daemon.id()));
    // Those that say nothing are closed after a while, though nobody let go.
    let mut slow = held.into_iter().next().unwrap();
    slow.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    assert_eq!(slow.read(&mut [0]).unwrap_or(0), 0);
    Api::network(&lab).get("/health").is(200);
    ends(daemon);
}

#[test]
fn a_head_that_trickles_in_is_not_waited_for_for_ever() {
    let lab = Lab::new();
    let daemon = foreground(&lab, &[]);
    let mut slow = TcpStream::connect(address(&lab)).unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nx: ").unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    until("it is closed", || {
        let _ = slow.write_all(b"y");
        matches!(slow.read(&mut [0; 512]), Ok(0)) || slow.write_all(b"y").is_err()
    });
    ends(daemon);
}

#[test]
fn a_second_signal_ends_a_daemon_that_waits_for_a_client() {
    let lab = Lab::new();
    let mut daemon = foreground(&lab, &[]);
    // Its head has begun: the request may yet come.
    let mut begun = TcpStream::connect(address(&lab)).unwrap();
    begun.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    signal(daemon.id(), "TERM");
    until("it serves no more", || TcpStream::connect(address(&lab)).is_err());
    signal(daemon.id(), "TERM");
    let status = eventually("it ends", || daemon.try_wait().unwrap());
    assert!(status.success(), "{status}");
    drop(begun);
}

#[test]
fn errors_of_a_far_server_say_what_is_wrong() {
    let lab = Lab::new();
    let list = |server: &str| lab.llmux(["session", "list", "--server", server]);
    for (server, code, words) in [
        ("http://127.0.0.1:1", 69, "refused"),
        ("http://no-such-host.invalid:3001", 69, "cannot reach"),
        ("https://", 64, "no llmux server"),
        ("box:3001", 64, "no llmux server"),
        ("unix:/nowhere", 69, "no llmux daemon answers"),
    ] {
        let said = list(server).fails(code);
        assert!(
            said.contains(words) && said.contains("hint: "),
            "{server}: {said}"
        );
    }
    let run = Run::from(
        lab.command(LLMUX)
            .args([
                "session",
                "list",
                "--server",
                "http://127.0.0.1:1",
                "--token",
                "a\nb",
            ])
            .output()
            .unwrap(),
    );
    assert!(run.fails(64).contains("token"));
    assert_eq!(lab.daemon(), None, "none was started here");
}

#[test]
fn every_verb_works_on_a_named_unix_socket_as_on_the_usual_one() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let server = format!("unix:{}", lab.status()["socket"].as_str().unwrap());
    let far = |args: &[&str]| lab.llmux([args, &["--server", &server]].concat());
    for args in [
        &["session", "list"][..],
        &["session", "list", "--json"],
        &["agent", "list", "--all"],
        &["session", "turns", "x"],
        &["session", "history", "x"],
        &["settings", "show"],
    ] {
        assert_eq!(far(args).ok(), lab.llmux(args).ok(), "{args:?}");
    }
    let made = far(&["session", "start", "shell", "--name", "far"]).ok();
    let work = lab.path("work");
    assert_eq!(
        made,
        format!("spawned far (agent: shell, cwd: {})\n", work.display())
    );
    let line = [
        "session",
        "start",
        "shell",
        "--cwd",
        "here",
        "--server",
        "http://127.0.0.1:1",
    ];
    let said = lab.llmux(line).fails(64);
    assert!(said.contains("relative"), "{said}");
    far(&["session", "prompt", "far", "echo far $((1+1))"]).ok();
    lab.shows("far", "^far 2$");
    far(&["session", "stop", "far"]).ok();
    assert!(lab.session("far").is_none());
    assert!(far(&["server", "stop"]).ok().contains("stopped"));
}
