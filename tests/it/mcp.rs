//! `llmux mcp`: one agent drives others, over a pipe as an MCP client would.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::lab::{LLMUX, Lab, eventually, signal};

/// A client that speaks the protocol by hand.
struct Mcp {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    calls: u64,
}

impl Mcp {
    fn start(lab: &Lab, args: &[&str]) -> Self {
        let mut command = lab.command(LLMUX);
        command
            .arg("mcp")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut mcp = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            calls: 0,
        };
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        });
        let answer = mcp.request("initialize", &hello);
        assert_eq!(answer["serverInfo"]["name"], "llmux");
        assert!(answer["instructions"].as_str().unwrap().contains("prompt"));
        mcp.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        mcp
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "it ended");
            // Standard output has nothing but the protocol.
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{message}");
                return message["result"].clone();
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// What a tool says, if it did what it was asked.
    #[track_caller]
    fn does(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.call(tool, arguments);
        assert_ne!(answer["isError"], true, "{tool}: {answer:#}");
        answer["structuredContent"].clone()
    }

    /// Why a tool did not.
    #[track_caller]
    fn refuses(&mut self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments);
        assert_eq!(answer["isError"], true, "{tool}: {answer:#}");
        answer["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Ends it as a client does: by closing its standard input.
    fn end(mut self) {
        self.stdin.take();
        let status = eventually("it ends", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

#[test]
fn one_agent_starts_prompts_answers_and_stops_another() {
    let lab = Lab::new();
    let mut mcp = Mcp::start(&lab, &[]);
    let tools = mcp.request("tools/list", &json!({}));
    let mut names: Vec<_> = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "answer",
            "broadcast",
            "list_agents",
            "list_sessions",
            "prompt",
            "read_screen",
            "start_session",
            "stop_session",
            "wait_turn"
        ]
    );
    let agents = mcp.does("list_agents", &json!({}));
    assert!(
        agents["agents"]
            .as_array()
            .unwrap()
            .iter()
            .any(|agent| agent["key"] == "demo")
    );

    let started = mcp.does(
        "start_session",
        &json!({"agent": "demo", "name": "worker", "cwd": "/tmp"}),
    );
    assert_eq!(
        (&started["name"], &started["cwd"]),
        (&json!("worker"), &json!("/tmp"))
    );
    let turn = mcp.does("prompt", &json!({"session": "worker", "text": "hello there"}));
    assert_eq!(turn["state"], "ended");
    assert!(turn["reply"].as_str().unwrap().contains("hello there"), "{turn}");

    // It asks, is answered, and goes on.
    let asks = mcp.does(
        "prompt",
        &json!({"session": "worker", "text": "[[ask]] touch a file"}),
    );
    assert_eq!(asks["state"], "blocked");
    let dialog = asks["dialog"]["id"].as_str().unwrap();
    mcp.does(
        "answer",
        &json!({"session": "worker", "choice": "1", "dialog": dialog}),
    );
    let turn = mcp.does("wait_turn", &json!({"turn": asks["turn"]}));
    assert_eq!(turn["state"], "ended");

    let screen = mcp.call("read_screen", &json!({"session": "worker"}));
    assert!(
        screen["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("hello there")
    );
    let sent = mcp.does("broadcast", &json!({"agent": "demo", "text": "all of you"}));
    assert_eq!(sent["sent"], json!(["worker"]));
    let listed = mcp.does("list_sessions", &json!({}));
    assert_eq!(listed["sessions"][0]["state"], "running");
    let stopped = mcp.does("stop_session", &json!({"session": "worker"}));
    assert_eq!(stopped["stopped"], json!(["worker"]));
    assert!(lab.session("worker").is_none());
    mcp.end();
}

#[test]
fn a_tool_that_can_not_says_why_and_what_to_do() {
    let lab = Lab::new();
    lab.start("demo", "worker", "");
    let mut mcp = Mcp::start(&lab, &[]);
    let said = mcp.refuses("prompt", &json!({"session": "wroker", "text": "x"}));
    assert!(said.contains("wroker") && said.contains("hint: "), "{said}");
    let said = mcp.refuses("start_session", &json!({"agent": "demmo"}));
    assert!(said.contains("demo"), "{said}");
    let later = mcp.does(
        "prompt",
        &json!({"session": "worker", "text": "[[hang]] slowly", "wait": false}),
    );
    let said = mcp.refuses("wait_turn", &json!({"turn": later["turn"], "timeout_secs": 0}));
    assert!(said.contains("the turn goes on"), "{said}");
    mcp.end();
    assert_eq!(lab.session("worker").unwrap()["state"], "running");
}

#[test]
fn a_token_allows_it_what_it_allows_anybody() {
    let lab = Lab::new();
    let mut daemon = lab.spawn(["server", "start"]);
    eventually("it serves", || (lab.daemon() == Some(daemon.id())).then_some(()));
    lab.start("demo", "build-1", "");
    lab.start("demo", "secret", "");
    lab.llmux_reads(
        b"correct horse battery\n",
        ["user", "create", "ci", "--passphrase-file", "-"],
    )
    .ok();
    let line = [
        "token",
        "create",
        "--username",
        "ci",
        "--scope",
        "build-*:watch,prompt",
        "--json",
    ];
    let token = lab.llmux(line).json()["value"].as_str().unwrap().to_owned();
    let server = format!("http://{}:3001", lab.host());
    let mut mcp = Mcp::start(&lab, &["--server", &server, "--token", &token]);
    let listed = mcp.does("list_sessions", &json!({}));
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "{listed}");
    mcp.does("prompt", &json!({"session": "build-1", "text": "hello"}));
    for (tool, arguments) in [
        ("prompt", json!({"session": "secret", "text": "hello"})),
        ("stop_session", json!({"session": "build-1"})),
        ("start_session", json!({"agent": "demo", "cwd": "/tmp"})),
    ] {
        mcp.refuses(tool, &arguments);
    }
    mcp.end();
    signal(daemon.id(), "TERM");
    eventually("it ends", || daemon.try_wait().unwrap());
}
