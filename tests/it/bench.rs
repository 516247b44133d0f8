//! `llmux bench`: it measures, and leaves nothing behind.

use crate::lab::{Lab, Run, eventually, signal, until};

/// A home, and a temporary directory of its own.
fn lab() -> Lab {
    let mut lab = Lab::new();
    let tmp = lab.path("tmp");
    std::fs::create_dir(&tmp).unwrap();
    lab.set("TMPDIR", tmp.to_str().unwrap());
    lab
}

fn is_as_before(lab: &Lab) {
    assert_eq!(
        lab.llmux(["session", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        0
    );
    until("no pane is left", || {
        lab.tmux_sessions().iter().all(|name| name == "_llmux")
    });
    let left: Vec<_> = std::fs::read_dir(lab.path("tmp")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn turns_of_demo_sessions_are_measured_and_nothing_is_left() {
    let lab = lab();
    let line = [
        "bench",
        "turn",
        "--sessions",
        "2",
        "--turns",
        "20",
        "--json",
        "--no-baselines",
    ];
    let report = lab.llmux(line).json();
    assert_eq!(report["states"]["ended"], 20, "{report}");
    assert_eq!(report["load"]["concurrency"], 2);
    for name in [
        "started",
        "submitted",
        "accepted",
        "ended",
        "answered",
        "overhead",
    ] {
        let stages = report["stages"].as_array().unwrap();
        let stage = stages.iter().find(|stage| stage["name"] == name);
        assert_eq!(stage.unwrap()["count"], 20, "{name}: {report}");
    }
    is_as_before(&lab);
}

#[test]
fn sessions_of_the_user_are_measured_and_left() {
    let lab = lab();
    lab.start("demo", "mine", "");
    let line = ["bench", "prompt", "--session", "mine", "--turns", "3", "--json"];
    let report = lab.llmux(line).json();
    assert_eq!(report["states"]["ended"], 3, "{report}");
    lab.is("mine", "running");
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let lab = lab();
    let line = [
        "bench",
        "prompt",
        "--sessions",
        "1",
        "--turns",
        "3",
        "--json",
        "--no-baselines",
    ];
    let mut then = lab.llmux(line).json();
    for stage in then["stages"].as_array_mut().unwrap() {
        for name in ["p50Ns", "p99Ns"] {
            stage[name] = 1.into();
        }
    }
    let path = lab.path("then.json");
    std::fs::write(&path, then.to_string()).unwrap();
    let line = line.iter().copied().chain(["--compare", path.to_str().unwrap()]);
    let run = lab.llmux(line);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("times slower than before"), "{run}");
}

#[test]
fn an_interrupted_bench_leaves_nothing() {
    let lab = lab();
    let bench = lab.spawn(["bench", "turn", "--sessions", "2", "--turns", "1000000"]);
    eventually("a turn was taken", || {
        let list = lab.llmux(["session", "list", "--json"]).json();
        let name = list.as_array()?.first()?["name"].as_str()?.to_owned();
        let turns = lab.llmux(["session", "turns", &name, "--json"]);
        (turns.code == 0 && turns.stdout.contains("ended")).then_some(())
    });
    signal(bench.id(), "INT");
    let run = Run::from(bench.wait_with_output().unwrap());
    assert!(run.fails(130).contains("the sessions of the bench are removed"));
    is_as_before(&lab);
}
