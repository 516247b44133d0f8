//! `llmux config check`: what it finds, where, and how it ends.

use std::fs;

use crate::lab::Lab;

/// What is said of this configuration, and that it can't be used.
#[track_caller]
fn refused(yaml: &str) -> String {
    let lab = Lab::new();
    lab.config(yaml);
    lab.llmux(["config", "check"]).fails(1)
}

#[test]
fn what_cant_work_is_said_with_its_place_and_ends_in_1() {
    for (yaml, place, words) in [
        (
            "server: {port: 99999}\n",
            "config.yaml:1:16: ",
            "server.port is 99999",
        ),
        (
            "agents:\n  shell: {readyPrompt: '('}\n",
            "config.yaml:2:11: ",
            "agents.shell.readyPrompt",
        ),
        (
            "agents:\n  shell:\n    flags: 'a \"b'\n",
            "config.yaml:3:5: ",
            "unbalanced quotes",
        ),
        (
            "sessions:\n- {name: a, agent: shell, flags: \"'\"}\n",
            "config.yaml:1:1: ",
            "unbalanced quotes",
        ),
        (
            "turnq: {enabled: true, url: 'ftp://x'}\n",
            "config.yaml:1:8: ",
            "turnq.url is no address",
        ),
        ("server: {port: 0}\n", "config.yaml:1:10: ", "1 to 65535"),
    ] {
        let said = refused(yaml);
        assert!(said.contains(place) && said.contains(words), "{said}");
    }
}

#[test]
fn what_is_odd_is_only_said() {
    let lab = Lab::new();
    lab.config("limits:\n  sessions: 0\n");
    fs::create_dir_all(lab.path("config/llmux")).unwrap();
    fs::write(lab.path("config/llmux/.env"), "FOO\n=s3cret\nA='s3cret\n").unwrap();
    let run = lab.llmux(["config", "check"]);
    assert!(run.code == 0 && run.stdout.contains("can be used"), "{run}");
    for said in [
        "config.yaml:2:3: limits.sessions is 0",
        ".env:1: ",
        ".env:2: ",
        ".env:3: ",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run}");
    }
    assert!(!run.stderr.contains("s3cret"), "{run}");
}

#[test]
fn an_agents_file_an_overlay_and_a_variable_are_mistakes_too() {
    let lab = Lab::new();
    let (agents, own) = (lab.path("config/llmux/agents.d"), lab.path(".config/llmux"));
    fs::create_dir_all(&agents).unwrap();
    fs::create_dir_all(&own).unwrap();
    fs::write(agents.join("x.toml"), "\n[agent\n").unwrap();
    fs::write(agents.join("y.toml"), "[[agent]]\nkey = 'x'\nflag = ''\n").unwrap();
    fs::write(own.join("overrides.yaml"), "turnq: {enable: true}\n").unwrap();
    let said = lab.llmux(["config", "check"]).fails(1);
    for place in ["x.toml:2:7: ", "y.toml:3:1: ", "overrides.yaml:1:9: "] {
        assert!(said.contains(place), "{place}: {said}");
    }
    assert!(
        said.contains("did you mean `flags`?") && said.contains("3 mistakes"),
        "{said}"
    );
    assert!(!said.contains("\\n"), "{said}");
    for file in [
        agents.join("x.toml"),
        agents.join("y.toml"),
        own.join("overrides.yaml"),
    ] {
        fs::remove_file(file).unwrap();
    }
    lab.llmux(["config", "check"]).ok();
    fs::write(lab.path("config/llmux/.env"), "\nLLMUXD_PORT=abc\n").unwrap();
    for verb in [&["config", "check"][..], &["server", "start"]] {
        let said = lab.llmux(verb).fails(1);
        assert!(said.contains(".env:2: LLMUXD_PORT is \"abc\""), "{said}");
    }
    let said = lab.llmux(["doctor"]);
    assert!(said.stdout.contains(".env:2: LLMUXD_PORT"), "{said}");
}
