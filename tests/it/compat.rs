//! The API as the clients of the Node program use it: their requests, to the header, and the fields they read.

use serde_json::{Value, json};

use crate::{
    http::{Answer, Api},
    lab::{Lab, eventually},
    users::Network,
};

/// What Node's `fetch` sends, and the old command line's own headers.
const CLI: [&str; 5] = [
    "authorization: Bearer TOKEN",
    "accept: */*",
    "accept-language: *",
    "sec-fetch-mode: cors",
    "user-agent: node",
];

/// What a page of the old program sends.
const PAGE: [&str; 5] = [
    "cookie: llmux_session=TOKEN",
    "accept: */*",
    "sec-fetch-site: same-origin",
    "sec-fetch-mode: cors",
    "origin: http://localhost:3001",
];

struct Client {
    api: Api,
    headers: Vec<String>,
}

impl Client {
    fn call(&self, method: &str, path: &str, more: &[&str], body: &[u8]) -> Answer {
        self.api
            .call(method, path, &[&self.headers(), more].concat(), body)
    }

    fn headers(&self) -> Vec<&str> {
        self.headers.iter().map(String::as_str).collect()
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], b"")
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.call(method, path, &["content-type: application/json"], body.as_bytes())
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body)
    }

    /// Without a body, as `fetch(url, {method: 'POST'})` does.
    fn poke(&self, path: &str) -> Answer {
        self.call("POST", path, &["content-length: 0"], b"")
    }
}

/// A daemon with an administrator.
fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.set("LLMUX_PASSPHRASE", "correct horse");
    lab.llmux(["user", "create", "root", "--admin"]).ok();
    lab
}

/// Each kind of client, over the Unix socket and over the network.
fn clients<'a>(lab: &'a Lab, network: &Network<'a>) -> Vec<Client> {
    let made = ["token", "create", "--username", "root", "--json"];
    let made = lab.llmux(made).json();
    let token = made["value"].as_str().unwrap();
    [Api::of(lab), network.api()]
        .iter()
        .flat_map(|api| [CLI, PAGE].map(|headers| (api.clone(), headers)))
        .map(|(api, headers)| Client {
            api,
            headers: headers.map(|line| line.replace("TOKEN", token)).to_vec(),
        })
        .collect()
}

/// Whether a value has these fields, each of its kind: `s`tring, `n`umber, `b`oolean, `a`rray, `o`bject; `?` if `null` will do.
#[track_caller]
fn has(value: &Value, fields: &[(&str, &str)]) {
    for (field, kind) in fields {
        let found = &value[field];
        let is = match &kind[..1] {
            "s" => found.is_string(),
            "n" => found.is_number(),
            "b" => found.is_boolean(),
            "a" => found.is_array(),
            _ => found.is_object(),
        };
        assert!(
            is || kind.ends_with('?') && found.is_null(),
            "{field}: {found} in {value}"
        );
    }
}

const SESSION: [(&str, &str); 13] = [
    ("name", "s"),
    ("agent", "s"),
    ("cwd", "s"),
    ("cwdDisplay", "s"),
    ("flags", "s?"),
    ("defaultFlags", "s"),
    ("env", "o?"),
    ("defaultEnv", "o"),
    ("resumeFrom", "s?"),
    ("hasHistory", "b"),
    ("createdAt", "s"),
    ("parent", "s?"),
    ("status", "s"),
];

#[test]
fn a_session_from_its_start_to_its_end() {
    let lab = lab();
    let network = Network::serve(&lab);
    for client in clients(&lab, &network) {
        assert_eq!(client.get("/api/sessions").is(200), json!([]));
        let start = json!({"agent": "shell", "name": "s1", "cwd": "~/work", "flags": "", "env": "A=1\nB=2"});
        let started = client.post("/api/sessions", &start).is(200);
        assert_eq!(started["ok"], true);
        has(&started["session"], &SESSION);
        assert_eq!(started["session"]["cwd"], json!(lab.path("work")));
        assert_eq!(started["session"]["env"], json!({"A": "1", "B": "2"}));
        assert_eq!(started["session"]["status"], "running");
        let again = client.post("/api/sessions", &start);
        assert_eq!(again.fails(400), "session_exists");
        let list = client.get("/api/sessions").is(200);
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        has(&list[0], &SESSION);
        // The CLI sends what it has, with fields this program does not know.
        let prompt = json!({"prompt": "echo hello $((1+1))", "enter": true, "unknown": 1});
        assert_eq!(client.post("/api/sessions/s1/send", &prompt).is(200)["ok"], true);
        lab.shows("s1", "^hello 2$");
        assert_eq!(
            client
                .post("/api/sessions/s1/key", &json!({"key": "Escape"}))
                .is(200),
            json!({"ok": true})
        );
        assert_eq!(
            client.poke("/api/sessions/s1/interrupt").is(200),
            json!({"ok": true})
        );
        let edited = client
            .send(
                "PATCH",
                "/api/sessions/s1",
                &json!({"name": "s2", "initPrompts": []}),
            )
            .is(200);
        assert_eq!(
            (&edited["ok"], &edited["session"]["name"]),
            (&json!(true), &json!("s2"))
        );
        has(
            &client.poke("/api/sessions/s2/respawn").is(200)["session"],
            &SESSION,
        );
        has(
            &client.get("/api/sessions/s2/models").is(200),
            &[("models", "a"), ("current", "s?")],
        );
        assert_eq!(client.get("/api/sessions/s2/conversations").is(200), json!([]));
        assert_eq!(client.poke("/api/sessions/s2/stop").is(200)["ok"], true);
        let killed = client.poke("/api/sessions/s2/kill").is(200);
        assert_eq!(
            (&killed["ok"], &killed["status"]),
            (&json!(true), &json!("exited"))
        );
        assert_eq!(client.get("/api/sessions").is(200), json!([]));
    }
}

#[test]
fn refusals_have_both_of_the_old_shapes() {
    let lab = lab();
    let network = Network::serve(&lab);
    lab.start("shell", "x", "");
    for client in clients(&lab, &network) {
        for (body, words) in [
            (json!({}), "agent"),
            (json!({"agent": "nope"}), "unknown agent \"nope\""),
            (json!({"agent": "shell", "name": "a b"}), "name"),
            (
                json!({"agent": "shell", "name": "x"}),
                "session \"x\" already exists",
            ),
            (
                json!({"agent": "shell", "name": "y", "cwd": "/nowhere"}),
                "cwd does not exist: /nowhere",
            ),
        ] {
            let refused = client.post("/api/sessions", &body).is(400);
            has(&refused, &[("ok", "b"), ("error", "s")]);
            assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
        }
        let empty = client
            .post("/api/sessions/x/send", &json!({"prompt": ""}))
            .is(400);
        assert_eq!(empty["error"], "prompt required");
    }
}

#[test]
fn what_the_pages_and_the_command_line_ask_once() {
    let lab = lab();
    let network = Network::serve(&lab);
    for client in clients(&lab, &network) {
        has(
            &client.get("/health").is(200),
            &[
                ("ok", "b"),
                ("version", "s"),
                ("sessions", "n"),
                ("authEnabled", "b"),
            ],
        );
        has(&client.get("/api/version").is(200), &[("version", "s")]);
        let installed = client.get("/api/agents").is(200);
        let fields = [
            ("key", "s"),
            ("displayName", "s"),
            ("cmd", "s"),
            ("flags", "s"),
            ("envDefaults", "o"),
            ("hasHistory", "b"),
        ];
        has(&installed[0], &fields);
        let all = client.get("/api/agents/all").is(200);
        assert!(all.as_array().unwrap().len() >= 15);
        for agent in all.as_array().unwrap() {
            has(
                agent,
                &[
                    ("key", "s"),
                    ("cmd", "s"),
                    ("installed", "b"),
                    ("installHint", "s"),
                    ("docsUrl", "s"),
                ],
            );
        }
        assert_eq!(client.get("/api/conversations").is(200), json!([]));
        assert_eq!(
            client.get("/api/conversations?agent=nope&cwd=~").is(200),
            json!([])
        );
        // A daemon answers a moment before it writes its first line.
        let logs = eventually("a line is there", || {
            let logs = client.get("/api/logs").is(200);
            logs["entries"][0].is_object().then_some(logs)
        });
        has(&logs, &[("capacity", "n"), ("entries", "a")]);
        has(&logs["entries"][0], &[("ts", "s"), ("level", "s"), ("text", "s")]);
        let settings = client.get("/api/settings").is(200);
        has(
            &settings,
            &[
                ("version", "s"),
                ("host", "s"),
                ("configSource", "s?"),
                ("yamlText", "s"),
                ("overlayPath", "s"),
                ("overlayText", "s"),
                ("overlayActive", "b"),
                ("stateDir", "s"),
                ("tmuxAvailable", "b"),
                ("port", "n?"),
                ("listenHost", "s?"),
                ("env", "o"),
                ("turnq", "o"),
                ("daemonInitPrompts", "a"),
            ],
        );
        assert_eq!(
            settings["turnq"],
            json!({"enabled": false, "url": null, "mode": "disabled", "maxHoldMs": null})
        );
        let mut stream = client.api.events("/api/logs/stream", &client.headers());
        assert_eq!(stream.line(), ": stream open");
    }
}
