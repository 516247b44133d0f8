//! The agent CLIs, as `clis.toml` has them: where `.ci/agents` puts them, and how a home is settled for one.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;

use crate::{lab::Lab, model::Model};

/// An agent under test; what each field is for is said in `clis.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cli {
    pub key: String,
    bin: Option<String>,
    flags: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    pub titles: bool,
    #[serde(default)]
    pub cannot: BTreeMap<String, String>,
    #[serde(default)]
    pub lacks: BTreeMap<String, String>,
    pub login: Option<String>,
    pub approval: Option<Approval>,
}

/// How it is made to ask for an approval.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    flags: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default = "shell")]
    pub asks: String,
    pub yes: String,
    pub no: String,
}

fn shell() -> String {
    "ask".to_owned()
}

/// All of them.
pub fn all() -> Vec<Cli> {
    #[derive(Deserialize)]
    struct File {
        cli: Vec<Cli>,
    }
    let file: File = toml::from_str(include_str!("clis.toml")).expect("the table of agents");
    file.cli
}

impl Cli {
    fn dir(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/agents/{}", self.key))
    }

    /// The version that is installed.
    pub fn version(&self) -> Option<String> {
        let stamp = fs::read_to_string(self.dir().join("installed")).ok()?;
        let version = stamp.trim_end().rsplit(['@', '=']).next();
        version.map(str::to_owned)
    }

    /// Settles this home for it and puts it on the path.
    pub fn settle(&self, lab: &mut Lab, model: &Model) {
        for (name, text) in &self.files {
            let path = lab.path(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, fill(text, lab, model)).expect("a file");
        }
        // What the catalog lacks is taught as an operator would teach it.
        let row = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/agents/agents.d/{}.toml", self.key));
        if let Ok(row) = fs::read(row) {
            let dir = lab.path("config/llmux/agents.d");
            fs::create_dir_all(&dir).expect("a directory");
            fs::write(dir.join("lab.toml"), row).expect("a file");
        }
        let bin = self
            .dir()
            .join(self.bin.as_deref().unwrap_or("node_modules/.bin"));
        let path = std::env::var("PATH").unwrap_or_default();
        lab.set("PATH", format!("{}:{path}", bin.display()));
    }

    /// The arguments that start a session of it.
    pub fn start(&self, name: &str, lab: &Lab, model: &Model) -> Vec<String> {
        self.start_with(name, self.flags.as_deref(), &BTreeMap::new(), lab, model)
    }

    /// The arguments that start one with its guards on.
    pub fn start_guarded(&self, approval: &Approval, name: &str, lab: &Lab, model: &Model) -> Vec<String> {
        self.start_with(name, approval.flags.as_deref(), &approval.env, lab, model)
    }

    fn start_with(
        &self,
        name: &str,
        flags: Option<&str>,
        env: &BTreeMap<String, String>,
        lab: &Lab,
        model: &Model,
    ) -> Vec<String> {
        let mut args = ["session", "start", &self.key, "--name", name, "--cwd"]
            .map(str::to_owned)
            .to_vec();
        args.push(lab.path("work").to_string_lossy().into_owned());
        for (name, value) in self.env.iter().chain(env) {
            args.extend(["--env".to_owned(), format!("{name}={}", fill(value, lab, model))]);
        }
        if let Some(flags) = flags {
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
