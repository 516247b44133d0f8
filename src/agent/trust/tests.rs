use std::{
    os::unix::fs::{PermissionsExt, symlink},
    thread,
};

use tempfile::TempDir;

use super::*;

/// A home directory with a folder to trust.
struct Home {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        let env = BTreeMap::new();
        Self { dir, env }
    }

    fn path(&self, name: &str) -> PathBuf {
        // As an agent sees it.
        fs::canonicalize(self.dir.path()).unwrap().join(name)
    }

    fn work(&self) -> String {
        self.path("work").to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn trust(&self, file: TrustFile) -> Result<(), TrustError> {
        self.trust_in(file, "work")
    }

    fn trust_in(&self, file: TrustFile, folder: &str) -> Result<(), TrustError> {
        let around = Surroundings {
            env: &self.env,
            home: self.dir.path(),
        };
        file.trust(&self.path(folder), around)
    }
}

/// Each file, and what makes it trust the folder where there is none yet.
const NEW: &[(TrustFile, &str, &str)] = &[
    (
        TrustFile::Claude,
        ".claude.json",
        "{\"projects\": {\"$CWD\": {\"hasTrustDialogAccepted\": true}}, \"bypassPermissionsModeAccepted\": true}\n",
    ),
    (
        TrustFile::Codex,
        ".codex/config.toml",
        "[projects.\"$CWD\"]\ntrust_level = \"trusted\"\n",
    ),
    (
        TrustFile::Copilot,
        ".copilot/config.json",
        "{\"trustedFolders\": [\"$CWD\"]}\n",
    ),
    (
        TrustFile::Gemini,
        ".gemini/trustedFolders.json",
        "{\"$CWD\": \"TRUST_FOLDER\"}\n",
    ),
    (
        TrustFile::Qwen,
        ".qwen/trustedFolders.json",
        "{\"$CWD\": \"TRUST_FOLDER\"}\n",
    ),
];

#[test]
fn a_file_that_is_not_there_is_made_for_the_owner_alone_and_written_once() {
    for (file, name, text) in NEW {
        let home = Home::new();
        home.trust(*file).unwrap();
        assert_eq!(home.read(name), text.replace("$CWD", &home.work()));
        let before = fs::metadata(home.path(name)).unwrap();
        assert_eq!(before.permissions().mode() & 0o777, 0o600);
        home.trust(*file).unwrap();
        let after = fs::metadata(home.path(name)).unwrap();
        assert_eq!(after.modified().unwrap(), before.modified().unwrap(), "{name}");
    }
}

#[test]
fn all_else_in_a_file_stays_as_it_was() {
    let cases = [
        (
            TrustFile::Claude,
            ".claude.json",
            "{\n  \"z\": 1.50, // mine\n  \"projects\": {\n    \"/a\": {\"x\": [ 1 ]},\n    \"$CWD\": {\"history\": [],\n      \
             \"hasTrustDialogAccepted\": false}\n  },\n  \"a\": \"\\u00e9\",\n}\n",
            "{\n  \"z\": 1.50, // mine\n  \"projects\": {\n    \"/a\": {\"x\": [ 1 ]},\n    \"$CWD\": {\"history\": [],\n      \
             \"hasTrustDialogAccepted\": true}\n  },\n  \"a\": \"\\u00e9\",\n  \"bypassPermissionsModeAccepted\": true,\n}\n",
        ),
        (
            TrustFile::Codex,
            ".codex/config.toml",
            "# mine\nmodel = 'x'   # why\n\n[projects.\"/a\"]\ntrust_level = \"untrusted\"\n\n[tui]\nbell=true\n",
            "# mine\nmodel = 'x'   # why\n\n[projects.\"/a\"]\ntrust_level = \"untrusted\"\n\n[projects.\"$CWD\"]\ntrust_level = \
             \"trusted\"\n\n[tui]\nbell=true\n",
        ),
        (
            TrustFile::Codex,
            ".codex/config.toml",
            "projects = { \"/a\" = { trust_level = \"trusted\" } }\n",
            "projects = { \"/a\" = { trust_level = \"trusted\" } , \"$CWD\".trust_level = \"trusted\" }\n",
        ),
        (
            TrustFile::Copilot,
            ".copilot/config.json",
            "// Written by a machine.\n{\n  /* { */ \"b\": {},\n  \"trustedFolders\": [\n    \"/a\"\n  ]\n}",
            "// Written by a machine.\n{\n  /* { */ \"b\": {},\n  \"trustedFolders\": [\n    \"/a\", \"$CWD\"\n  ]\n}",
        ),
        (
            TrustFile::Gemini,
            ".gemini/trustedFolders.json",
            "{\"/a//b\":\"TRUST_FOLDER\"}",
            "{\"/a//b\":\"TRUST_FOLDER\", \"$CWD\": \"TRUST_FOLDER\"}",
        ),
    ];
    for (file, name, before, after) in cases {
        let home = Home::new();
        let path = home.write(name, &before.replace("$CWD", &home.work()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        home.trust(file).unwrap();
        assert_eq!(home.read(name), after.replace("$CWD", &home.work()), "{name}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            if file == TrustFile::Claude { 2 } else { 1 }
        );
    }
}

#[test]
fn what_a_person_has_decided_stays() {
    let cases = [
        (
            TrustFile::Codex,
            ".codex/config.toml",
            "[projects.\"$CWD\"]\ntrust_level = \"untrusted\"\n",
        ),
        (
            TrustFile::Gemini,
            ".gemini/trustedFolders.json",
            "{\"$CWD\": \"DO_NOT_TRUST\"}",
        ),
        (
            TrustFile::Gemini,
            ".gemini/trustedFolders.json",
            "{\"/\": \"TRUST_FOLDER\"}",
        ),
        (
            TrustFile::Qwen,
            ".qwen/trustedFolders.json",
            "{\"$CWD/x\": \"TRUST_PARENT\"}",
        ),
        (
            TrustFile::Copilot,
            ".copilot/config.json",
            "{\"trustedFolders\": [\"$CWD\"]}",
        ),
    ];
    for (file, name, text) in cases {
        let home = Home::new();
        let text = text.replace("$CWD", &home.work());
        home.write(name, &text);
        home.trust(file).unwrap();
        assert_eq!(home.read(name), text);
    }
    let home = Home::new();
    home.write(
        ".claude/settings.json",
        "{\"skipDangerousModePermissionPrompt\": true}",
    );
    home.trust(TrustFile::Claude).unwrap();
    assert!(!home.read(".claude.json").contains("bypass"));
}

#[test]
fn a_file_that_can_not_be_understood_is_left_alone_and_named() {
    let cases = [
        (TrustFile::Claude, ".claude.json", "{\"projects\": "),
        (TrustFile::Claude, ".claude.json", "{\"projects\": []}"),
        (TrustFile::Codex, ".codex/config.toml", "[projects\n"),
        (TrustFile::Codex, ".codex/config.toml", "projects = 1\n"),
        (
            TrustFile::Copilot,
            ".copilot/config.json",
            "{\"trustedFolders\": {}}",
        ),
        (TrustFile::Gemini, ".gemini/trustedFolders.json", "[]"),
        (TrustFile::Qwen, ".qwen/trustedFolders.json", "{} {}"),
    ];
    for (file, name, text) in cases {
        let home = Home::new();
        let path = home.write(name, text);
        let said = home.trust(file).unwrap_err().to_string();
        assert!(
            said.starts_with(path.to_str().unwrap()) && said.contains("understood"),
            "{said}"
        );
        assert_eq!(home.read(name), text);
    }
}

#[test]
fn a_link_stays_and_one_that_leads_nowhere_is_no_file() {
    let home = Home::new();
    let real = home.write("dotfiles/codex.toml", "# mine\n");
    fs::create_dir(home.path(".codex")).unwrap();
    let link = home.path(".codex/config.toml");
    symlink(&real, &link).unwrap();
    home.trust(TrustFile::Codex).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().starts_with("# mine\n"));
    fs::remove_file(&real).unwrap();
    home.trust(TrustFile::Codex).unwrap_err();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !real.exists());
}

#[test]
fn two_starts_at_once_lose_no_entry() {
    for (file, name) in [
        (TrustFile::Codex, ".codex/config.toml"),
        (TrustFile::Claude, ".claude.json"),
    ] {
        let home = Home::new();
        let folders: Vec<String> = (0..16).map(|n| format!("folder \"{n}\" \\")).collect();
        thread::scope(|scope| {
            for folder in &folders {
                fs::create_dir(home.path(folder)).unwrap();
                scope.spawn(|| home.trust_in(file, folder).unwrap());
            }
        });
        let text = home.read(name);
        let projects: serde_json::Value = match file {
            TrustFile::Codex => toml::from_str(&text).unwrap(),
            _ => serde_json::from_str(&text).unwrap(),
        };
        for folder in &folders {
            let project = &projects["projects"][home.path(folder).to_str().unwrap()];
            assert!(project.is_object(), "{folder}: {text}");
        }
    }
}

#[test]
fn the_agents_own_variables_move_its_file() {
    let cases = [
        (
            TrustFile::Claude,
            "CLAUDE_CONFIG_DIR",
            "moved",
            "moved/.claude.json",
        ),
        (TrustFile::Codex, "CODEX_HOME", "moved", "moved/config.toml"),
        (TrustFile::Copilot, "COPILOT_HOME", "moved", "moved/config.json"),
        (
            TrustFile::Gemini,
            "GEMINI_CLI_HOME",
            "moved",
            "moved/.gemini/trustedFolders.json",
        ),
        (
            TrustFile::Gemini,
            "GEMINI_CLI_TRUSTED_FOLDERS_PATH",
            "t.json",
            "t.json",
        ),
        (TrustFile::Qwen, "QWEN_HOME", "moved", "moved/trustedFolders.json"),
        (TrustFile::Codex, "HOME", "moved", "moved/.codex/config.toml"),
    ];
    for (file, variable, value, path) in cases {
        let mut home = Home::new();
        let value = home.path(value).to_str().unwrap().to_owned();
        home.env.insert(variable.to_owned(), value);
        home.trust(file).unwrap();
        assert!(home.read(path).contains(&home.work()), "{variable}");
    }
    let home = Home::new();
    home.write(".claude/.config.json", "{}");
    home.trust(TrustFile::Claude).unwrap();
    assert!(!home.path(".claude.json").exists());
}
