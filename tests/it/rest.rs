//! The HTTP API beside what the command line shows of it: status codes, bounds, streams.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{
    http::{Answer, Api},
    lab::{Lab, until},
    users::{Network, with_users},
};

fn lab_with_shell() -> (Lab, Api) {
    let lab = Lab::new();
    lab.start("shell", "x", "");
    let api = Api::of(&lab);
    (lab, api)
}

#[test]
fn unknown_sessions_have_the_contracts_status_codes() {
    let (_lab, api) = lab_with_shell();
    for verb in ["respawn", "stop", "kill", "resume"] {
        let answer = api.post(
            &format!("/api/sessions/nope/{verb}"),
            &json!({"conversationId": "1"}),
        );
        assert_eq!(answer.fails(400), "session_not_found", "{verb}");
    }
    let edit = api.send("PATCH", "/api/sessions/nope", &json!({"flags": "-x"}));
    assert_eq!(edit.fails(400), "session_not_found");
    for (verb, body) in [
        ("send", json!({"prompt": "x"})),
        ("key", json!({"key": "Up"})),
        ("interrupt", json!({})),
        ("upload", json!({"filename": "a", "dataBase64": ""})),
        ("turns", json!({"prompt": "x"})),
        ("answer", json!({"choice": "1"})),
    ] {
        let answer = api.post(&format!("/api/sessions/nope/{verb}"), &body);
        assert_eq!(answer.fails(404), "session_not_found", "{verb}");
    }
    for verb in [
        "",
        "/screen",
        "/conversations",
        "/models",
        "/explain",
        "/turns",
        "/output",
    ] {
        let answer = api.get(&format!("/api/sessions/nope{verb}"));
        assert_eq!(answer.fails(404), "session_not_found", "{verb}");
    }
}

#[test]
fn a_session_that_does_not_run_is_a_conflict() {
    let (lab, api) = lab_with_shell();
    api.post("/api/sessions/x/stop", &json!({})).is(200);
    lab.is("x", "exited");
    for (verb, body) in [
        ("send", json!({"prompt": "x"})),
        ("key", json!({"key": "Up"})),
        ("interrupt", json!({})),
    ] {
        let answer = api.post(&format!("/api/sessions/x/{verb}"), &body);
        assert_eq!(answer.fails(409), "session_not_running", "{verb}");
    }
    // Idempotent, as the contract has it.
    api.post("/api/sessions/x/stop", &json!({})).is(200);
    assert_eq!(
        api.post("/api/sessions/x/kill", &json!({})).is(200)["status"],
        "exited"
    );
}

#[test]
fn wrong_methods_paths_types_and_sizes_are_told_apart() {
    let (_lab, api) = lab_with_shell();
    let wrong = api.call("DELETE", "/api/sessions", &[], b"");
    assert_eq!(wrong.fails(405), "method_not_allowed");
    let allowed = wrong.header("allow").expect("the methods that are");
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(api.get("/api/sessions/x/send").fails(405), "method_not_allowed");
    for path in ["/api/nope", "/api/sessions/", "/nope", "//", "/api//sessions"] {
        assert_eq!(api.get(path).fails(404), "not_found", "{path}");
    }
    assert_eq!(api.get("/api/sessions/%ff%fe").fails(400), "bad_request");
    assert_eq!(api.get("/api/sessions/%").fails(404), "session_not_found");
    assert_eq!(
        api.get("/api/sessions/x/turns?limit=-1").fails(400),
        "bad_request"
    );
    assert_eq!(api.get("/api/history/search").fails(400), "bad_request");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let header = format!("content-type: {kind}");
        let answer = api.call("POST", "/api/sessions/x/send", &[&header], b"{\"prompt\":\"x\"}");
        assert_eq!(answer.fails(415), "unsupported_media_type", "{kind}");
    }
    let answer = api.call("POST", "/api/sessions/x/send", &[], b"{\"prompt\":\"x\"}");
    assert_eq!(answer.fails(415), "unsupported_media_type");
    for body in ["{", "null", "[]", "\"x\"", "{\"prompt\": 1}", "{}"] {
        let answer = api.call(
            "POST",
            "/api/sessions/x/send",
            &["content-type: application/json"],
            body.as_bytes(),
        );
        assert_eq!(answer.fails(400), "bad_request", "{body}");
    }
    // Nor is a list the fields in their order.
    let list = api.call(
        "POST",
        "/api/sessions/x/stop",
        &["content-type: application/json"],
        b"[null]",
    );
    assert_eq!(list.fails(400), "bad_request");
    let big = json!({"choice": "x".repeat(70_000)});
    assert_eq!(
        api.post("/api/sessions/x/answer", &big).fails(413),
        "body_too_large"
    );
    let said = b"POST /api/sessions/x/send HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 99999999999\r\n\r\n{";
    assert_eq!(api.raw(said).unwrap().fails(413), "prompt_too_large");
    let chunked = [
        &b"POST /api/sessions/x/answer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
           transfer-encoding: chunked\r\n\r\n11170\r\n"[..],
        &vec![b' '; 0x11170],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    assert_eq!(api.raw(&chunked).unwrap().fails(413), "body_too_large");
}

#[test]
fn a_head_is_answered_as_a_get_without_its_body() {
    let (_lab, api) = lab_with_shell();
    for path in ["/health", "/api/sessions", "/api/version"] {
        let answer = api.call("HEAD", path, &[], b"");
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
}

#[test]
fn keys_reach_the_program_between_prompts() {
    let (lab, api) = lab_with_shell();
    api.post("/api/sessions/x/send", &json!({"prompt": "cat -v"}))
        .is(200);
    for key in ["Up", "Tab", "Escape", "Left", "C-a", "q", "Enter"] {
        api.post("/api/sessions/x/key", &json!({"key": key})).is(200);
    }
    lab.shows("x", "^\\^\\[\\[A.*\\^\\[\\^\\[\\[D\\^Aq");
    api.post("/api/sessions/x/interrupt", &json!({})).is(200);
    for key in [
        json!({"key": "F99"}),
        json!({"key": "Up Down"}),
        json!({"key": ""}),
        json!({}),
        json!({"key": 1}),
    ] {
        assert_eq!(
            api.post("/api/sessions/x/key", &key).fails(400),
            "bad_request",
            "{key}"
        );
    }
}

#[test]
fn a_screen_comes_as_a_value_as_text_and_as_what_draws_it() {
    let (lab, api) = lab_with_shell();
    lab.prompt("x", "printf '\\033[31mred\\033[0m\\n'");
    lab.shows("x", "^red$");
    let value = api.get("/api/sessions/x/screen").is(200);
    assert!(
        value["lines"].as_array().unwrap().contains(&json!("red")),
        "{value}"
    );
    let text = api.get("/api/sessions/x/screen?format=text");
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(text.text().lines().any(|line| line == "red"), "{}", text.text());
    let ansi = api.get("/api/sessions/x/screen?format=ansi");
    assert!(
        ansi.text().contains("\u{1b}[") && ansi.text().contains("red"),
        "{}",
        ansi.text()
    );
    assert_eq!(
        api.get("/api/sessions/x/screen?format=png").fails(400),
        "bad_request"
    );
}

#[test]
fn a_file_is_kept_in_the_sessions_directory_and_nowhere_else() {
    let (lab, api) = lab_with_shell();
    let upload = |name: &str, data: &str| {
        api.post(
            "/api/sessions/x/upload",
            &json!({"filename": name, "dataBase64": data}),
        )
    };
    let path = |answer: Answer| answer.is(200)["path"].as_str().unwrap().to_owned();
    let first = path(upload("../../my photo.txt", "aGVsbG8="));
    assert_eq!(
        first,
        lab.path("work/.llmux-uploads/my_photo.txt").to_str().unwrap()
    );
    assert_eq!(fs::read_to_string(&first).unwrap(), "hello");
    let second = path(upload("my photo.txt", "Ynll"));
    assert_eq!(
        second,
        lab.path("work/.llmux-uploads/my_photo-1.txt").to_str().unwrap()
    );
    assert_eq!(fs::read_to_string(&first).unwrap(), "hello");
    assert_eq!(upload("a", "no base64!").fails(400), "bad_request");
    let big = "A".repeat((12 << 20) + 1);
    assert_eq!(upload("a", &big).fails(413), "body_too_large");
    fs::remove_dir_all(lab.path("work/.llmux-uploads")).unwrap();
    symlink(lab.home(), lab.path("work/.llmux-uploads")).unwrap();
    assert_eq!(upload("a", "aGVsbG8=").fails(400), "bad_request");
    assert!(!lab.path("a").exists());
}

#[test]
fn models_are_the_configurations_and_the_current_one_the_flags() {
    let lab = Lab::new();
    lab.config("agents: {demo: {models: [fast, deep]}}\n");
    lab.llmux(["session", "start", "demo", "--name", "d"]).ok();
    let models = Api::of(&lab).get("/api/sessions/d/models").is(200);
    assert_eq!(models, json!({"models": ["fast", "deep"], "current": null}));
}

#[test]
fn events_tell_of_sessions_agents_and_turns_and_go_on_where_they_were() {
    let lab = Lab::new();
    lab.llmux(["session", "list"]).ok();
    let api = Api::of(&lab);
    let mut events = api.events("/api/events", &[]);
    assert_eq!(events.line(), ": stream open");
    lab.llmux(["session", "start", "demo", "--name", "d", "--wait-ready"])
        .ok();
    let session = events.until(|sent| sent.name == "session" && sent.data["session"]["name"] == "d");
    assert_eq!(session.data["event"], "session");
    events.until(|sent| sent.name == "activity" && sent.data["activity"]["state"] == "ready");
    lab.llmux(["session", "prompt", "d", "hello", "--wait"]).ok();
    let is_turn = |state: &'static str| {
        move |sent: &crate::http::Sent| sent.name == "turn" && sent.data["turn"]["state"] == state
    };
    let ended = events.until(is_turn("ended"));
    assert!(ended.data["turn"]["reply"].is_null());
    let turn = ended.data["turn"]["id"].as_str().unwrap();
    lab.llmux(["session", "stop", "d"]).ok();
    let gone = events.until(|sent| sent.name == "session_gone");
    assert_eq!(gone.data["name"], "d");
    // Whoever was away gets what he missed, once.
    let resume = format!("last-event-id: {}", session.id);
    let mut again = api.events("/api/events", &[&resume]);
    let seen = again.until(is_turn("ended"));
    assert_eq!(
        (seen.id.as_str(), seen.data["turn"]["id"].as_str()),
        (ended.id.as_str(), Some(turn))
    );
    assert_eq!(again.until(|sent| sent.name == "session_gone"), gone);
    // Who comes from another daemon's stream can't know what he missed.
    let mut stranger = api.events("/api/events", &["last-event-id: 1a2b-7"]);
    let reset = stranger.next();
    assert_eq!((reset.name.as_str(), reset.data), ("reset", json!({})));
    lab.start("shell", "x", "");
    stranger.until(|sent| sent.name == "session" && sent.data["session"]["name"] == "x");
}

#[test]
fn a_list_says_where_to_follow_it_from() {
    let lab = Lab::new();
    lab.start("shell", "before", "");
    let api = Api::of(&lab);
    let list = api.get("/api/sessions");
    let place = list
        .header("x-llmux-event")
        .expect("the list names its place")
        .to_owned();
    lab.start("shell", "between", "");
    let mut events = api.events(&format!("/api/events?after={place}"), &[]);
    let is_of = |name: &'static str| {
        move |sent: &crate::http::Sent| sent.name == "session" && sent.data["session"]["name"] == name
    };
    let mut told = Vec::new();
    let between = events.until(|sent| {
        told.push(sent.data["session"]["name"].clone());
        is_of("between")(sent)
    });
    assert!(!told.contains(&json!("before")), "{told:?}");
    // A reader that comes again was further than where it once began.
    lab.start("shell", "later", "");
    let last = format!("last-event-id: {}", between.id);
    let mut again = api.events(&format!("/api/events?after={place}"), &[&last]);
    let mut told = Vec::new();
    again.until(|sent| {
        told.push(sent.id.clone());
        is_of("later")(sent)
    });
    assert!(!told.contains(&between.id), "{told:?}");
    let mut lost = api.events("/api/events?after=1a2b-7", &[]);
    assert_eq!(lost.next().name, "reset");
}

#[test]
fn a_token_limited_to_sessions_hears_of_these_only() {
    let lab = with_users();
    let made = lab
        .llmux([
            "token",
            "create",
            "--username",
            "root",
            "--scope",
            "dev-*:watch",
            "--json",
        ])
        .json();
    let header = format!("authorization: Bearer {}", made["value"].as_str().unwrap());
    let network = Network::serve(&lab);
    let mut events = network.api().events("/api/events", &[&header]);
    lab.start("shell", "main", "");
    lab.start("shell", "dev-1", "");
    lab.llmux(["session", "edit", "main", "--name", "other"]).ok();
    lab.llmux(["session", "stop", "other"]).ok();
    lab.llmux(["session", "edit", "dev-1", "--name", "private"]).ok();
    let mut told = Vec::new();
    let gone = events.until(|sent| {
        let name = [
            &sent.data["session"]["name"],
            &sent.data["session"],
            &sent.data["name"],
        ];
        told.extend(name.iter().filter_map(|name| name.as_str()).map(str::to_owned));
        sent.name == "session_gone"
    });
    assert_eq!(gone.data["name"], "dev-1");
    assert!(
        told.len() >= 2 && told.iter().all(|name| name == "dev-1"),
        "{told:?}"
    );
    // The log is everybody's: it is an administrator's to read.
    let logs = network.api().call("GET", "/api/logs", &[&header], b"");
    assert_eq!(logs.fails(403), "forbidden");
}

#[test]
fn one_turn_can_be_followed_as_server_sent_events() {
    let lab = Lab::new();
    lab.llmux(["session", "start", "demo", "--name", "d", "--wait-ready"])
        .ok();
    let api = Api::of(&lab);
    let turn = api
        .post(
            "/api/sessions/d/turns",
            &json!({"prompt": "hello", "wait": "queued"}),
        )
        .is(200);
    let id = turn["id"].as_str().unwrap();
    let mut events = api.events(&format!("/api/turns/{id}/events"), &["accept: text/event-stream"]);
    let ended = events.until(|sent| sent.name == "turn" && sent.data["turn"]["state"] == "ended");
    let whole = api.get(&format!("/api/turns/{id}")).is(200);
    assert_eq!(ended.data["turn"], whole);
    let listed = api.get("/api/sessions/d/turns").is(200);
    assert_eq!(listed[0], whole);
    let lines = api.get(&format!("/api/turns/{id}/events"));
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(api.get("/api/turns/nope").fails(404), "turn_not_found");
    assert_eq!(
        api.post("/api/turns/nope/cancel", &json!({})).fails(404),
        "turn_not_found"
    );
    assert_eq!(api.get("/api/turns/nope/events").fails(404), "turn_not_found");
}

#[test]
fn the_log_is_read_with_its_past_and_without_secrets() {
    let (lab, api) = lab_with_shell();
    let logs = api.get("/api/logs").is(200);
    assert_eq!(logs["capacity"], 500);
    let entries = logs["entries"].as_array().unwrap();
    let last = entries.last().expect("the daemon has said something");
    for key in ["id", "ts", "level", "text"] {
        assert!(last[key].is_string(), "{last}");
    }
    // As the old clients: what is written from now on.
    let mut live = api.events("/api/logs/stream", &[]);
    assert_eq!(live.line(), ": stream open");
    let mut resumed = api.events(
        "/api/logs/stream",
        &[&format!("last-event-id: {}", last["id"].as_str().unwrap())],
    );
    let mut past = api.events("/api/logs/stream?backlog=500", &[]);
    assert_eq!(past.next().data, entries[0]);
    lab.prompt("x", "exit");
    let is_end = |sent: &crate::http::Sent| {
        sent.data["text"]
            .as_str()
            .is_some_and(|text| text.contains("ended name=x"))
    };
    let end = live.until(is_end);
    assert_eq!((end.name.as_str(), &end.data["level"]), ("", &json!("info")));
    assert_eq!(resumed.until(is_end), end);
    assert_eq!(past.until(is_end), end);
    let listed = lab.llmux(["logs", "list", "--limit", "1"]).ok();
    assert!(
        listed.contains("  INFO   ") && listed.lines().count() == 1,
        "{listed}"
    );
    let json = lab.llmux(["logs", "list", "--json"]).json();
    assert_eq!(json[0], entries[0]);
    let mut tail = lab.spawn(["logs", "tail", "--since", "2000-01-01T00:00:00Z"]);
    let mut first = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(tail.stdout.as_mut().unwrap()),
        &mut first,
    )
    .unwrap();
    assert!(first.contains(entries[0]["text"].as_str().unwrap()), "{first}");
    lab.llmux(["server", "stop"]).ok();
    until("it ends with the daemon", || tail.try_wait().unwrap().is_some());
}

#[test]
fn settings_are_shown_without_secrets() {
    let lab = Lab::new();
    lab.config("initPrompts: [be brief]\nturnq: {enabled: true, maxHoldMs: 1000, apiKey: hush}\n");
    lab.llmux(["session", "list"]).ok();
    let settings = Api::of(&lab).get("/api/settings").is(200);
    for (key, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("configSource", json!(lab.path(".config/llmux/config.yaml"))),
        ("overlayActive", json!(false)),
        ("stateDir", json!(lab.path("state/llmuxd"))),
        ("tmuxAvailable", json!(true)),
        ("port", Value::Null),
        (
            "turnq",
            json!({"enabled": true, "url": null, "mode": "local", "maxHoldMs": 1000}),
        ),
        ("daemonInitPrompts", json!(["be brief"])),
    ] {
        assert_eq!(settings[key], value, "{key}");
    }
    assert!(!settings.to_string().contains("hush"), "{settings}");
    assert_eq!(lab.llmux(["settings", "show", "--json"]).json(), settings);
    let text = lab.llmux(["settings", "list"]).ok();
    assert!(text.contains("init prompts  1"), "{text}");
}

#[test]
fn what_watches_the_daemon_is_answered() {
    let lab = Lab::new();
    lab.llmux(["session", "start", "demo", "--name", "d", "--wait-ready"])
        .ok();
    let api = Api::of(&lab);
    assert_eq!(
        api.get("/ready").is(200),
        json!({"ok": true, "tmux": {"connected": true}})
    );
    lab.llmux(["session", "prompt", "d", "hello", "--wait"]).ok();
    let mut watching = lab.spawn(["session", "watch", "d"]);
    let line = |text: &str, line: &str| text.lines().any(|it| it == line);
    until("it is all counted", || {
        let text = api.get("/metrics").text();
        line(&text, "llmux_turns_total{agent=\"demo\",state=\"ended\"} 1")
            && line(
                &text,
                "llmux_turn_stage_seconds_count{agent=\"demo\",stage=\"ended\"} 1",
            )
            && line(&text, "llmux_fanout_viewers 1")
            && line(&text, "llmux_sessions_running 1")
            && text.contains("route=\"/api/sessions/{name}/turns\"")
            && text.ends_with("# EOF\n")
    });
    watching.kill().unwrap();
    watching.wait().unwrap();
    until("the viewer is gone", || {
        line(&api.get("/metrics").text(), "llmux_fanout_viewers 0")
    });
}
