//! Saved sign-ins, and tokens, on daemons over the network: what they trust, how they end, and who may make them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

use serde_json::{Value, json};

use crate::{
    lab::{LLMUX, Lab, Run},
    network::{ends, foreground},
    users::{Network, with_users},
};

const FILE: &str = ".config/llmux/credentials.json";

fn saved(lab: &Lab) -> Value {
    serde_json::from_slice(&fs::read(lab.path(FILE)).unwrap()).unwrap()
}

/// A user's new token.
fn token(lab: &Lab, username: &str, more: &[&str]) -> String {
    let args = [&["token", "create", "--username", username, "--json"], more].concat();
    lab.llmux(args).json()["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_sign_in_remembers_the_pin_and_is_forgotten_only_when_its_token_is_revoked() {
    let lab = with_users();
    let daemon = foreground(&lab, &["--tls"]);
    let pin = lab.status()["network"]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let server = format!("https://{}:3001", lab.host());
    let sign_in = |more: &[&str]| {
        let args = ["auth", "login", "alice", "--profile", "far", "--server", &server];
        lab.llmux([&args[..], more].concat())
    };
    assert!(sign_in(&[]).fails(69).contains("--pin"));
    sign_in(&["--pin", &pin]).ok();
    assert_eq!(saved(&lab)["profiles"]["far"]["pin"], *pin);
    let list = |more: &[&str]| lab.llmux([&["session", "list", "--profile", "far"], more].concat());
    list(&[]).ok();
    // The one that is given is the one that counts.
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(list(&["--pin", &other]).fails(69).contains("another certificate"));
    // It counts for the next sign-in there, too.
    sign_in(&[]).ok();
    assert_eq!(saved(&lab)["profiles"]["far"]["pin"], *pin);

    let logout = |more: &[&str]| lab.llmux([&["auth", "logout", "--profile", "far"], more].concat());
    let said = logout(&["--pin", &other]).fails(69);
    for part in [
        "the profile far is kept: its token could not be revoked: no safe connection to https://",
        "--pin",
        "hint: to forget it all the same, while the token stays good: llmux auth logout --no-revoke --profile far",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let before = fs::read(lab.path(FILE)).unwrap();
    list(&[]).ok();
    assert_eq!(logout(&[]).ok(), "signed out (profile: far)\n");
    // A token that the daemon does not know any more has ended.
    fs::write(lab.path(FILE), &before).unwrap();
    assert!(list(&[]).fails(1).contains("invalid token"));
    logout(&[]).ok();
    ends(daemon);
    // Nobody is there to revoke it.
    fs::write(lab.path(FILE), &before).unwrap();
    assert!(logout(&[]).fails(69).contains("could not be revoked"));
    logout(&["--no-revoke"]).ok();
    assert_eq!(saved(&lab)["profiles"], json!({}));
}

#[test]
fn nothing_goes_out_in_clear_where_a_certificate_was_named_or_the_port_is_none() {
    let lab = Lab::new();
    let list = |server: &str, more: &[&str]| {
        let args = ["session", "list", "--token", "sas_a.b", "--server", server];
        lab.llmux([&args[..], more].concat())
    };
    let here = TcpListener::bind((lab.host(), 0)).unwrap();
    here.set_nonblocking(true).unwrap();
    let server = format!("http://{}", here.local_addr().unwrap());
    let pin = format!("sha256:{}", "0f".repeat(32));
    let by_env = |name: &str, value: &str| {
        let mut command = lab.command(LLMUX);
        command
            .args(["session", "list", "--token", "sas_a.b", "--server", &server])
            .env(name, value);
        Run::from(command.output().unwrap())
    };
    for (run, what) in [
        (list(&server, &["--pin", &pin]), "--pin (LLMUX_PIN)"),
        (by_env("LLMUX_PIN", &pin), "--pin (LLMUX_PIN)"),
        (list(&server, &["--ca-file", "/ca"]), "--ca-file (LLMUX_CA_FILE)"),
        (by_env("LLMUX_CA_FILE", "/ca"), "--ca-file (LLMUX_CA_FILE)"),
    ] {
        let said = run.fails(64);
        let wanted = format!("llmux: {what} needs https://, not {server}\nhint: write https://");
        assert!(said.starts_with(&wanted), "{said}");
    }
    for server in ["http://127.0.0.1:99999", "http://127.0.0.1:"] {
        let said = list(server, &[]).fails(64);
        assert!(said.contains("the port must be 1 to 65535"), "{said}");
    }
    let knock = here.accept().unwrap_err();
    assert_eq!(knock.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_is_no_llmux_daemon_is_said_to_be_none() {
    let lab = with_users();
    let token = token(&lab, "alice", &[]);
    let daemon = foreground(&lab, &["--tls"]);
    let list = |server: &str| lab.llmux(["session", "list", "--token", &token, "--server", server]);
    let said = list(&format!("http://{}:3001", lab.host())).fails(69);
    assert!(
        said.contains("speaks no HTTP") && said.contains("hint: does it speak https:// rather than http://?"),
        "{said}"
    );
    ends(daemon);

    let web = TcpListener::bind((lab.host(), 0)).unwrap();
    let address = web.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (stream, _) = web.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        let page = "<!DOCTYPE HTML>\n<title>Error</title>";
        let length = page.len();
        let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {length}\r\n\r\n{page}");
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
    });
    assert_eq!(
        list(&format!("http://{address}")).fails(1),
        "llmux: 404 Not Found\nhint: is an llmux daemon at that address?\n"
    );
    serving.join().unwrap();

    let daemon = foreground(&lab, &[]);
    let said = list(&format!("http://{}:3001/foo", lab.host())).fails(1);
    assert!(
        said.contains("/foo/api/sessions") && said.contains("hint: does the server's address end right"),
        "{said}"
    );
    ends(daemon);
}

#[test]
fn whoami_asks_the_server_that_is_named() {
    let lab = with_users();
    let network = Network::serve(&lab);
    let url = network.url();
    let limited = token(&lab, "alice", &["--scope", "dev-*:watch,prompt"]);
    let ask = |token: &str, more: &[&str]| {
        let mut command = lab.command(LLMUX);
        command.args([&["auth", "whoami"], more].concat());
        command.env("LLMUX_SERVER", &url).env("LLMUX_TOKEN", token);
        Run::from(command.output().unwrap())
    };
    let id = limited.strip_prefix("sas_").unwrap().split_once('.').unwrap().0;
    assert_eq!(
        ask(&limited, &[]).ok(),
        format!(
            "server : {url}\nuser   : alice\nrole   : user\ntoken  : {id}\nmay    : watch, prompt\n\
             scopes : dev-*:watch,prompt\n"
        )
    );
    let root = ask(&token(&lab, "root", &[]), &["--json"]).json();
    assert_eq!(
        (&root["serverUrl"], &root["username"], &root["role"]),
        (&json!(url), &json!("root"), &json!("admin"))
    );
    assert!(ask("sas_a.b", &[]).fails(1).contains("invalid token"));
    // A profile is what this host knows of it.
    assert!(ask(&limited, &["--profile", "x"]).fails(1).contains("no profile"));
}

#[test]
fn only_an_admin_makes_tokens_for_others_and_refusals_say_what_to_do() {
    let lab = with_users();
    let network = Network::serve(&lab);
    let alice = token(&lab, "alice", &[]);
    let limited = token(&lab, "alice", &["--scope", "dev-*:watch"]);
    let url = network.url();
    let run = |token: &str, args: &[&str]| {
        let whereto = ["--server", &url, "--token", token];
        lab.llmux([args, &whereto].concat())
    };
    let said = run(&alice, &["token", "create", "--username", "root"]).fails(1);
    assert!(
        said.contains("only an admin makes tokens for others\nhint: "),
        "{said}"
    );
    for args in [
        &["token", "create"][..],
        &["token", "create", "--username", "alice"],
    ] {
        assert!(run(&alice, args).ok().contains("for alice"), "{args:?}");
    }
    for (token, args, refusal) in [
        (&alice, &["user", "list"][..], "admin only"),
        (
            &alice,
            &["logs", "list"],
            "this credential does not allow admin everywhere",
        ),
        (&limited, &["token", "list"], "this token is limited to sessions"),
        (
            &limited,
            &["session", "stop", "dev-1"],
            "this credential does not allow manage on session \"dev-1\"",
        ),
    ] {
        let said = run(token, args).fails(1);
        assert!(said.contains(&format!("{refusal}\nhint: ")), "{said}");
    }
    let said = lab.llmux(["man", "--dir", "/proc/nope"]).fails(1);
    assert!(said.contains("/proc/nope") && said.contains("\nhint: "), "{said}");
}
