//! `llmux doctor`: what it finds on set-ups that are broken, and that it changes nothing.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use serde_json::Value;

use crate::lab::{Lab, signal};

/// What was found: the level, and the text, of each finding of an area that holds these words.
#[track_caller]
fn found(report: &Value, area: &str, words: &str) -> (String, Option<String>) {
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().map(str::to_owned);
    let hit = findings
        .iter()
        .find(|finding| finding["area"] == area && text(finding, "found").unwrap().contains(words));
    let hit = hit.unwrap_or_else(|| panic!("nothing of {area} says {words:?} in {report:#}"));
    (text(hit, "level").unwrap(), text(hit, "fix"))
}

#[track_caller]
fn finds(report: &Value, level: &str, area: &str, words: &str, fix: &str) {
    let (seen, advice) = found(report, area, words);
    assert_eq!(seen, level, "{words}");
    let advice = advice.unwrap_or_default();
    assert!(advice.contains(fix), "{words}: the fix is {advice:?}");
}

#[track_caller]
fn report(lab: &Lab, code: i32) -> Value {
    let run = lab.llmux(["doctor", "--json"]);
    assert_eq!(run.code, code, "{run}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["ok"], code == 0);
    for finding in report["findings"].as_array().unwrap() {
        let bad = matches!(finding["level"].as_str(), Some("warning" | "error"));
        let fix = finding["fix"].as_str().unwrap_or_default();
        assert!(!bad || !fix.is_empty(), "no fix: {finding}");
    }
    report
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Puts a program into this home's `PATH`.
fn program(lab: &mut Lab, name: &str, script: &str) {
    let bin = lab.path("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    mode(&bin.join(name), 0o755);
    let path = std::env::var("PATH").unwrap();
    lab.set("PATH", format!("{}:{path}", bin.display()));
}

#[test]
fn a_fresh_home_has_no_fault_and_stays_as_it_is() {
    let lab = Lab::new();
    let report = report(&lab, 0);
    assert_eq!(found(&report, "state", "not there yet").0, "note");
    assert_eq!(found(&report, "daemon", "none").0, "note");
    assert_eq!(found(&report, "network", "is free").0, "ok");
    assert_eq!(found(&report, "tmux", "is installed").0, "ok");
    for made in ["state/llmuxd", "run/llmux", ".config", ".local"] {
        assert!(!lab.path(made).exists(), "{made}");
    }
    assert!(lab.tmux_sessions().is_empty());
    let text = lab.llmux(["doctor"]).ok();
    assert!(text.contains("note     daemon     none runs"), "{text}");
}

#[test]
fn a_configuration_that_another_comes_before_is_to_be_moved_away() {
    let lab = Lab::new();
    lab.config("{}\n");
    fs::write(lab.path(".config/llmux/config.toml"), "").unwrap();
    finds(
        &report(&lab, 0),
        "warning",
        "config",
        "config.toml is not read",
        "move it away",
    );
}

#[test]
fn broken_files_and_modes_are_each_found_with_a_fix_and_left_alone() {
    let lab = Lab::new();
    let state = lab.path("state/llmuxd");
    let users = lab.path(".local/share/llmux/v2");
    fs::create_dir_all(&state).unwrap();
    fs::create_dir_all(&users).unwrap();
    for (path, content) in [
        (state.join("sessions.json"), "{\"version\": 1, \"sess"),
        (state.join("turns.db"), "this was a database"),
        (state.join("sessions.json.corrupt-20300101T000000Z"), ""),
        (state.join("turns.db.corrupt-20300101T000000Z"), ""),
        (state.join("turns.db.corrupt-20300101T000000Z-wal"), ""),
        (state.join("push.json.corrupt-20300101T000000Z"), ""),
        (state.join("push.json"), "x\n"),
        (users.join("users.json"), "[]"),
        (users.join("tokens.json"), "[{\"secretHash\": \"s3cret\""),
    ] {
        fs::write(&path, content).unwrap();
        mode(&path, 0o600);
    }
    mode(&users.join("users.json"), 0o644);
    fs::create_dir(state.join("daemon.log")).unwrap();
    mode(&state, 0o777);
    lab.config("server: {prot: 3001}\n");
    let report = report(&lab, 1);
    finds(
        &report,
        "error",
        "files",
        "sessions.json: it is not JSON",
        "move it away",
    );
    finds(&report, "error", "files", "turns.db", ".corrupt-");
    finds(&report, "error", "files", "tokens.json: it is not JSON", "backup");
    finds(&report, "warning", "files", "users.json (mode 644)", "chmod 600");
    for (what, file) in [
        ("session registry", "sessions.json"),
        ("journal of turns", "turns.db"),
        ("devices", "push.json"),
    ] {
        let words = format!("{what} was corrupt; it is kept as {}", state.join(file).display());
        let words = words.replace("devices", "list of devices that are notified");
        finds(&report, "warning", "files", &words, ".corrupt-20300101T000000Z");
    }
    finds(
        &report,
        "error",
        "files",
        "push.json: it is not JSON",
        ".corrupt-",
    );
    finds(
        &report,
        "error",
        "files",
        "daemon.log is a directory",
        "move it away",
    );
    assert!(!report.to_string().contains("-wal"));
    finds(&report, "error", "state", "others can write", "chmod 700");
    finds(&report, "error", "config", "config.yaml:1:", "line 1");
    assert!(!report.to_string().contains("s3cret"));
    let left = fs::read_to_string(state.join("sessions.json")).unwrap();
    assert_eq!(left, "{\"version\": 1, \"sess");
}

#[test]
fn a_session_record_that_cant_be_read_is_named() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("state/llmuxd")).unwrap();
    let text = r#"{"version": 1, "sessions": {"good": {"agent": "demo", "cwd": "/"}, "bad": {"agent": 7}}}"#;
    fs::write(lab.sessions_json(), text).unwrap();
    mode(&lab.sessions_json(), 0o600);
    let report = report(&lab, 0);
    finds(&report, "warning", "files", "\"bad\"", "record");
    assert_eq!(found(&report, "files", "1 sessions").0, "ok");
}

#[test]
fn a_port_that_is_taken_and_a_directory_for_sockets_that_is_not_ours_alone() {
    let mut lab = Lab::new();
    let _theirs = TcpListener::bind((lab.host(), 3001)).unwrap();
    fs::create_dir(lab.path("elsewhere")).unwrap();
    symlink(lab.path("elsewhere"), lab.path("run/llmux")).unwrap();
    let dir = lab.path(format!("tmux-{}", rustix::process::geteuid().as_raw()));
    fs::create_dir_all(&dir).unwrap();
    mode(&dir, 0o755);
    let report = report(&lab, 1);
    finds(&report, "warning", "network", "the port is in use", "--port 3002");
    finds(&report, "error", "socket", "symbolic link", "XDG_RUNTIME_DIR");
    finds(&report, "error", "tmux", "others have access", "chmod 700");
    mode(&dir, 0o700);
    lab.set("LLMUXD_PORT", "http");
    lab.set("LLMUX_SERVER", "http://127.0.0.1:1");
    let report = self::report(&lab, 1);
    finds(&report, "error", "network", "not a port", "--port");
    finds(
        &report,
        "error",
        "server",
        "cannot reach http://127.0.0.1:1",
        "server start",
    );
}

#[test]
fn without_tmux_or_a_readable_env_file_it_still_looks_at_the_rest() {
    let mut lab = Lab::new();
    fs::create_dir_all(lab.path("config/llmux/.env")).unwrap();
    lab.set("PATH", lab.path("nothing").to_str().unwrap().to_owned());
    let report = report(&lab, 1);
    finds(&report, "error", "tmux", "not installed", "apt install tmux");
    finds(
        &report,
        "error",
        "config",
        ".env",
        "regular file that can be read",
    );
    finds(
        &report,
        "warning",
        "agents",
        "none is installed",
        "agent list --all",
    );
    assert_eq!(found(&report, "network", "is free").0, "ok");
}

#[test]
fn a_tmux_that_does_not_answer_is_not_waited_for() {
    let mut lab = Lab::new();
    // Whoever cleans up behind this test asks it other things.
    program(&mut lab, "tmux", "[ \"$1\" != -V ] || exec sleep 1000");
    let report = report(&lab, 1);
    finds(&report, "error", "tmux", "`tmux -V` does not answer", "tmux -V");
    let said = lab.llmux(["session", "start", "shell"]).fails(69);
    assert!(said.contains("`tmux -V` does not answer"), "{said}");
    assert!(lab.daemon().is_none());
}

#[test]
fn a_running_daemon_says_how_its_connection_is() {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let report = report(&lab, 0);
    assert_eq!(found(&report, "link", "connected to tmux").0, "ok");
    assert_eq!(found(&report, "daemon", "answers in").0, "ok");
    assert_eq!(found(&report, "files", "1 sessions").0, "ok");
    assert_eq!(found(&report, "files", "0 turns").0, "ok");
    let pid = lab.daemon().unwrap();
    signal(pid, "STOP");
    let stuck = lab.llmux(["doctor", "--json"]);
    signal(pid, "CONT");
    assert_eq!(stuck.code, 1, "{stuck}");
    finds(
        &serde_json::from_str(&stuck.stdout).unwrap(),
        "error",
        "daemon",
        "does not answer",
        "kill it",
    );
    assert_eq!(lab.session("x").unwrap()["state"], "running");
}

#[test]
fn what_tailscale_serves_is_said() {
    let mut lab = Lab::new();
    let host = lab.host().to_owned();
    let status = format!(
        r#"{{"TCP": {{"443": {{"HTTPS": true}}}}, "Web": {{"box.tail1.ts.net:443": {{"Handlers": {{"/": {{"Proxy": "http://{host}:3001"}}}}}}}}}}"#
    );
    program(&mut lab, "tailscale", &format!("cat <<'END'\n{status}\nEND"));
    assert_eq!(
        found(&report(&lab, 0), "tailscale", "serves https://box.tail1.ts.net").0,
        "ok"
    );
    lab.set("LLMUXD_PORT", "3007");
    assert_eq!(
        found(&report(&lab, 0), "tailscale", "tailscale serve --bg 3007").0,
        "note"
    );
    program(&mut lab, "tailscale", "echo 'not logged in' >&2; exit 1");
    finds(
        &report(&lab, 0),
        "warning",
        "tailscale",
        "not logged in",
        "tailscale status",
    );
}
