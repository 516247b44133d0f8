//! Users, tokens and saved sign-ins by the command line, as their owner uses them on the daemon's host.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Child,
};

use serde_json::json;

use crate::{
    http::Api,
    lab::{Lab, eventually, signal},
};

const PASSPHRASE: &str = "correct horse";

pub(crate) fn with_users() -> Lab {
    let mut lab = Lab::new();
    lab.set("LLMUX_PASSPHRASE", PASSPHRASE);
    assert_eq!(
        lab.llmux(["user", "create", "root", "--admin", "--name", "The Boss"])
            .ok(),
        "user created: root (admin)\n"
    );
    assert_eq!(
        lab.llmux(["user", "create", "alice"]).ok(),
        "user created: alice\n"
    );
    lab
}

#[test]
fn users_are_made_listed_and_removed() {
    let lab = with_users();
    let list = lab.llmux(["user", "list"]).ok();
    let mut lines = list.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["USERNAME", "NAME", "ADMIN", "CREATED"]
    );
    assert!(
        lines.next().unwrap().starts_with("root      The Boss  yes    20"),
        "{list}"
    );
    let json = lab.llmux(["user", "list", "--json"]).json();
    assert_eq!(
        (&json[1]["username"], &json[1]["admin"]),
        (&json!("alice"), &json!(false))
    );
    assert!(
        lab.llmux(["user", "create", "alice"])
            .fails(1)
            .contains("username 'alice' already exists")
    );
    assert!(
        lab.llmux(["user", "create", "Alice"])
            .fails(1)
            .contains("lowercase")
    );
    assert!(
        lab.llmux(["user", "delete", "alice"])
            .fails(1)
            .contains("hint: add --yes")
    );
    assert!(
        lab.llmux(["user", "delete", "root", "--yes"])
            .fails(1)
            .contains("cannot delete the last admin")
    );
    for verb in [
        &["delete", "nosuch", "--yes"][..],
        &["reset-passphrase", "nosuch"],
    ] {
        let said = lab.llmux([&["user"], verb].concat()).fails(1);
        assert_eq!(
            said,
            "llmux: user 'nosuch' not found\nhint: see who there is: llmux user list\n"
        );
    }
    lab.llmux(["token", "create", "--username", "alice"]).ok();
    assert_eq!(
        lab.llmux(["user", "reset-passphrase", "alice"]).ok(),
        "passphrase reset: alice (1 token revoked)\n"
    );
    assert_eq!(
        lab.llmux(["user", "delete", "alice", "--yes"]).ok(),
        "user deleted: alice (0 tokens revoked)\n"
    );
    let file = lab.path(".local/share/llmux/v2/users.json");
    let users: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 1);
    assert!(
        users[0]["passphraseHash"]
            .as_str()
            .unwrap()
            .starts_with("scrypt$131072$")
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let record = fs::read_to_string(lab.path("state/llmuxd/audit.jsonl")).unwrap();
    assert!(
        record.contains("\"who\":\"(owner)\"") && !record.contains(PASSPHRASE),
        "{record}"
    );
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_pipe_and_is_refused_without() {
    let lab = Lab::new();
    fs::write(lab.path("work/secret"), "a long enough one\n").unwrap();
    lab.llmux(["user", "create", "a", "--passphrase-file", "secret"])
        .ok();
    lab.llmux_reads(
        b"another long one\n",
        ["user", "create", "b", "--passphrase-file", "-"],
    )
    .ok();
    let run = lab.llmux(["user", "create", "c", "--passphrase", "on the command line"]);
    assert!(
        run.stderr
            .starts_with("warning: other users of this host can see"),
        "{run}"
    );
    run.ok();
    assert!(
        lab.llmux(["user", "create", "d"])
            .fails(1)
            .contains("hint: set LLMUX_PASSPHRASE")
    );
    assert!(
        lab.llmux(["user", "create", "d", "--passphrase", "short"])
            .stderr
            .contains("at least 8 characters")
    );
}

#[test]
fn tokens_are_shown_once_and_revoked_by_ids_of_any_look() {
    let lab = with_users();
    let made = lab
        .llmux(["token", "create", "--username", "alice", "--name", "phone"])
        .ok();
    let value = made.lines().nth(2).unwrap().trim().to_owned();
    let id = value
        .strip_prefix("sas_")
        .unwrap()
        .split_once('.')
        .unwrap()
        .0
        .to_owned();
    assert!(
        made.starts_with(&format!("token created (id: {id}) \"phone\" for alice\n\n  sas_")),
        "{made}"
    );
    let limited = [
        "token",
        "create",
        "--username",
        "root",
        "--scope",
        "dev-*:watch,prompt",
        "--expiry",
        "2099-01-01",
    ];
    lab.llmux(limited).ok();
    let list = lab.llmux(["token", "list"]).ok();
    assert!(list.starts_with("ID                USER   NAME"), "{list}");
    assert!(
        list.contains("2099-01-01T00:00:00.000Z  dev-*:watch,prompt"),
        "{list}"
    );
    assert!(!list.contains(&value));
    let own = lab.llmux(["token", "list", "--user", "alice", "--json"]).json();
    assert_eq!(
        (own.as_array().unwrap().len(), &own[0]["name"]),
        (1, &json!("phone"))
    );
    assert_eq!(
        lab.llmux(["token", "rename", &id, "--name", "old phone"]).ok(),
        format!("renamed {id} → \"old phone\"\n")
    );
    assert!(
        lab.llmux(["token", "create"])
            .fails(64)
            .contains("--username is missing")
    );
    let said = lab
        .llmux(["token", "create", "--username", "alice", "--expiry", "yesterday"])
        .fails(64);
    assert!(
        said.contains("'yesterday' for '--expiry <WHEN>': write for example 2030-01-01"),
        "{said}"
    );
    assert!(
        lab.llmux(["token", "create", "--username", "nobody"])
            .fails(1)
            .contains("user 'nobody' not found")
    );
    assert!(
        lab.llmux(["token", "revoke", "-x", "--yes"])
            .fails(1)
            .contains("no token with id \"-x\"\nhint: see which there are: llmux token list")
    );
    assert_eq!(
        lab.llmux(["token", "revoke", &id, "--yes"]).ok(),
        format!("revoked {id} (was owned by alice)\n")
    );
    assert_eq!(
        lab.llmux(["token", "revoke", "--all", "--user", "alice", "--yes"])
            .ok(),
        "revoked 0 tokens\n"
    );
    assert_eq!(
        lab.llmux(["token", "revoke", "--all", "--yes"]).ok(),
        "revoked 1 token\n"
    );
}

#[test]
fn a_sign_in_is_saved_named_and_forgotten_and_its_token_never_printed() {
    let lab = with_users();
    let socket = format!("unix:{}", lab.status()["socket"].as_str().unwrap());
    assert!(
        lab.llmux(["auth", "login", "alice"])
            .fails(1)
            .contains("no server was named")
    );
    let signed = lab
        .llmux([
            "auth",
            "login",
            "alice",
            "--server",
            &socket,
            "--profile",
            "here",
            "--json",
        ])
        .json();
    assert_eq!(
        (&signed["ok"], &signed["username"], &signed["profileName"]),
        (&json!(true), &json!("alice"), &json!("here"))
    );
    let file = lab.path(".config/llmux/credentials.json");
    let saved: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let token = saved["profiles"]["here"]["token"].as_str().unwrap().to_owned();
    assert!(
        token.starts_with("sas_") && saved["version"] == 1 && saved["active"] == "here",
        "{saved}"
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for args in [
        &["auth", "whoami"][..],
        &["auth", "whoami", "--json"],
        &["auth", "list"],
        &["auth", "list", "--json"],
    ] {
        let said = lab.llmux(args).ok();
        assert!(
            said.contains("here") && said.contains("alice") && !said.contains(&token),
            "{said}"
        );
    }
    assert!(
        lab.llmux(["auth", "use", "nowhere"])
            .fails(1)
            .contains("no profile \"nowhere\" is saved")
    );
    assert_eq!(lab.llmux(["auth", "use", "here"]).ok(), "active profile: here\n");
    // Every verb takes a profile; without one a command stays on this host.
    lab.llmux(["session", "list", "--profile", "here"]).ok();
    lab.llmux(["session", "list"]).ok();
    let mut wrong = lab.command(crate::lab::LLMUX);
    wrong
        .args(["auth", "login", "alice", "--json", "--server", &socket])
        .env("LLMUX_PASSPHRASE", "not it at all");
    let wrong = wrong.output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(said, json!({"ok": false, "error": "invalid credentials"}));
    assert_eq!(lab.llmux(["auth", "logout"]).ok(), "signed out (profile: here)\n");
    assert_eq!(lab.llmux(["token", "list"]).ok(), "no tokens\n");
    assert!(
        lab.llmux(["auth", "whoami"])
            .fails(1)
            .contains("nobody is signed in")
    );
}

/// A daemon that serves the network, until this is dropped.
pub(crate) struct Network<'a> {
    lab: &'a Lab,
    daemon: Child,
}

impl<'a> Network<'a> {
    pub(crate) fn serve(lab: &'a Lab) -> Self {
        let daemon = lab.spawn(["server", "start"]);
        eventually("the network is served", || {
            TcpStream::connect((lab.host(), 3001)).ok()
        });
        Self { lab, daemon }
    }

    pub(crate) fn api(&self) -> Api {
        Api::network(self.lab)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}:3001", self.lab.host())
    }

    /// Sends a request's head and body; says the status and the whole answer.
    fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect((self.lab.host(), 3001)).unwrap();
        let length = body.len();
        let request = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("no answer to {head}"));
        (status.parse().unwrap(), answer)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        signal(self.daemon.id(), "TERM");
        let _ = self.daemon.wait();
    }
}

#[test]
fn over_the_network_everybody_needs_a_credential_and_nothing_ends_the_daemon() {
    let lab = with_users();
    let made = lab
        .llmux(["token", "create", "--username", "alice", "--json"])
        .json();
    let token = made["value"].as_str().unwrap();
    let network = Network::serve(&lab);
    let get = |path: &str, headers: &str| network.ask(&format!("GET {path} HTTP/1.1\r\n{headers}"), "").0;
    let bearer = format!("host: localhost\r\nauthorization: Bearer {token}");
    for (path, headers, status) in [
        ("/health", "host: localhost", 200),
        ("/api/sessions", "host: localhost", 401),
        ("/api/sessions", &bearer, 200),
        (
            "/api/sessions",
            &format!("host: localhost\r\ncookie: llmux_session={token}"),
            200,
        ),
        ("/api/sessions", "host: localhost\r\ncookie: llmux_session=%", 401),
        ("/api/sessions", &bearer.replace("localhost", "evil.example"), 403),
        ("/api/sessions", &bearer.replace("localhost", "a b"), 400),
        (
            "/api/sessions",
            &format!("{bearer}\r\norigin: http://evil.example"),
            403,
        ),
        ("//", &bearer, 404),
        ("/api/sessions/%/screen", &bearer, 404),
        ("/api/sessions/%ff", &bearer, 400),
        ("/api/logs", &bearer, 403),
        ("/api/settings", &bearer, 403),
        ("/api/admin/users", &bearer, 403),
    ] {
        assert_eq!(get(path, headers), status, "{path} {headers}");
    }
    let (status, answer) = network.ask(&format!("POST /api/daemon/stop HTTP/1.1\r\n{bearer}"), "");
    assert_eq!(status, 403, "{answer}");
    let login = "POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let (status, answer) = network.ask(
        login,
        &json!({"username": "alice", "passphrase": PASSPHRASE}).to_string(),
    );
    assert!(
        status == 200 && answer.contains("set-cookie: llmux_session=sas_"),
        "{answer}"
    );
    assert!(
        answer.contains("content-security-policy: ") && answer.contains("cache-control: no-store"),
        "{answer}"
    );
    assert_eq!(
        lab.llmux(["server", "status", "--json"]).json()["pid"],
        network.daemon.id()
    );
}

#[test]
fn a_sign_in_over_the_network_serves_every_verb_until_it_is_revoked() {
    let lab = with_users();
    let network = Network::serve(&lab);
    let url = network.url();
    lab.llmux(["auth", "login", "root", "--server", &url, "--profile", "far"])
        .ok();
    lab.llmux(["session", "list", "--profile", "far"]).ok();
    // The saved token goes to the server it was saved for.
    lab.llmux(["session", "list", "--server", &url]).ok();
    assert_eq!(
        lab.llmux(["user", "list", "--profile", "far", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let file = fs::read(lab.path(".config/llmux/credentials.json")).unwrap();
    lab.llmux(["auth", "logout"]).ok();
    fs::write(lab.path(".config/llmux/credentials.json"), file).unwrap();
    assert!(
        lab.llmux(["session", "list", "--profile", "far"])
            .fails(1)
            .contains("invalid token")
    );
    assert!(
        lab.llmux(["session", "list", "--server", &url, "--token", "x"])
            .fails(1)
            .contains("invalid token")
    );
}

#[test]
fn the_first_user_is_made_by_the_link_that_the_daemon_prints() {
    let lab = Lab::new();
    let mut network = Network::serve(&lab);
    let stderr = BufReader::new(network.daemon.stderr.take().unwrap());
    let link = stderr
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("/setup?token=")
                .map(|(_, token)| token.to_owned())
        })
        .unwrap();
    let setup = |token: &str| {
        let head = "POST /api/setup HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        let body = json!({"setupToken": token, "name": "Boss", "username": "boss", "passphrase": PASSPHRASE});
        network.ask(head, &body.to_string())
    };
    assert_eq!(setup("not it").0, 400);
    let (status, answer) = setup(&link);
    assert!(status == 200 && !answer.contains("secretHash"), "{answer}");
    assert_eq!(setup(&link).0, 400);
    assert_eq!(lab.llmux(["user", "list", "--json"]).json()[0]["admin"], true);
}
