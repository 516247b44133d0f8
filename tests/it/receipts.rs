//! What is left of turns: their receipts, their journal, and what becomes of init prompts.

use std::fs;

use crate::lab::Lab;

fn ask(lab: &Lab, prompt: &str) {
    let reply = lab.llmux(["session", "prompt", "d", prompt, "--wait"]).ok();
    assert_eq!(reply, format!("Echo: {prompt}\n"));
}

fn turns(lab: &Lab) -> Vec<serde_json::Value> {
    let turns = lab.llmux(["session", "turns", "d", "--json"]).json();
    turns.as_array().unwrap().clone()
}

#[test]
fn a_journal_that_is_deleted_under_the_daemon_loses_no_turn() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    ask(&lab, "one");
    assert_eq!(lab.status()["warnings"], serde_json::json!([]));
    let state = lab.status()["stateDir"].as_str().unwrap().to_owned();
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{state}/turns.db{suffix}")).unwrap();
    }
    ask(&lab, "two");
    let warnings = lab.status()["warnings"].to_string();
    assert!(
        warnings.contains("turns.db was deleted or replaced"),
        "{warnings}"
    );
    lab.crash();
    let heads: Vec<_> = turns(&lab)
        .iter()
        .map(|turn| turn["prompt"]["head"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(heads, ["two", "one"]);
}

#[test]
fn a_start_that_waits_ends_as_its_init_prompt_did() {
    let lab = Lab::new();
    let start = |name: &str, init: &[&str]| {
        let init = init.iter().flat_map(|prompt| ["--init", prompt]);
        let start = ["session", "start", "demo", "--name", name, "--wait-ready"];
        lab.llmux(start.into_iter().chain(init))
    };
    start("good", &["one", "two"]).ok();
    let bad = start("bad", &["one", "two [[error]]", "three"]);
    assert_eq!(bad.code, 16, "{bad}");
    let said = &bad.stderr;
    assert!(
        said.contains(r#"the init prompt "two [[error]]": "#) && said.contains("400 demo error"),
        "{said}"
    );
    // The session is there, its other prompts were typed, and a later wait is for the agent alone.
    lab.llmux(["session", "wait", "bad", "--until", "ready"]).ok();
    let turns = lab.llmux(["session", "turns", "bad", "--json"]).json();
    let states: Vec<_> = turns
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| &turn["state"])
        .collect();
    assert_eq!(states, ["ended", "failed", "ended"]);
}

#[test]
fn the_stages_of_a_receipt_follow_each_other() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    for n in 0..30 {
        ask(&lab, &format!("turn {n}"));
    }
    for turn in turns(&lab) {
        let stages = ["started", "submitted", "accepted", "firstOutput", "ended"];
        let at: Vec<_> = stages
            .iter()
            .filter_map(|stage| turn["stages"][stage].as_u64())
            .collect();
        assert!(at.len() >= 4 && at.is_sorted(), "{turn}");
    }
}
