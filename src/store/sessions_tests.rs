use std::{
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(content: &str) -> Self {
        let place = Self::new();
        fs::write(place.path(), content).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("sessions.json")
    }

    fn registry(&self) -> Registry {
        Registry::new(self.path())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap()
    }
}

fn add(registry: &Registry, name: &str) {
    let record = SessionRecord::new(name, "demo", "/tmp");
    registry
        .update(|sessions| sessions.insert(name.to_owned(), record))
        .unwrap();
}

#[test]
fn a_new_registry_is_written_as_the_node_program_reads_it() {
    let place = Place::new();
    add(&place.registry(), "a");
    let text = fs::read_to_string(place.path()).unwrap();
    assert!(
        text.starts_with("{\n  \"sessions\": {\n    \"a\": {\n") && text.ends_with("}\n"),
        "{text}"
    );
    let json = place.json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["sessions"]["a"]["parent"], Value::Null);
    assert_eq!(json["sessions"]["a"]["restart"], "on-failure");
    assert_eq!(
        fs::metadata(place.path()).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_is_not_known_is_written_back_as_it_was() {
    let old = json!({
        "version": 1,
        "future": {"deep": [1, 2.5, null, "é"]},
        "sessions": {
            "Claude Code": {
                "name": "Claude Code", "agent": "claude", "cwd": "/w", "createdAt": "2025-01-01T00:00:00.000Z",
                "parent": null, "restart": "on-failure", "flags": "", "env": {"A": "b"}, "resumeFrom": "id-1",
                "externalSessionId": "id-2", "initPrompts": ["x\ny"], "turnqMarker": "LLMUX_DONE_0badf00d",
                "orchAlias": "o", "newField": {"k": [true, 12_345_678_901_u64]}
            },
            "broken": {"agent": 7}
        }
    });
    let place = Place::with(&old.to_string());
    add(&place.registry(), "a");
    let mut now = place.json();
    now["sessions"].as_object_mut().unwrap().remove("a").unwrap();
    assert_eq!(now, old);
    let loaded = place.registry().load().unwrap();
    assert_eq!(loaded.unreadable, ["broken"]);
    assert_eq!(loaded.records["Claude Code"].flags.as_deref(), Some(""));
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let text = r#"{"version":1,"sessions":{"a":{"agent":"x","cwd":"/"}}}"#;
    let place = Place::with(text);
    let count = place.registry().update(|sessions| sessions.len()).unwrap();
    assert_eq!(count, 1);
    assert_eq!(fs::read_to_string(place.path()).unwrap(), text);
}

#[test]
fn a_corrupt_file_is_set_aside_whole() {
    for text in [
        "{\"version\":1,\"sess",
        "",
        "[]",
        "{}",
        r#"{"version":1,"sessions":[]}"#,
    ] {
        let place = Place::with(text);
        let loaded = place.registry().load().unwrap();
        let aside = loaded.set_aside.unwrap();
        assert!(
            aside.to_str().unwrap().contains("/sessions.json.corrupt-2"),
            "{}",
            aside.display()
        );
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert!(loaded.records.is_empty());
        add(&place.registry(), "a");
        assert_eq!(place.registry().load().unwrap().records.len(), 1);
    }
}

/// The Node program truncates the file and writes it, without a lock.
#[test]
fn a_file_caught_half_written_is_read_again_and_not_set_aside() {
    let text = r#"{"version":1,"sessions":{"a":{"agent":"x","cwd":"/"}}}"#;
    let place = Place::with(text);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::write(place.path(), text).unwrap();
            }
        });
        let torn = (0..300).find_map(|_| place.registry().load().unwrap().set_aside);
        done.store(true, Ordering::Relaxed);
        assert_eq!(torn, None);
    });
}

#[test]
fn another_version_is_refused_and_left_alone() {
    let text = r#"{"version":2,"sessions":{}}"#;
    let place = Place::with(text);
    let error = place.registry().update(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has format version 2; this llmux knows version 1"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(place.path()).unwrap(), text);
}

#[test]
fn a_registry_that_can_not_be_read_is_an_error_with_its_path() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let error = place.registry().update(|_| ()).unwrap_err();
    assert!(error.to_string().contains("sessions.json"), "{error}");
}

/// The child half of the next test: it may write no byte into any file.
#[test]
#[ignore = "run by a_full_disk_leaves_the_file_as_it_was"]
fn child_fails_to_write() {
    let registry = Registry::new(std::env::var_os("LLMUX_TEST_REGISTRY").unwrap().into());
    let error = registry.update(BTreeMap::clear).unwrap_err();
    assert!(error.to_string().starts_with("cannot write /"), "{error}");
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let text = r#"{"version":1,"sessions":{"a":{"agent":"x","cwd":"/"}}}"#;
    let place = Place::with(text);
    let status = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; ulimit -f 0; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::sessions::tests::child_fails_to_write",
            "--ignored",
        ])
        .env("LLMUX_TEST_REGISTRY", place.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(place.path()).unwrap(), text);
    let drafts = fs::read_dir(place.0.path())
        .unwrap()
        .flatten()
        .filter(|e| e.file_name() != "sessions.json");
    assert_eq!(
        drafts.map(|e| e.file_name()).collect::<Vec<_>>(),
        ["sessions.json.lock"]
    );
}

#[test]
fn threads_that_update_at_once_lose_nothing() {
    let place = Place::new();
    thread::scope(|scope| {
        for thread in 0..8 {
            let registry = place.registry();
            scope.spawn(move || (0..10).for_each(|n| add(&registry, &format!("t{thread}-{n}"))));
        }
    });
    assert_eq!(place.registry().load().unwrap().records.len(), 80);
}

/// The child half of the next test: the test binary runs itself.
#[test]
#[ignore = "run by processes_that_update_at_once_lose_nothing"]
fn child_adds_sessions() {
    let registry = Registry::new(std::env::var_os("LLMUX_TEST_REGISTRY").unwrap().into());
    (0..10).for_each(|n| add(&registry, &format!("p{}-{n}", std::process::id())));
}

#[test]
fn processes_that_update_at_once_lose_nothing() {
    let place = Place::new();
    let child = || {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::sessions::tests::child_adds_sessions",
                "--ignored",
            ])
            .env("LLMUX_TEST_REGISTRY", place.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(|_| child()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(place.registry().load().unwrap().records.len(), 80);
}
