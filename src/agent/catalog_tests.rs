use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use llmux_protocol::api::ActivityState;

use super::*;
use crate::{
    agent::{ProgramSearch, Sight},
    config::Environment,
};

fn catalog() -> Catalog {
    Catalog::new(Overrides::default(), &BTreeMap::new()).unwrap()
}

fn environment() -> Environment {
    Environment::new(
        Path::new("/home/u"),
        Path::new("/"),
        [("SHELL", "/bin/zsh"), ("PATH", "/nowhere")],
    )
}

fn changed(key: &str, change: AgentConfig) -> Result<Catalog, CatalogError> {
    Catalog::new(Overrides::default(), &BTreeMap::from([(key.to_owned(), change)]))
}

#[test]
fn the_agents_are_those_of_the_old_program_and_two_of_our_own() {
    let catalog = catalog();
    let keys: Vec<_> = catalog.all().map(|agent| agent.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "claude", "codex", "agy", "gemini", "qwen", "opencode", "amp", "grok", "aider", "continue",
            "kiro", "cursor", "plandex", "goose", "copilot", "demo", "shell"
        ]
    );
    assert_eq!(catalog.find("goose").unwrap().env["GOOSE_MODE"], "auto");
    assert!(
        catalog
            .all()
            .all(|agent| !agent.install_hint.is_empty() && !agent.docs_url.is_empty())
    );
}

#[test]
fn what_was_never_tried_on_the_real_program_says_so() {
    let catalog = catalog();
    let untried = catalog
        .all()
        .filter(|agent| agent.builtin.is_none() && agent.proven_with.is_none());
    let untried: Vec<&str> = untried.map(|agent| agent.key.as_str()).collect();
    assert_eq!(untried, ["agy", "amp", "kiro", "cursor", "plandex"]);
    let other = AgentConfig {
        cmd: Some("/opt/fork/claudia".into()),
        ..AgentConfig::default()
    };
    let catalog = changed("claude", other).unwrap();
    assert_eq!(
        catalog.find("claude").unwrap().proven_with,
        None,
        "another program"
    );
}

#[test]
fn every_command_line_of_the_catalog_has_words() {
    for agent in catalog().all() {
        assert!(
            !agent.argv(None, &environment()).unwrap()[0].is_empty(),
            "{}",
            agent.key
        );
    }
}

#[test]
fn a_command_line_is_the_command_then_the_flags() {
    let catalog = catalog();
    let argv = |key: &str, flags| catalog.find(key).unwrap().argv(flags, &environment()).unwrap();
    assert_eq!(
        argv("aider", None),
        ["aider", "--yes-always", "--model", "claude-opus-4-6"]
    );
    assert_eq!(argv("claude", Some("")), ["claude"]);
    assert_eq!(
        argv("claude", Some("--model 'a b'")),
        ["claude", "--model", "a b"]
    );
    assert_eq!(
        argv("demo", Some("--delay 5")),
        ["llmux", "demo-agent", "--delay", "5"]
    );
    assert_eq!(argv("shell", None), ["/bin/zsh"]);
}

#[test]
fn a_change_replaces_only_what_it_names() {
    let change = AgentConfig {
        cmd: Some("~/bin/wrap 'x y'".to_owned()),
        env: BTreeMap::from([("K".to_owned(), "v".to_owned())]),
        ready_prompt: Some("^>>".to_owned()),
        ..AgentConfig::default()
    };
    let catalog = changed("goose", change).unwrap();
    let goose = catalog.find("goose").unwrap();
    assert_eq!(
        goose.argv(None, &environment()).unwrap(),
        ["/home/u/bin/wrap", "x y"]
    );
    assert_eq!(
        (goose.env["GOOSE_MODE"].as_str(), goose.env["K"].as_str()),
        ("auto", "v")
    );
    let rows = ["x", ">>"].map(Arc::from);
    let sight = Sight {
        rows: &rows,
        bright: &rows,
        title: "",
        cursor: None,
    };
    assert_eq!(goose.rules.screen(&sight).unwrap().state, ActivityState::Ready);
}

#[test]
fn an_agent_of_ones_own_needs_a_command() {
    let own = AgentConfig {
        cmd: Some("mine".to_owned()),
        ..AgentConfig::default()
    };
    assert_eq!(
        changed("mine", own).unwrap().find("mine").unwrap().display_name,
        "mine"
    );
    let catalog = changed("cluade", AgentConfig::default()).unwrap();
    assert!(
        catalog.warnings()[0].ends_with("did you mean `agents.claude`?"),
        "{:?}",
        catalog.warnings()
    );
}

#[test]
fn a_broken_ready_prompt_is_an_error_that_names_the_agent() {
    let change = AgentConfig {
        ready_prompt: Some("(".to_owned()),
        ..AgentConfig::default()
    };
    assert_eq!(
        changed("amp", change).unwrap_err().to_string(),
        "agents.amp.readyPrompt"
    );
}

#[test]
fn a_builtin_is_installed_and_an_absent_program_is_not() {
    let (catalog, env) = (catalog(), environment());
    let search = ProgramSearch::new(&env);
    let installed = |key: &str| catalog.find(key).unwrap().installed(&search, &env);
    assert!(installed("demo"));
    assert!(!installed("codex") && !installed("claude"));
}

#[test]
fn a_program_that_its_own_installer_keeps_can_be_started() {
    let home = tempfile::tempdir().unwrap();
    let env = Environment::new(home.path(), home.path(), []);
    let search = ProgramSearch::new(&env);
    for (key, place) in [
        ("claude", "claude/versions/2.1.10"),
        ("copilot", "gh/copilot/copilot"),
    ] {
        let catalog = catalog();
        let agent = catalog.find(key).unwrap();
        let file = home.path().join(".local/share").join(place);
        // A directory alone is no program.
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        assert!(!agent.installed(&search, &env), "{key}");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        assert!(agent.installed(&search, &env), "{key}");
        let argv = agent.argv(None, &env).unwrap();
        assert_eq!(agent.stand_in(&argv, &search), Some(file));
        assert_eq!(agent.stand_in(&["/bin/sh".to_owned()], &search), None);
        let change = AgentConfig {
            cmd: Some("other".to_owned()),
            ..AgentConfig::default()
        };
        assert!(
            !changed(key, change)
                .unwrap()
                .find(key)
                .unwrap()
                .installed(&search, &env)
        );
    }
}

#[test]
fn a_new_conversation_gets_an_id_where_the_agent_takes_one_and_the_flags_choose_none() {
    let catalog = catalog();
    let flag = |key: &str, flags| {
        let agent = catalog.find(key).unwrap();
        let argv = agent.argv(flags, &environment()).unwrap();
        agent.pin_flag(&argv).map(str::to_owned)
    };
    for key in ["claude", "gemini", "qwen", "copilot", "demo"] {
        assert_eq!(flag(key, None).as_deref(), Some("--session-id"), "{key}");
    }
    assert_eq!(flag("grok", None).as_deref(), Some("-s"));
    assert_eq!(flag("codex", None), None);
    for flags in [
        "--session-id x",
        "--session-id=x",
        "--resume x",
        "-c",
        "-x --continue",
    ] {
        assert_eq!(flag("claude", Some(flags)), None, "{flags}");
    }
}

#[test]
fn another_program_is_not_given_a_flag_it_may_not_know() {
    let pinned = |key: &str, cmd: &str| {
        let change = AgentConfig {
            cmd: Some(cmd.to_owned()),
            ..AgentConfig::default()
        };
        let catalog = changed(key, change).unwrap();
        catalog.find(key).unwrap().session_id_flag.is_some()
    };
    assert!(pinned("claude", "/opt/bin/claude --verbose"));
    assert!(!pinned("claude", "sh wrapper") && !pinned("claude", "") && !pinned("demo", "llmux demo-agent"));
}

#[test]
fn the_operators_files_stand_between_the_built_in_rows_and_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = r"
[[agent]]
key = 'goose'
flags = '--from-file'
submit = { gap-ms = 7 }
exit-keys = 'C-c C-c'
[agent.rules]
busy = { pattern = '^WORKING' }

[[agent]]
key = 'mine'
cmd = 'mine --fast'
";
    std::fs::write(dir.path().join("a.toml"), file).unwrap();
    let config = AgentConfig {
        flags: Some("--from-config".to_owned()),
        ..AgentConfig::default()
    };
    let config = BTreeMap::from([("mine".to_owned(), config)]);
    let catalog = Catalog::new(Overrides::read(dir.path()), &config).unwrap();
    let goose = catalog.find("goose").unwrap();
    assert_eq!(
        (goose.cmd.as_str(), goose.flags.as_str()),
        ("goose", "--from-file")
    );
    assert_eq!(
        (goose.submit.gap_ms, goose.submit.settle_ms),
        (7, DEFAULT_SETTLE_MS)
    );
    assert_eq!(goose.exit_keys, [b"\x03", b"\x03"]);
    let seen = |row: &str| {
        let rows = [Arc::from(row)];
        let sight = Sight {
            rows: &rows,
            bright: &rows,
            title: "",
            cursor: None,
        };
        goose.rules.screen(&sight).map(|seen| seen.state)
    };
    assert_eq!(seen("WORKING"), Some(ActivityState::Busy));
    // A rule that the file does not name is still there.
    assert_eq!(
        seen("> Enter to send · Ctrl+J newline"),
        Some(ActivityState::Ready)
    );
    let mine = catalog.find("mine").unwrap();
    assert_eq!(
        mine.argv(None, &environment()).unwrap(),
        ["mine", "--fast", "--from-config"]
    );
    assert!(catalog.warnings().is_empty());
}

#[test]
fn only_a_flag_that_takes_the_guards_away_makes_a_folder_trusted() {
    let catalog = catalog();
    let trusts = |key: &str, flags| {
        let agent = catalog.find(key).unwrap();
        agent
            .trusts(&agent.argv(flags, &environment()).unwrap())
            .is_some()
    };
    for key in ["claude", "codex", "gemini", "qwen", "copilot"] {
        assert!(trusts(key, None) && !trusts(key, Some("")), "{key}");
    }
    assert!(!trusts("demo", None) && !trusts("aider", None));
    assert!(trusts("claude", Some("-c --permission-mode bypassPermissions")));
    assert!(trusts("gemini", Some("--approval-mode=yolo")));
    for flags in [
        "--permission-mode plan",
        "bypassPermissions",
        "-- --dangerously-skip-permissions",
    ] {
        assert!(!trusts("claude", Some(flags)), "{flags}");
    }
    let change = AgentConfig {
        pre_spawn: Some(false),
        ..AgentConfig::default()
    };
    let catalog = changed("claude", change).unwrap();
    let agent = catalog.find("claude").unwrap();
    assert_eq!(agent.trusts(&agent.argv(None, &environment()).unwrap()), None);
}
