//! Users, tokens and saved sign-ins by the command line, as their owner uses them on the daemon's host.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::lab::Lab;

const PASSPHRASE: &str = "correct horse";

fn with_users() -> Lab {
    let mut lab = Lab::new();
    lab.set("LLMUX_PASSPHRASE", PASSPHRASE);
    assert_eq!(lab.llmux(["user", "create", "root", "--admin", "--name", "The Boss"]).ok(), "user created: root (admin)\n");
    assert_eq!(lab.llmux(["user", "create", "alice"]).ok(), "user created: alice\n");
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
    assert!(lines.next().unwrap().starts_with("root      The Boss  yes    20"), "{list}");
    let json = lab.llmux(["user", "list", "--json"]).json();
    assert_eq!((&json[1]["username"], &json[1]["admin"]), (&json!("alice"), &json!(false)));
    assert!(lab.llmux(["user", "create", "alice"]).fails(1).contains("username 'alice' already exists"));
    assert!(lab.llmux(["user", "create", "Alice"]).fails(1).contains("lowercase"));
    assert!(lab.llmux(["user", "delete", "alice"]).fails(1).contains("hint: add --yes"));
    assert!(lab.llmux(["user", "delete", "root", "--yes"]).fails(1).contains("cannot delete the last admin"));
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
    assert!(users[0]["passphraseHash"].as_str().unwrap().starts_with("scrypt$131072$"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let record = fs::read_to_string(lab.path("state/llmuxd/audit.jsonl")).unwrap();
    assert!(record.contains("\"who\":\"(owner)\"") && !record.contains(PASSPHRASE), "{record}");
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_pipe_and_is_refused_without() {
    let lab = Lab::new();
    fs::write(lab.path("work/secret"), "a long enough one\n").unwrap();
    lab.llmux(["user", "create", "a", "--passphrase-file", "secret"]).ok();
    lab.llmux_reads(b"another long one\n", ["user", "create", "b", "--passphrase-file", "-"])
        .ok();
    let run = lab.llmux(["user", "create", "c", "--passphrase", "on the command line"]);
    assert!(run.stderr.starts_with("warning: other users of this host can see"), "{run}");
    run.ok();
    assert!(lab.llmux(["user", "create", "d"]).fails(1).contains("hint: set LLMUX_PASSPHRASE"));
    assert!(lab.llmux(["user", "create", "d", "--passphrase", "short"]).stderr.contains("at least 8 characters"));
}

#[test]
fn tokens_are_shown_once_and_revoked_by_ids_of_any_look() {
    let lab = with_users();
    let made = lab.llmux(["token", "create", "--username", "alice", "--name", "phone"]).ok();
    let value = made.lines().nth(2).unwrap().trim().to_owned();
    let id = value.strip_prefix("sas_").unwrap().split_once('.').unwrap().0.to_owned();
    assert!(made.starts_with(&format!("token created (id: {id}) \"phone\" for alice\n\n  sas_")), "{made}");
    let limited = ["token", "create", "--username", "root", "--scope", "dev-*:watch,prompt", "--expiry", "2099-01-01"];
    lab.llmux(limited).ok();
    let list = lab.llmux(["token", "list"]).ok();
    assert!(list.starts_with("ID                USER   NAME"), "{list}");
    assert!(list.contains("2099-01-01T00:00:00.000Z  dev-*:watch,prompt"), "{list}");
    assert!(!list.contains(&value));
    let own = lab.llmux(["token", "list", "--user", "alice", "--json"]).json();
    assert_eq!((own.as_array().unwrap().len(), &own[0]["name"]), (1, &json!("phone")));
    assert_eq!(lab.llmux(["token", "rename", &id, "--name", "old phone"]).ok(), format!("renamed {id} → \"old phone\"\n"));
    assert!(lab.llmux(["token", "create"]).fails(1).contains("username required"));
    assert!(lab.llmux(["token", "create", "--username", "nobody"]).fails(1).contains("user 'nobody' not found"));
    assert!(lab.llmux(["token", "revoke", "-x", "--yes"]).fails(1).contains("token not found"));
    assert_eq!(lab.llmux(["token", "revoke", &id, "--yes"]).ok(), format!("revoked {id} (was owned by alice)\n"));
    assert_eq!(lab.llmux(["token", "revoke", "--all", "--user", "alice", "--yes"]).ok(), "revoked 0 tokens\n");
    assert_eq!(lab.llmux(["token", "revoke", "--all", "--yes"]).ok(), "revoked 1 token\n");
}

#[test]
fn a_sign_in_is_saved_named_and_forgotten_and_its_token_never_printed() {
    let lab = with_users();
    let socket = format!("unix:{}", lab.status()["socket"].as_str().unwrap());
    assert!(lab.llmux(["auth", "login", "alice"]).fails(1).contains("no server was named"));
    let signed = lab.llmux(["auth", "login", "alice", "--server", &socket, "--profile", "here", "--json"]).json();
    assert_eq!((&signed["ok"], &signed["username"], &signed["profileName"]), (&json!(true), &json!("alice"), &json!("here")));
    let file = lab.path(".config/llmux/credentials.json");
    let saved: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let token = saved["profiles"]["here"]["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("sas_") && saved["version"] == 1 && saved["active"] == "here", "{saved}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for args in [&["auth", "whoami"][..], &["auth", "whoami", "--json"], &["auth", "list"], &["auth", "list", "--json"]] {
        let said = lab.llmux(args).ok();
        assert!(said.contains("here") && said.contains("alice") && !said.contains(&token), "{said}");
    }
    assert!(lab.llmux(["auth", "use", "nowhere"]).fails(1).contains("no profile \"nowhere\" is saved"));
    assert_eq!(lab.llmux(["auth", "use", "here"]).ok(), "active profile: here\n");
    // Every verb takes a profile; without one a command stays on this host.
    lab.llmux(["session", "list", "--profile", "here"]).ok();
    lab.llmux(["session", "list"]).ok();
    let mut wrong = lab.command(crate::lab::LLMUX);
    wrong.args(["auth", "login", "alice", "--json", "--server", &socket]).env("LLMUX_PASSPHRASE", "not it at all");
    let wrong = wrong.output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(said, json!({"ok": false, "error": "invalid credentials"}));
    assert_eq!(lab.llmux(["auth", "logout"]).ok(), "signed out (profile: here)\n");
    assert!(lab.llmux(["auth", "whoami"]).fails(1).contains("nobody is signed in"));
}
