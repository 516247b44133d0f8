use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use super::*;
use crate::agent::{Catalog, Overrides};

/// A path with all that a shell, JSON and TOML quote.
const HOOK: [&str; 4] = ["/opt/it's \"my\" $HOME\\llmux", "--socket", "/s/d.sock", "hook"];

fn hook() -> Vec<String> {
    HOOK.map(str::to_owned).to_vec()
}

fn catalog() -> Catalog {
    Catalog::new(Overrides::default(), &BTreeMap::new()).unwrap()
}

fn read_hooks(toml: &str) -> Hooks {
    toml::from_str(toml).unwrap()
}

/// All that is set up for an agent, as one text.
fn golden(key: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("h");
    let catalog = catalog();
    let hooks = catalog.find(key).unwrap().hooks.clone().unwrap();
    let set_up = hooks.set_up(&dir, &hook()).unwrap();
    let words = set_up.words.iter().map(|word| format!("word {word}\n"));
    let env = set_up
        .env
        .iter()
        .map(|(name, value)| format!("env {name}={value}\n"));
    let files = hooks.files.keys().map(|name| {
        let content = fs::read_to_string(dir.join(name)).unwrap();
        serde_json::from_str::<Value>(&content).expect("JSON");
        format!("--- {name}\n{content}\n")
    });
    let text: String = words.chain(env).chain(files).collect();
    text.replace(home.path().to_str().unwrap(), "HOME")
}

#[test]
fn each_agent_gets_what_it_reads() {
    let catalog = catalog();
    let with_hooks = catalog.all().filter(|agent| agent.hooks.is_some());
    let keys: Vec<&str> = with_hooks.map(|agent| agent.key.as_str()).collect();
    let all: Vec<String> = keys
        .iter()
        .map(|key| format!("=== {key}\n{}", golden(key)))
        .collect();
    insta::assert_snapshot!(all.concat());
}

#[test]
fn every_command_reaches_the_hook_with_its_event_through_a_shell() {
    let home = tempfile::tempdir().unwrap();
    // Prints its words, one a line.
    let program = home.path().join("it's a $HOME \"hook\"");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let hook = vec![program.to_str().unwrap().to_owned(), "hook".to_owned()];
    let mut tried = 0;
    for agent in catalog().all() {
        let Some(hooks) = &agent.hooks else { continue };
        let dir = home.path().join(&agent.key);
        hooks.set_up(&dir, &hook).unwrap();
        for name in hooks.files.keys() {
            let content: Value = serde_json::from_slice(&fs::read(dir.join(name)).unwrap()).unwrap();
            for (event, command) in commands(&content) {
                let run = std::process::Command::new("sh")
                    .args(["-c", &command])
                    .output()
                    .unwrap();
                assert_eq!(
                    String::from_utf8(run.stdout).unwrap(),
                    format!("hook\n{event}\n"),
                    "{command}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 10, "{tried}");
}

/// The events of a file of hooks, each with its command.
fn commands(content: &Value) -> Vec<(String, String)> {
    let events = content["hooks"].as_object().into_iter().flatten();
    let command = |hook: &Value| {
        let hook = hook
            .pointer("/0/hooks/0")
            .or(hook.pointer("/0"))
            .cloned()
            .unwrap_or_default();
        hook["command"]
            .as_str()
            .or(hook["bash"].as_str())
            .map(str::to_owned)
    };
    events
        .filter_map(|(event, hook)| Some((event.clone(), command(hook)?)))
        .collect()
}

#[test]
fn a_list_of_words_is_one_to_toml() {
    let codex = catalog().find("codex").unwrap().hooks.clone().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let set_up = codex.set_up(&dir.path().join("h"), &hook()).unwrap();
    let [flag, setting] = &set_up.words[..] else {
        panic!("{set_up:?}")
    };
    let read: toml::Table = toml::from_str(setting).unwrap();
    let mut words = hook();
    words.push("agent-turn-complete".to_owned());
    assert_eq!(
        (flag.as_str(), &read["notify"]),
        ("-c", &toml::Value::from(words))
    );
}

#[test]
fn what_is_written_is_the_users_alone_and_never_over_something() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("h");
    let hooks = read_hooks("events = []\nfiles = { \"a/b\" = \"x\" }");
    hooks.set_up(&dir, &hook()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&dir), mode(&dir.join("a")), mode(&dir.join("a/b"))),
        (0o700, 0o700, 0o600)
    );
    assert_eq!(
        hooks.set_up(&dir, &hook()).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
}

#[test]
fn no_path_of_the_data_leads_out_of_the_directory() {
    let home = tempfile::tempdir().unwrap();
    for name in ["../x", "/tmp/llmux-hooks-x", "a/../../x", "./x"] {
        let hooks = read_hooks(&format!("events = []\nfiles = {{ {name:?} = \"\" }}"));
        let error = hooks.set_up(&home.path().join("h"), &hook()).unwrap_err();
        assert!(error.to_string().contains("no path below"), "{error}");
        fs::remove_dir_all(home.path().join("h")).unwrap();
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn what_a_person_has_set_up_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".codex")).unwrap();
    fs::create_dir_all(home.path().join("moved")).unwrap();
    let config = |dir: &str, text: &str| fs::write(home.path().join(dir).join("config.toml"), text).unwrap();
    let found = |key: &str, env: &[(&str, &str)], flags: &[&str]| {
        let env: BTreeMap<String, String> = env
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let argv: Vec<String> = flags.iter().map(|word| (*word).to_owned()).collect();
        let around = Surroundings {
            env: &env,
            home: home.path(),
        };
        catalog()
            .find(key)
            .unwrap()
            .hooks
            .as_ref()
            .unwrap()
            .kept_out_by(&argv, around)
    };
    config(
        ".codex",
        "model = \"x\"\n# notify = []\n[tui]\nnotifications = true\n",
    );
    assert_eq!(found("codex", &[], &["codex", "--yolo"]), None);
    let own = found("codex", &[], &["codex", "-c", "notify=[\"x\"]"]);
    assert_eq!(own.as_deref(), Some("its flags have notify=[\"x\"]"));
    config("moved", "notify = [\"say\"]\n");
    let moved = home.path().join("moved");
    assert!(found("codex", &[("CODEX_HOME", moved.to_str().unwrap())], &[]).is_some());
    config(".codex", "model = \"x\"\nnotify = [\"say\"]\n");
    assert!(
        found("codex", &[], &[])
            .unwrap()
            .ends_with("config.toml has its own")
    );
    let named = ("QWEN_CODE_SYSTEM_DEFAULTS_PATH", "/x");
    assert_eq!(
        found("qwen", &[named], &[]).as_deref(),
        Some("QWEN_CODE_SYSTEM_DEFAULTS_PATH is set already")
    );
    assert_eq!(
        found("qwen", &[("QWEN_CODE_SYSTEM_DEFAULTS_PATH", "")], &[]),
        None
    );
    // These add to what is there.
    assert_eq!(found("claude", &[], &["claude", "--settings", "mine.json"]), None);
}

#[test]
fn what_no_program_uses_is_swept() {
    let all = tempfile::tempdir().unwrap();
    for name in ["used", "left"] {
        fs::create_dir_all(all.path().join(name).join("deep")).unwrap();
    }
    sweep(all.path(), |name| name == "used");
    assert!(all.path().join("used").exists() && !all.path().join("left").exists());
    sweep(&all.path().join("absent"), |_| false);
}
