//! The record of who did what where: JSON lines, appended, bounded by rotation.
//!
//! What was typed is recorded as its length and BLAKE3 digest; as text only if the configuration says so. A thread writes, so
//! that no request waits for the disk.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use serde::Serialize;

use crate::store::{file, time};

/// How many entries may wait for the disk. When there are more, the next line says how many were lost.
const QUEUE: usize = 1024;
/// When the file is this large, it becomes `audit.jsonl.1`.
const MAX_BYTES: u64 = 8 << 20;
/// How many older files are kept.
const OLDER: usize = 4;

/// One thing that was done, or refused.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) at: String,
    /// The user; `(owner)` through the Unix socket, `-` for nobody.
    pub(crate) who: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_id: Option<String>,
    /// Where they came from; none through the Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
    /// The route, such as `POST /api/sessions/{name}/send`.
    pub(crate) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// The user or token it is about, or the user somebody said to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) typed: Option<Typed>,
    /// The HTTP status.
    pub(crate) status: u16,
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Typed {
    pub(crate) bytes: usize,
    pub(crate) blake3: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

impl Typed {
    pub(super) fn of(text: &str, keep: bool) -> Self {
        Self {
            bytes: text.len(),
            blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            text: keep.then(|| text.to_owned()),
        }
    }
}

/// Takes entries. The last of them are on the disk when this is dropped.
pub(super) struct Audit {
    entries: Option<SyncSender<String>>,
    lost: AtomicU64,
    writer: Option<JoinHandle<()>>,
}

impl Audit {
    pub(super) fn start(path: PathBuf) -> io::Result<Self> {
        let (entries, inbox) = sync_channel(QUEUE);
        let writer = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(&path, &inbox, MAX_BYTES))?;
        Ok(Self {
            entries: Some(entries),
            lost: AtomicU64::new(0),
            writer: Some(writer),
        })
    }

    /// Records an entry. Never waits.
    pub(super) fn record(&self, mut entry: Entry) {
        entry.at = time::now();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !self.send(&format!("{{\"at\":\"{}\",\"lost\":{lost}}}", entry.at)) {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        match serde_json::to_string(&entry) {
            Ok(line) if self.send(&line) => {}
            _ => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn send(&self, line: &str) -> bool {
        let Some(entries) = &self.entries else {
            return false;
        };
        !matches!(
            entries.try_send(format!("{line}\n")),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
        )
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write_all(path: &Path, inbox: &Receiver<String>, max_bytes: u64) {
    let mut open: Option<File> = None;
    let mut failing = false;
    for line in inbox {
        let written = write(path, &mut open, &line, max_bytes);
        // Said once, not for each line of a disk that is full.
        if let Err(error) = &written
            && !failing
        {
            tracing::error!(%error, path = %path.display(), "the audit record can't be written");
        }
        failing = written.is_err();
    }
}

fn write(path: &Path, open: &mut Option<File>, line: &str, max_bytes: u64) -> io::Result<()> {
    if let Some(file) = open
        && file.metadata()?.len() >= max_bytes
    {
        *open = None;
        rotate(path)?;
    }
    let file = if let Some(file) = open {
        file
    } else {
        let file = file::append(path).map_err(io::Error::other)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        open.insert(file)
    };
    // In one piece: another daemon may append to it during a takeover.
    file.write_all(line.as_bytes())
}

/// Moves each file to the next number; the last one goes.
fn rotate(path: &Path) -> io::Result<()> {
    let numbered = |n: usize| {
        let mut name = path.as_os_str().to_owned();
        if n > 0 {
            name.push(format!(".{n}"));
        }
        PathBuf::from(name)
    };
    for n in (0..OLDER).rev() {
        match fs::rename(numbered(n), numbered(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(who: &str) -> Entry {
        Entry {
            who: who.to_owned(),
            what: "POST /x".to_owned(),
            typed: Some(Typed::of("rm -rf /", false)),
            status: 200,
            ..Entry::default()
        }
    }

    #[test]
    fn what_was_typed_is_recorded_by_its_digest_in_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let audit = Audit::start(path.clone()).unwrap();
        audit.record(entry("alice"));
        audit.record(entry("bob"));
        drop(audit);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((lines.len(), &lines[1]["who"]), (2, &"bob".into()));
        assert_eq!(lines[0]["typed"]["bytes"], 8);
        assert_eq!(
            lines[0]["typed"]["blake3"],
            blake3::hash(b"rm -rf /").to_hex().as_str()
        );
        assert!(!text.contains("rm -rf"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_text_is_kept_where_it_is_asked_for() {
        assert_eq!(Typed::of("ls", true).text.as_deref(), Some("ls"));
    }

    #[test]
    fn the_record_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let (entries, inbox) = sync_channel(1000);
        for n in 0..1000 {
            entries.send(format!("{n}\n")).unwrap();
        }
        drop(entries);
        write_all(&path, &inbox, 100);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), OLDER + 1);
        assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 104));
        assert!(fs::read_to_string(&path).unwrap().ends_with("999\n"));
    }

    #[test]
    fn what_the_disk_could_not_keep_up_with_is_counted() {
        let (entries, inbox) = sync_channel(1);
        let audit = Audit {
            entries: Some(entries),
            lost: AtomicU64::new(0),
            writer: None,
        };
        audit.record(entry("a"));
        audit.record(entry("b"));
        audit.record(entry("c"));
        assert!(inbox.recv().unwrap().contains("\"who\":\"a\""));
        audit.record(entry("d"));
        assert!(inbox.recv().unwrap().contains("\"lost\":2"));
        assert_eq!(audit.lost.load(Ordering::Relaxed), 1);
    }
}
