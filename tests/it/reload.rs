//! A configuration that changes while the daemon runs, by hand and by the Settings page.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    http::Api,
    lab::{Lab, signal, until},
};

fn settings(lab: &Lab) -> Value {
    Api::of(lab).get("/api/settings").is(200)
}

fn overlay(lab: &Lab) -> PathBuf {
    lab.path(".config/llmux/overrides.yaml")
}

fn agents(lab: &Lab) -> Vec<String> {
    let all = lab.llmux(["agent", "list", "--all", "--json"]).json();
    let keys = all.as_array().unwrap().iter();
    keys.map(|agent| agent["key"].as_str().unwrap().to_owned())
        .collect()
}

fn warnings(lab: &Lab) -> String {
    lab.status()["warnings"].to_string()
}

fn logged(lab: &Lab, words: &str) -> bool {
    lab.llmux(["logs", "list"]).ok().contains(words)
}

#[test]
fn a_file_that_is_written_is_in_effect_without_a_restart() {
    let lab = Lab::new();
    // Nothing is there yet: neither the file nor its directory.
    lab.llmux(["session", "list"]).ok();
    let pid = lab.daemon();
    lab.config(
        "initPrompts: [one]\nserver: {allowedHosts: [box.example]}\n\
         agents: {mine: {cmd: /bin/cat}}\nsessions: [{name: kept, agent: mine, restart: always}]\n",
    );
    until("the new agent is known", || {
        agents(&lab).contains(&"mine".to_owned())
    });
    assert_eq!(settings(&lab)["daemonInitPrompts"], json!(["one"]));
    lab.is("kept", "running");
    until("it is said", || {
        logged(&lab, "another configuration is in effect")
            && logged(&lab, "server, agents, sessions, initPrompts")
    });
    assert_eq!(lab.daemon(), pid);
    // Another way to replace a file: as editors do.
    let draft = lab.path("draft");
    fs::write(&draft, "initPrompts: [two]\n").unwrap();
    fs::rename(&draft, lab.path(".config/llmux/config.yaml")).unwrap();
    until("the next one is in effect", || {
        settings(&lab)["daemonInitPrompts"] == json!(["two"])
    });
    assert!(!agents(&lab).contains(&"mine".to_owned()));
    // What is no longer planned runs on, and is left alone.
    lab.is("kept", "running");
}

#[test]
fn what_counts_only_from_the_next_start_is_said() {
    let lab = Lab::new();
    lab.config("server: {port: 4000}\n");
    lab.llmux(["session", "list"]).ok();
    lab.config("server: {port: 4001}\n");
    until("it is said", || {
        warnings(&lab).contains("server.port has changed")
    });
    fs::create_dir_all(lab.path("config/llmux")).unwrap();
    fs::write(lab.path("config/llmux/.env"), "LLMUXD_PORT=4002\n").unwrap();
    until("it is said of the variables, too", || {
        warnings(&lab).contains(".env has changed")
    });
    lab.config("server: {port: 4000}\n");
    until("what is as it was is not said", || {
        !warnings(&lab).contains("server.port")
    });
}

#[test]
fn a_file_that_cant_be_used_changes_nothing_and_is_said() {
    let lab = Lab::new();
    lab.config("initPrompts: [good]\n");
    lab.llmux(["session", "list"]).ok();
    lab.config("initPromps: [bad]\n");
    until("its line is named", || {
        warnings(&lab).contains("config.yaml:1:1") && warnings(&lab).contains("initPrompts")
    });
    assert_eq!(settings(&lab)["daemonInitPrompts"], json!(["good"]));
    assert!(logged(&lab, "can't be used"));
    assert!(
        lab.llmux(["server", "status"])
            .ok()
            .contains("warning   the configuration as it was")
    );
    lab.config("initPrompts: [mended]\n");
    until("it is mended", || {
        settings(&lab)["daemonInitPrompts"] == json!(["mended"])
    });
    assert_eq!(warnings(&lab), "[]");
}

#[test]
fn a_file_that_is_away_or_a_pipe_changes_nothing_and_holds_nobody_up() {
    let lab = Lab::new();
    lab.config("initPrompts: [good]\n");
    lab.llmux(["session", "list"]).ok();
    let file = lab.path(".config/llmux/config.yaml");
    fs::remove_file(&file).unwrap();
    until("it is missed", || {
        warnings(&lab).contains("there is no configuration file")
    });
    fs::write(&file, "").unwrap();
    until("it says nothing", || warnings(&lab).contains("is empty"));
    fs::remove_file(&file).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    until("it is a pipe", || warnings(&lab).contains("no regular file"));
    let now = settings(&lab);
    assert_eq!(now["daemonInitPrompts"], json!(["good"]));
    let put = Api::of(&lab).send(
        "PUT",
        "/api/settings/init-prompts",
        &json!({ "initPrompts": ["x"] }),
    );
    assert_eq!(put.fails(500), "state");
    lab.llmux(["server", "stop"]).ok();
}

#[test]
fn a_reload_says_what_became_of_it() {
    let lab = Lab::new();
    lab.config("initPrompts: [good]\n");
    lab.llmux(["session", "list"]).ok();
    assert!(
        lab.llmux(["server", "reload"])
            .ok()
            .contains("nothing has changed")
    );
    lab.config("initPrompts: [good]\nserver: {port: many}\n");
    let said = lab.llmux(["server", "reload"]).fails(1);
    assert!(
        said.contains("config.yaml:2:16: server.port is \"many\"") && said.contains("still in effect"),
        "{said}"
    );
    lab.config("initPrompts: [good]\nagents: {none: {flags: x}}\n");
    let run = lab.llmux(["server", "reload"]);
    assert!(run.code == 0 && run.stdout.starts_with("in effect"), "{run}");
    assert!(run.stderr.contains("agents.none is no known agent"), "{run}");
}

#[test]
fn sighup_reads_again_what_no_watcher_sees() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let pid = lab.daemon().unwrap();
    signal(pid, "HUP");
    until("it is said", || {
        logged(&lab, "nothing in the configuration has changed")
    });
    assert_eq!(lab.daemon(), Some(pid));
}

#[test]
fn the_settings_page_writes_an_overlay_and_never_the_operators_file() {
    let lab = Lab::new();
    let base = "# mine\ninitPrompts: [base]   # as it is\nturnq: {apiKey: s3cret}\n";
    fs::write(lab.path("work/other.yaml"), base).unwrap();
    let mut daemon = lab.spawn(["server", "start", "--config", "other.yaml"]);
    until("it serves", || lab.daemon() == Some(daemon.id()));
    let api = Api::of(&lab);
    let prompts = json!(["first line\n  second: {x}\n# third", "- 'two'   ", "  "]);
    let done = api
        .send(
            "PUT",
            "/api/settings/init-prompts",
            &json!({ "initPrompts": prompts }),
        )
        .is(200);
    let kept = json!(["first line\n  second: {x}\n# third", "- 'two'"]);
    assert_eq!(
        done,
        json!({ "ok": true, "initPrompts": kept, "overlayActive": true })
    );
    let wish = json!({ "enabled": 1, "url": "  ", "maxHoldMs": 30_000.9 });
    let done = api.send("PUT", "/api/settings/turnq", &wish).is(200);
    assert_eq!(
        done["turnq"],
        json!({ "enabled": true, "url": null, "mode": "local", "maxHoldMs": 30_000 })
    );
    let endless = json!({ "enabled": true, "maxHoldMs": u64::MAX });
    assert_eq!(
        api.send("PUT", "/api/settings/turnq", &endless).fails(400),
        "bad_request"
    );
    let off = api.send("PUT", "/api/settings/turnq", &json!({ "enabled": false }));
    assert_eq!(
        off.is(200)["turnq"],
        json!({ "enabled": false, "url": null, "mode": "local", "maxHoldMs": 300_000 })
    );
    api.send("PUT", "/api/settings/turnq", &wish).is(200);
    // Both are there, the operator's file is as it was, and still the one that is read.
    let now = settings(&lab);
    assert_eq!(now["daemonInitPrompts"], kept);
    assert_eq!(now["overlayText"], fs::read_to_string(overlay(&lab)).unwrap());
    assert!(!now["overlayText"].as_str().unwrap().contains("s3cret"));
    assert!(now["configSource"].as_str().unwrap().ends_with("work/other.yaml"));
    assert_eq!(fs::read_to_string(lab.path("work/other.yaml")).unwrap(), base);
    // A session that starts now is given the new prompts, whole; the marker's own prompt follows.
    lab.llmux(["session", "start", "demo", "--name", "d", "--wait-ready"])
        .ok();
    let turns = lab.llmux(["session", "turns", "d", "--json"]).json();
    let typed: Vec<_> = turns
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| &turn["prompt"]["lines"])
        .collect();
    assert_eq!(typed.len(), 3, "{turns}");
    // Deleted is reverted.
    fs::remove_file(overlay(&lab)).unwrap();
    until("it is reverted", || {
        let now = settings(&lab);
        now["overlayActive"] == false
            && now["daemonInitPrompts"] == json!(["base"])
            && now["turnq"]["enabled"] == false
    });
    signal(daemon.id(), "TERM");
    daemon.wait().unwrap();
}

#[test]
fn what_cant_be_used_is_not_written() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let api = Api::of(&lab);
    let put = |path: &str, body: Value| api.send("PUT", path, &body);
    assert_eq!(
        put("/api/settings/init-prompts", json!({ "initPrompts": "one" })).fails(400),
        "bad_request"
    );
    assert_eq!(
        put("/api/settings/init-prompts", json!({})).fails(400),
        "bad_request"
    );
    let wrong = json!({ "enabled": true, "url": "https://user:pw@example.org" });
    assert_eq!(put("/api/settings/turnq", wrong).fails(400), "bad_request");
    for wrong in [
        json!({ "enabled": false, "url": "https://user:pw@example.org" }),
        json!({ "enabled": true, "url": "https://user@example.org" }),
    ] {
        assert_eq!(put("/api/settings/turnq", wrong).fails(400), "bad_request");
    }
    for wrong in [
        json!(["one", 3]),
        json!(["x".repeat((1 << 20) + 1)]),
        json!(["\u{1b}"]),
    ] {
        let body = json!({ "initPrompts": wrong });
        assert_eq!(put("/api/settings/init-prompts", body).fails(400), "bad_request");
    }
    assert!(!overlay(&lab).exists());
    // One that a hand has broken is not lost by a click.
    fs::create_dir_all(lab.path(".config/llmux")).unwrap();
    fs::write(overlay(&lab), "initPrompts: {oops\n").unwrap();
    until("it is said", || warnings(&lab).contains("overrides.yaml"));
    let refused = put("/api/settings/init-prompts", json!({ "initPrompts": ["x"] }));
    assert!(refused.text().contains("overrides.yaml"), "{}", refused.text());
    assert_eq!(fs::read_to_string(overlay(&lab)).unwrap(), "initPrompts: {oops\n");
    // The page can take it back.
    let now = api.send("DELETE", "/api/settings/overlay", &json!({})).is(200);
    assert_eq!(
        (&now["overlayActive"], overlay(&lab).exists()),
        (&json!(false), false)
    );
}

#[test]
fn there_are_no_more_sessions_viewers_and_turns_than_the_limits_let() {
    let lab = Lab::new();
    lab.config("limits: {sessions: 1, queuedTurns: 1}\n");
    lab.start("demo", "a", "");
    let said = lab.llmux(["session", "start", "demo", "--name", "b"]).fails(1);
    assert!(
        said.contains("limits.sessions")
            && said.contains("hint: ")
            && said.contains("forgets how it was set up"),
        "{said}"
    );
    // One that runs already may be started again.
    lab.llmux(["session", "restart", "a"]).ok();
    lab.llmux(["session", "prompt", "a", "[[ask]] do it", "--async"])
        .ok();
    until("it asks", || {
        lab.session("a").unwrap()["activity"]["state"] == "blocked"
    });
    lab.llmux(["session", "prompt", "a", "--async", "waits"]).ok();
    let said = lab
        .llmux(["session", "prompt", "a", "--async", "is too many"])
        .fails(1);
    assert!(said.contains("too many turns wait"), "{said}");
    lab.config("limits: {sessions: 2}\n");
    until("there is a place", || {
        lab.llmux(["session", "start", "demo", "--name", "b"]).code == 0
    });
}

#[test]
fn what_waits_is_kept_when_less_may_wait() {
    let lab = Lab::new();
    lab.start("demo", "a", "");
    lab.llmux(["session", "prompt", "a", "[[ask]] do it", "--async"])
        .ok();
    until("it asks", || {
        lab.session("a").unwrap()["activity"]["state"] == "blocked"
    });
    for text in ["one", "two"] {
        lab.llmux(["session", "prompt", "a", "--async", text]).ok();
    }
    lab.llmux(["server", "stop"]).ok();
    lab.config("limits: {queuedTurns: 0}\ninitPrompts: [first, second]\n");
    let turns = lab.llmux(["session", "turns", "a", "--json"]).json();
    let waiting = turns.as_array().unwrap().iter();
    let waiting = waiting.filter(|turn| turn["state"] == "queued").count();
    assert_eq!(waiting, 2, "{turns}");
    // Init prompts don't count, and who is idle can be prompted.
    lab.llmux(["session", "start", "demo", "--name", "b", "--wait-ready"])
        .ok();
    lab.llmux(["session", "prompt", "b", "hello"]).ok();
    let turns = lab.llmux(["session", "turns", "b", "--json"]).json();
    assert_eq!(turns.as_array().unwrap().len(), 3, "{turns}");
}
