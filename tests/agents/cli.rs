//! The agent CLIs: where `.ci/agents` puts them and how a fresh home is settled, so that none asks anything at its
//! start, reports to anybody or updates itself. `$URL`, `$HOME` and `$CWD` are filled in. That the folder may be trusted is
//! what llmux has to tell them.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{lab::Lab, model::Model};

/// An agent under test.
pub struct Cli {
    /// Its key in the catalog and its directory.
    pub key: &'static str,
    package: &'static str,
    /// Where the program is, if not in `.bin`.
    bin: Option<&'static str>,
    pub flags: Option<&'static str>,
    env: &'static [(&'static str, &'static str)],
    files: &'static [(&'static str, &'static str)],
    /// What it can't do: the word of a prompt, and why.
    pub cannot: &'static [(&'static str, &'static str)],
}

pub const ALL: &[Cli] = &[CODEX, GEMINI, CONTINUE, QWEN, OPENCODE, GOOSE, CLAUDE];

const CODEX: Cli = Cli {
    key: "codex",
    package: "@openai/codex",
    bin: None,
    // Else it copies its 400 MB into the home and starts a server shared by all.
    flags: Some("--no-daemon --dangerously-bypass-approvals-and-sandbox"),
    env: &[("LAB_KEY", "lab")],
    files: &[(
        ".codex/config.toml",
        r#"model = "lab"
model_provider = "lab"
check_for_update_on_startup = false

[model_providers.lab]
name = "lab"
base_url = "$URL/v1"
wire_api = "responses"
env_key = "LAB_KEY"
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false

[analytics]
enabled = false

[feedback]
enabled = false
"#,
    )],
    cannot: &[],
};

const GEMINI: Cli = Cli {
    key: "gemini",
    package: "@google/gemini-cli",
    bin: None,
    flags: None,
    env: &[
        ("GEMINI_API_KEY", "lab"),
        ("GEMINI_MODEL", "gemini-2.5-flash"),
        ("GOOGLE_GEMINI_BASE_URL", "$URL"),
    ],
    files: &[(
        ".gemini/settings.json",
        r#"{"security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
            "privacy": {"usageStatisticsEnabled": false}, "telemetry": {"enabled": false}}"#,
    )],
    cannot: &[],
};

const CONTINUE: Cli = Cli {
    key: "continue",
    package: "@continuedev/cli",
    bin: None,
    flags: Some("--auto --config $HOME/continue.yaml"),
    env: &[
        ("CONTINUE_TELEMETRY_ENABLED", "0"),
        ("CONTINUE_ALLOW_ANONYMOUS_TELEMETRY", "0"),
    ],
    files: &[(
        "continue.yaml",
        "name: lab\nversion: 1.0.0\nschema: v1\nmodels:\n  - {name: Lab, provider: openai, model: lab, \
         apiBase: \"$URL/v1\", apiKey: lab, roles: [chat]}\n",
    )],
    cannot: &[],
};

const QWEN: Cli = Cli {
    key: "qwen",
    package: "@qwen-code/qwen-code",
    bin: None,
    flags: None,
    env: &[
        ("OPENAI_API_KEY", "lab"),
        ("OPENAI_BASE_URL", "$URL/v1"),
        ("OPENAI_MODEL", "lab"),
    ],
    files: &[(
        ".qwen/settings.json",
        r#"{"security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": true}},
            "model": {"name": "lab"}, "general": {"enableAutoUpdate": false, "disableAutoUpdate": true},
            "privacy": {"usageStatisticsEnabled": false}, "telemetry": {"enabled": false}}"#,
    )],
    cannot: &[],
};

const OPENCODE: Cli = Cli {
    key: "opencode",
    package: "opencode-ai",
    bin: None,
    flags: Some("--auto"),
    env: &[
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_CONFIG", "$HOME/opencode.json"),
    ],
    files: &[(
        "opencode.json",
        r#"{"autoupdate": false, "share": "disabled", "model": "lab/lab", "small_model": "lab/lab",
            "enabled_providers": ["lab"],
            "provider": {"lab": {"npm": "@ai-sdk/openai-compatible", "name": "Lab",
                "options": {"baseURL": "$URL/v1", "apiKey": "lab"},
                "models": {"lab": {"name": "Lab", "limit": {"context": 128000, "output": 8192}}}}}}"#,
    )],
    cannot: &[(
        "joined",
        "it takes a joined emoji for two columns wide, so a piece of it stays in its composer, where it is somebody's draft",
    )],
};

const GOOSE: Cli = Cli {
    key: "goose",
    package: "@aaif/goose-binary-linux-x64",
    bin: Some("@aaif/goose-binary-linux-x64/bin"),
    flags: Some("session"),
    env: &[
        ("OPENAI_API_KEY", "lab"),
        ("OPENAI_HOST", "$URL"),
        ("GOOSE_PROVIDER", "openai"),
        ("GOOSE_MODEL", "lab"),
        ("GOOSE_DISABLE_KEYRING", "1"),
        ("GOOSE_TELEMETRY_ENABLED", "false"),
    ],
    files: &[],
    cannot: &[],
};

const CLAUDE: Cli = Cli {
    key: "claude",
    package: "@anthropic-ai/claude-code",
    bin: None,
    flags: None,
    env: &[
        ("ANTHROPIC_BASE_URL", "$URL"),
        ("ANTHROPIC_AUTH_TOKEN", "lab"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        // Else it refuses its flags to root.
        ("IS_SANDBOX", "1"),
    ],
    files: &[(
        ".claude.json",
        r#"{"hasCompletedOnboarding": true, "lastOnboardingVersion": "2.1.330", "theme": "dark"}"#,
    )],
    cannot: &[],
};

impl Cli {
    fn modules(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/agents/{}/node_modules", self.key))
    }

    /// The version that is installed.
    pub fn version(&self) -> Option<String> {
        let manifest = self.modules().join(self.package).join("package.json");
        let manifest: Value = serde_json::from_str(&fs::read_to_string(manifest).ok()?).ok()?;
        Some(manifest["version"].as_str()?.to_owned())
    }

    /// Settles this home for it and puts it on the path.
    pub fn settle(&self, lab: &mut Lab, model: &Model) {
        for (name, text) in self.files {
            let path = lab.path(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, fill(text, lab, model)).expect("a file");
        }
        let bin = self.modules().join(self.bin.unwrap_or(".bin"));
        let path = std::env::var("PATH").unwrap_or_default();
        lab.set("PATH", format!("{}:{path}", bin.display()));
    }

    /// The arguments that start a session of it.
    pub fn start(&self, name: &str, lab: &Lab, model: &Model) -> Vec<String> {
        let mut args = ["session", "start", self.key, "--name", name, "--cwd"]
            .map(str::to_owned)
            .to_vec();
        args.push(lab.path("work").to_string_lossy().into_owned());
        for (name, value) in self.env {
            args.extend(["--env".to_owned(), format!("{name}={}", fill(value, lab, model))]);
        }
        if let Some(flags) = self.flags {
            args.push(format!("--flags={}", fill(flags, lab, model)));
        }
        args
    }
}

fn fill(text: &str, lab: &Lab, model: &Model) -> String {
    text.replace("$URL", &model.url())
        .replace("$HOME", &lab.home().to_string_lossy())
        .replace("$CWD", &lab.path("work").to_string_lossy())
}
