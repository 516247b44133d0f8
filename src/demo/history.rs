//! The transcript on disk: one JSON object a line, in a file per conversation.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// One line of a transcript. Times ending in `_ns` are nanoseconds: `at_unix_ns` since the epoch, the others of
/// `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "type")]
    pub(super) role: Role,
    pub(super) text: String,
    at_unix_ns: u64,
    id: String,
    cwd: String,
    /// When the prompt was submitted (user).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    submitted_ns: Option<u64>,
    /// When the first and the last byte of the reply had been written to the terminal (assistant).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    first_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    last_ns: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
}

/// A conversation's file. It appears with the first prompt.
#[derive(Debug)]
pub(super) struct History {
    pub(super) id: String,
    pub(super) cwd: String,
    path: PathBuf,
}

impl History {
    /// Names the conversation `id`, or a new one, in the folder of `cwd` under `root`.
    ///
    /// # Errors
    ///
    /// Fails if `id` is not `[A-Za-z0-9_-]+`, or there is no state directory.
    pub(super) fn open(root: Option<PathBuf>, cwd: &Path, id: Option<String>) -> io::Result<Self> {
        let root = match root {
            Some(root) => root,
            None => state_dir()?.join("llmux-demo"),
        };
        let id = id.map_or_else(random_id, Ok)?;
        if id.is_empty()
            || !id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{id:?} is no session id"),
            ));
        }
        let cwd = cwd.to_string_lossy().into_owned();
        let folder: String = cwd
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Ok(Self {
            path: root.join(folder).join(format!("{id}.jsonl")),
            id,
            cwd,
        })
    }

    /// Names a new conversation in the same folder.
    ///
    /// # Errors
    ///
    /// Fails if there is no source of random ids.
    pub(super) fn another(&self) -> io::Result<Self> {
        let id = random_id()?;
        Ok(Self {
            path: self.path.with_file_name(format!("{id}.jsonl")),
            cwd: self.cwd.clone(),
            id,
        })
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Reads the conversation; skips lines that are none of ours.
    pub(super) fn load(&self) -> io::Result<Vec<Record>> {
        let text = fs::read_to_string(&self.path)?;
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    pub(super) fn user(&self, text: &str) -> io::Result<()> {
        let record = self.record(Role::User, text);
        self.append(&Record {
            submitted_ns: Some(monotonic_ns()),
            ..record
        })
    }

    /// Appends a reply whose last byte has just been written.
    pub(super) fn assistant(&self, text: &str, first_ns: u64) -> io::Result<()> {
        let record = self.record(Role::Assistant, text);
        self.append(&Record {
            first_ns: Some(first_ns),
            last_ns: Some(monotonic_ns()),
            ..record
        })
    }

    fn record(&self, role: Role, text: &str) -> Record {
        Record {
            role,
            text: text.to_owned(),
            at_unix_ns: unix_ns(),
            id: self.id.clone(),
            cwd: self.cwd.clone(),
            submitted_ns: None,
            first_ns: None,
            last_ns: None,
        }
    }

    fn append(&self, record: &Record) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        // One write, so that a reader never sees half a line of a small record.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?
            .write_all(&line)
    }
}

/// `$XDG_STATE_HOME`, or `~/.local/state` (XDG Base Directory Specification).
fn state_dir() -> io::Result<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let stated = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .and_then(absolute);
    stated
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no home directory; use --history"))
}

/// A random UUID (RFC 9562, version 4).
fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex[from..to].concat();
    Ok([part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join("-"))
}

fn unix_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Now, in nanoseconds of `CLOCK_MONOTONIC`: comparable between processes of one machine.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (secs, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    secs.unwrap_or(0) * 1_000_000_000 + nanos.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_read_as_it_was_written() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let history = History::open(
            Some(dir.path().into()),
            Path::new("/tmp/a.b c"),
            Some("one".to_owned()),
        )?;
        assert!(!history.exists());
        history.user("hello\n\"you\"")?;
        history.assistant("Echo", 5)?;
        assert!(dir.path().join("-tmp-a-b-c/one.jsonl").exists());
        let texts: Vec<_> = history
            .load()?
            .into_iter()
            .map(|record| (record.role, record.text))
            .collect();
        assert_eq!(
            texts,
            [
                (Role::User, "hello\n\"you\"".to_owned()),
                (Role::Assistant, "Echo".to_owned())
            ]
        );
        Ok(())
    }

    #[test]
    fn an_id_cannot_leave_its_folder() {
        for id in ["", "../x", "a/b", ".", "é"] {
            assert!(
                History::open(Some("/".into()), Path::new("/"), Some(id.to_owned())).is_err(),
                "{id}"
            );
        }
        let made = History::open(Some("/".into()), Path::new("/"), None).map(|history| history.id.len());
        assert_eq!(made.ok(), Some(36));
    }
}
