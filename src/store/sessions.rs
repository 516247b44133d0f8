//! The session registry: `sessions.json`, version 1, shared with the Node program 0.41.
//!
//! Each change is lock, re-read, modify, replace. Whatever this version does not know is written back as it was.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use llmux_protocol::api::BoundBy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    file::{self, FileError},
    time,
};

const VERSION: u64 = 1;

/// The Node program truncates the file and then writes it, which takes it a millisecond or two. A file that can't be
/// parsed counts as corrupt only if nobody touched it for this long.
const SETTLED: Duration = Duration::from_millis(150);
/// How often an unparsable file is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One session as it is remembered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRecord {
    /// Its name, also its key. A name from an old file may be any string.
    #[serde(default)]
    pub name: String,
    /// The agent's key.
    pub agent: String,
    /// The working directory.
    pub cwd: String,
    /// Flags that replace the agent's own; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// Environment set over the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// The conversation it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<String>,
    /// The conversation it is known to be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_session_id: Option<String>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_session_by: Option<BoundBy>,
    /// Prompts typed once the agent is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_prompts: Option<Vec<String>>,
    /// What the agent prints at the end of each reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnq_marker: Option<String>,
    /// Kept for the Node program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orch_alias: Option<String>,
    /// When its program was last started, RFC 3339.
    #[serde(default)]
    pub created_at: String,
    /// The session that started this one.
    #[serde(default)]
    pub parent: Option<String>,
    /// Kept for the Node program, which always writes `on-failure` and never acts on it. The configuration's plan counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Whether the agent's hooks are set up, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<bool>,
    /// How its program ended, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitRecord>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How a session's program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The exit status, or 128 + signal; none when nobody saw the end.
    pub code: Option<i32>,
    /// When it was seen, RFC 3339.
    pub at: String,
}

impl SessionRecord {
    /// The conversation it is in, if that is known.
    #[must_use]
    pub fn conversation(&self) -> Option<&str> {
        self.external_session_id
            .as_deref()
            .or(self.resume_from.as_deref())
    }

    /// Makes the record of a session that starts now.
    #[must_use]
    pub fn new(name: &str, agent: &str, cwd: &str) -> Self {
        Self {
            name: name.to_owned(),
            agent: agent.to_owned(),
            cwd: cwd.to_owned(),
            created_at: time::now(),
            restart: Some("on-failure".to_owned()),
            ..Self::default()
        }
    }
}

/// Says why the registry could not be used. The file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file could not be read, locked or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is of another version of its format.
    #[error("{} has format version {found}; this llmux knows version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version as written.
        found: Value,
    },
}

/// The registry as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The sessions by name.
    pub records: BTreeMap<String, SessionRecord>,
    /// Names whose record can't be read. They stay in the file as they are.
    pub unreadable: Vec<String>,
    /// Where the file was moved to, if it could not be parsed at all; `records` is then empty.
    pub set_aside: Option<PathBuf>,
}

/// The file `sessions.json`.
#[derive(Debug, Clone)]
pub struct Registry {
    path: PathBuf,
}

/// The file's content, split into what is understood and what is only carried along.
struct Document {
    top: Map<String, Value>,
    records: BTreeMap<String, SessionRecord>,
    unreadable: Map<String, Value>,
}

impl Registry {
    /// Names the file; nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads all sessions. A missing file is an empty registry; a corrupt one is moved aside and said.
    pub fn load(&self) -> Result<Loaded, RegistryError> {
        let _lock = file::lock(&self.path)?;
        let (document, set_aside) = self.read()?;
        Ok(document.into_loaded(set_aside))
    }

    /// Reads the sessions again, lets `change` modify them and writes them if it did; no other writer gets between.
    ///
    /// Blocks on the lock and on the disk. A corrupt file is moved aside first and logged.
    ///
    /// # Errors
    ///
    /// The file is as it was, whatever `change` did.
    pub fn update<R>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, SessionRecord>) -> R,
    ) -> Result<R, RegistryError> {
        let _lock = file::lock(&self.path)?;
        let (mut document, set_aside) = self.read()?;
        if let Some(aside) = set_aside {
            tracing::warn!(aside = %aside.display(), "the session registry was corrupt and was set aside");
        }
        let before = document.records.clone();
        let result = change(&mut document.records);
        if document.records != before {
            file::replace(&self.path, &document.render())?;
        }
        Ok(result)
    }

    /// Reads all sessions as [`Registry::load`] does, but takes no lock and leaves a corrupt file where it is; `None` if there
    /// is no file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn examine(&self) -> Result<Option<Loaded>, String> {
        let Some(content) = file::read(&self.path).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let top = match serde_json::from_slice(&content) {
            Ok(Value::Object(top)) => top,
            Ok(_) => return Err("it is no JSON object".to_owned()),
            Err(error) => return Err(format!("it is not JSON: {error}")),
        };
        if let Some(found) = top.get("version").filter(|found| **found != json!(VERSION)) {
            return Err(format!(
                "it has format version {found}; this llmux knows version {VERSION}"
            ));
        }
        let document = Document::parse(top).ok_or("it has no sessions")?;
        Ok(Some(document.into_loaded(None)))
    }

    fn read(&self) -> Result<(Document, Option<PathBuf>), RegistryError> {
        let mut torn: Option<(SystemTime, Instant)> = None;
        loop {
            let touched = fs::metadata(&self.path)
                .and_then(|found| found.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH);
            let Some(content) = file::read(&self.path)? else {
                return Ok((Document::empty(), None));
            };
            match serde_json::from_slice::<Value>(&content) {
                Ok(Value::Object(top)) if top.get("version").is_some_and(|v| *v != json!(VERSION)) => {
                    let found = top["version"].clone();
                    return Err(RegistryError::Version {
                        path: self.path.clone(),
                        found,
                    });
                }
                Ok(Value::Object(top)) => match Document::parse(top) {
                    Some(document) => return Ok((document, None)),
                    None => break,
                },
                Ok(_) => break,
                Err(_) => match &torn {
                    Some((before, since)) if *before == touched && since.elapsed() >= SETTLED => break,
                    Some((before, _)) if *before == touched => {}
                    _ => torn = Some((touched, Instant::now())),
                },
            }
            thread::sleep(LOOK_EVERY);
        }
        let aside = file::set_aside(&self.path)?;
        Ok((Document::empty(), Some(aside)))
    }
}

/// What a person is told of a registry that was set aside, for as long as it is there.
#[must_use]
pub fn corrupt_registry_notice(aside: &Path) -> String {
    let aside = aside.display();
    format!(
        "the session registry was corrupt; it is kept as {aside} and a new one was begun (delete it when you have \
         what you need)"
    )
}

impl Document {
    fn empty() -> Self {
        let mut top = Map::new();
        top.insert("version".to_owned(), json!(VERSION));
        Self {
            top,
            records: BTreeMap::new(),
            unreadable: Map::new(),
        }
    }

    /// Takes the file's object apart; none if it is no registry.
    fn parse(mut top: Map<String, Value>) -> Option<Self> {
        top.get("version")?;
        let Some(Value::Object(sessions)) = top.remove("sessions") else {
            return None;
        };
        let (mut records, mut unreadable) = (BTreeMap::new(), Map::new());
        for (name, value) in sessions {
            match SessionRecord::deserialize(&value) {
                Ok(mut record) => {
                    record.name.clone_from(&name);
                    records.insert(name, record);
                }
                Err(_) => {
                    unreadable.insert(name, value);
                }
            }
        }
        Some(Self {
            top,
            records,
            unreadable,
        })
    }

    fn into_loaded(self, set_aside: Option<PathBuf>) -> Loaded {
        Loaded {
            records: self.records,
            unreadable: self.unreadable.into_iter().map(|(name, _)| name).collect(),
            set_aside,
        }
    }

    /// Writes the file's text: two-space JSON and a line end, as the Node program does.
    fn render(self) -> Vec<u8> {
        let mut sessions = self.unreadable;
        for (name, record) in self.records {
            let value =
                serde_json::to_value(record).expect("a record has string keys and no floats that JSON lacks");
            sessions.insert(name, value);
        }
        let mut top = self.top;
        top.insert("sessions".to_owned(), Value::Object(sessions));
        let mut text = serde_json::to_vec_pretty(&top).expect("a JSON value is always writable");
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
