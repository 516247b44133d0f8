//! What `server start` prints: addresses, the first user's link, and a code that pairs a phone.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Child,
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use serde_json::json;

use crate::{
    http::Api,
    lab::{Lab, eventually, signal},
};

/// A daemon in the foreground, and what it says line by line.
struct Foreground {
    child: Child,
    lines: Receiver<String>,
}

impl Foreground {
    fn start(lab: &Lab, args: &[&str]) -> Self {
        let mut child = lab.spawn([&["server", "start"], args].concat());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = sync_channel(4096);
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// All it says up to a line with these words.
    #[track_caller]
    fn says(&self, words: &str) -> Vec<String> {
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains(words)) {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            said.push(line.unwrap_or_else(|_| panic!("never said {words:?}, but {said:#?}")));
        }
        said
    }

    fn end(mut self) {
        signal(self.child.id(), "TERM");
        eventually("it ends", || self.child.try_wait().unwrap());
    }
}

fn admin(lab: &Lab, name: &str) {
    let line = ["user", "create", name, "--admin", "--passphrase-file", "-"];
    lab.llmux_reads(b"correct horse battery\n", line).ok();
}

/// Puts a `tailscale` into the `PATH` that serves the daemon's port.
fn tailscale(lab: &mut Lab, script: &str) {
    let bin = lab.path("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("tailscale"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join("tailscale"), Permissions::from_mode(0o755)).unwrap();
    lab.set(
        "PATH",
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
    );
}

#[test]
fn a_phone_is_paired_by_the_code_once_and_the_log_does_not_know_it() {
    let lab = Lab::new();
    admin(&lab, "alice");
    let line = [
        "--qr-owner",
        "alice",
        "--qr-name",
        "phone",
        "--qr-expiry",
        "2100-01-01",
    ];
    let daemon = Foreground::start(&lab, &line);
    let said = daemon.says("/#pair=");
    let address = format!("http://{}:3001", lab.host());
    assert!(
        said.iter()
            .any(|line| line.trim() == format!("▸ Local  {address}")),
        "{said:#?}"
    );
    assert!(
        said.iter()
            .any(|line| line.contains("pair a phone as alice (Local, good once")),
        "{said:#?}"
    );
    assert!(
        said.iter().filter(|line| line.contains('█')).count() > 10,
        "{said:#?}"
    );
    let link = said.last().unwrap().trim().to_owned();
    let (origin, code) = link.split_once("/#pair=").unwrap();
    assert_eq!(origin, address);

    let api = Api::network(&lab);
    let code = percent_decoded(code);
    let body = json!({"code": code, "deviceName": "what it says itself"}).to_string();
    let head = ["content-type: application/json"];
    let paired = api.call("POST", "/api/auth/pair", &head, body.as_bytes()).is(200);
    assert_eq!(
        (&paired["username"], &paired["tokenName"]),
        (&json!("alice"), &json!("phone"))
    );
    api.call("POST", "/api/auth/pair", &head, body.as_bytes())
        .fails(401);
    let tokens = lab.llmux(["token", "list", "--json"]).json();
    assert_eq!(tokens[0]["expiresAt"], "2100-01-01T00:00:00.000Z");

    let log = lab.llmux(["logs", "list", "--limit", "500"]).ok();
    assert!(!log.contains(&code) && !log.contains("#pair="), "{log}");
    daemon.end();
}

/// Undoes what the link's writer does to a secret.
fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            u8::from_str_radix(&hex, 16).unwrap()
        } else {
            byte
        });
    }
    String::from_utf8(decoded).unwrap()
}

#[test]
fn there_is_a_reason_where_there_is_no_code() {
    let lab = Lab::new();
    let daemon = Foreground::start(&lab, &[]);
    let said = daemon.says("llmux user create NAME --admin");
    assert!(
        said.iter().any(|line| line.contains("/setup?token=")),
        "{said:#?}"
    );
    let log = lab.llmux(["logs", "list"]).ok();
    assert!(!log.contains("setup?token="), "{log}");
    daemon.end();

    admin(&lab, "alice");
    lab.llmux(["token", "create", "--username", "alice"]).ok();
    let daemon = Foreground::start(&lab, &["--qr-endpoint", "local"]);
    daemon.says("alice has signed in before");
    daemon.end();
    for (args, words, hint) in [
        (
            ["--qr-name", "x", "--qr-endpoint", "lan"],
            "no endpoint is \"lan\"",
            "there is local",
        ),
        (["--qr-name", "x", "--qr-owner", "bob"], "bob", ""),
        (["--qr-name", "x", "--qr-expiry", "soon"], "ISO-8601", ""),
    ] {
        let daemon = Foreground::start(&lab, &args);
        let said = daemon.says("no pairing code: ");
        assert!(said.last().unwrap().contains(words), "{said:#?}");
        if !hint.is_empty() {
            daemon.says(hint);
        }
        daemon.end();
    }
    lab.llmux(["server", "start", "--no-qr", "--qr-name", "x"])
        .fails(64);
}

#[test]
fn a_name_that_tailscale_serves_is_printed_and_answered() {
    let mut lab = Lab::new();
    let host = lab.host().to_owned();
    let status = json!({
        "TCP": {"443": {"HTTPS": true}, "8443": {"HTTPS": true}},
        "Web": {
            "box.tail1.ts.net:443": {"Handlers": {"/": {"Proxy": format!("http://{host}:3001")}}},
            "other.tail1.ts.net:8443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:9"}}},
        },
    });
    tailscale(
        &mut lab,
        &format!("test \"$*\" = 'serve status --json' && cat <<'END'\n{status}\nEND"),
    );
    let daemon = Foreground::start(&lab, &[]);
    let said = daemon.says("first user:");
    assert!(
        said.iter()
            .any(|line| line.contains("▸ Tailscale HTTPS  https://box.tail1.ts.net")),
        "{said:#?}"
    );
    assert!(
        said.last()
            .unwrap()
            .contains("https://box.tail1.ts.net/setup?token="),
        "{said:#?}"
    );
    let endpoints = &lab.status()["network"]["endpoints"];
    assert_eq!(
        endpoints[0],
        json!({"label": "Tailscale HTTPS", "url": "https://box.tail1.ts.net"})
    );
    let api = Api::network(&lab);
    let asked = |host: &str| {
        let request = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        api.raw(request.as_bytes()).unwrap().status
    };
    assert_eq!(asked("box.tail1.ts.net"), 200);
    assert_eq!(asked("other.tail1.ts.net"), 403);
    daemon.end();
    // One that hangs is not waited for for long.
    tailscale(&mut lab, "exec sleep 600");
    let daemon = Foreground::start(&lab, &[]);
    let said = daemon.says("first user:");
    assert!(!said.iter().any(|line| line.contains("Tailscale")), "{said:#?}");
    daemon.end();
}

#[test]
fn a_token_comes_with_a_picture_for_a_phone() {
    let lab = Lab::new();
    admin(&lab, "alice");
    let line = ["token", "create", "--username", "alice", "--qr", "--qr-endpoint"];
    let with = |endpoint: &str| lab.llmux([&line[..], &[endpoint]].concat());
    let said = with("https://box.example").ok();
    assert!(
        said.contains("https://box.example/#token=sas") && said.contains("████"),
        "{said}"
    );
    // The daemon serves no network, but it is known where it would.
    let said = with("local").ok();
    assert!(
        said.contains(&format!("http://{}:3001/#token=", lab.host())),
        "{said}"
    );
    let said = with("lan").fails(1);
    assert!(said.contains("hint: there is local"), "{said}");
    let said = lab
        .llmux(["token", "create", "--username", "alice", "--qr", "--port", "80"])
        .ok();
    assert!(
        said.contains(&format!("http://{}:80/#token=", lab.host())),
        "{said}"
    );
}
