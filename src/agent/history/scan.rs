//! What the list shows of a conversation's file, without reading it whole twice.
//!
//! The title is looked for in the head of the file. Messages are counted by looking for a few bytes; when a file has grown,
//! only what was appended is looked at.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::Path,
    time::SystemTime,
};

use memchr::memmem;
use serde_json::Value;

use super::{
    Store,
    lines::{self, Cursor},
    record,
    shape::{Shape, Words},
    stamp, title,
};
use crate::agent::transcript::{record::str_at, tail::Identity};

/// How far the title is looked for, and in lines of what length.
const HEAD: u64 = 4 << 20;
const HEAD_LINE: usize = 1 << 20;
const CHUNK: usize = 256 << 10;

/// What is known of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub(super) head: Head,
    pub(super) messages: u64,
    pub(super) last: Option<SystemTime>,
}

/// What the beginning of a file tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) id: Option<String>,
    pub(super) cwd: Option<String>,
    /// The SHA-256 of the working directory, in hexadecimal digits.
    pub(super) cwd_hash: Option<String>,
    pub(super) title: Option<String>,
    pub(super) started: Option<SystemTime>,
    /// It is of a helper that the agent started itself.
    pub(super) is_helper: bool,
    cursor: Cursor,
}

/// A file as it was when it was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    file: Option<Identity>,
    len: u64,
    changed: Option<SystemTime>,
    counted: Counter,
    summary: Summary,
}

impl Scan {
    /// Looks at what is new of a file.
    pub(super) fn update(&mut self, store: Store, path: &Path) -> io::Result<&Summary> {
        let found = lines::regular(path)?;
        if self.is_current(&found) {
            return Ok(&self.summary);
        }
        if self.file != Some(Identity::of(&found)) || found.len() < self.counted.offset {
            *self = Self::default();
        }
        let shape = Shape::of(store);
        let mut file = File::open(path)?;
        if self.summary.head.title.is_none() && self.summary.head.cursor.offset < HEAD {
            self.summary.head.read(store, &shape, &mut file)?;
        }
        let tail = self.counted.read(&shape.message, &mut file)?;
        self.summary.messages = self.counted.count;
        self.summary.last = last_stamp(&tail, shape.stamp).or(found.modified().ok());
        self.file = Some(Identity::of(&found));
        self.len = found.len();
        self.changed = found.modified().ok();
        Ok(&self.summary)
    }

    fn is_current(&self, found: &Metadata) -> bool {
        self.file == Some(Identity::of(found))
            && self.len == found.len()
            && self.changed == found.modified().ok()
    }
}

impl Head {
    fn read(&mut self, store: Store, shape: &Shape, file: &mut File) -> io::Result<()> {
        let mut cursor = std::mem::take(&mut self.cursor);
        lines::each(file, &mut cursor, (HEAD_LINE, HEAD), &mut |offset, line| {
            self.line(store, shape, offset, line);
            if self.title.is_some() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        self.cursor = cursor;
        Ok(())
    }

    fn line(&mut self, store: Store, shape: &Shape, offset: u64, line: &[u8]) {
        let is_worth = offset == 0
            || shape.turn.are_in(line)
            || (self.cwd.is_none() && memmem::find(line, br#""cwd":""#).is_some());
        if !is_worth {
            return;
        }
        let Ok(found) = serde_json::from_slice::<Value>(line) else {
            return;
        };
        let text = |places: &[&str]| places.iter().find_map(|place| str_at(&found, place));
        let set = |field: &mut Option<String>, value: Option<&str>| {
            if field.is_none() {
                *field = value.map(str::to_owned);
            }
        };
        set(&mut self.cwd, text(&["/cwd", "/payload/cwd"]));
        set(&mut self.id, text(&["/sessionId", "/payload/id"]));
        set(&mut self.cwd_hash, text(&["/projectHash"]));
        let began = || {
            let written = text(&["/startTime", "/timestamp", "/created_at"]).and_then(stamp::parse);
            written.or_else(|| stamp::nanos(found["at_unix_ns"].as_u64()?))
        };
        self.started = self.started.or_else(began);
        let kind = if store == Store::Gemini || store == Store::Qwen {
            text(&["/kind"])
        } else {
            None
        };
        self.is_helper |=
            kind.is_some_and(|kind| kind != "main") || found.pointer("/payload/source/subagent").is_some();
        if self.title.is_none() {
            self.title = record::prompt(store, &found).and_then(|text| title::clean(&text));
        }
    }
}

/// Counts the lines that hold a word, over any number of reads.
#[derive(Debug, Clone, Default)]
struct Counter {
    offset: u64,
    count: u64,
    /// The line was counted; its rest is passed over.
    passing: bool,
    /// The begin of a word, perhaps.
    rest: Vec<u8>,
}

impl Counter {
    /// Reads to the end of the file, and gives the last bytes read.
    fn read(&mut self, words: &Words, file: &mut File) -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut buffer = vec![0; CHUNK];
        let mut last = 0;
        loop {
            let kept = self.rest.len();
            buffer[..kept].copy_from_slice(&self.rest);
            let count = match file.read(&mut buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                buffer.truncate(last);
                return Ok(buffer);
            }
            last = kept + count;
            self.offset += count as u64;
            let used = self.look(words, &buffer[..last]);
            self.rest = buffer[used..last].to_vec();
        }
    }

    /// Counts, and answers how many of the bytes are done with.
    fn look(&mut self, words: &Words, data: &[u8]) -> usize {
        let finder = memmem::Finder::new(words.prefix);
        let mut at = 0;
        loop {
            if self.passing {
                let Some(end) = memchr::memchr(b'\n', &data[at..]) else {
                    return data.len();
                };
                at += end + 1;
                self.passing = false;
            }
            let Some(found) = finder.find(&data[at..]) else {
                return at.max((data.len() + 1).saturating_sub(words.prefix.len()));
            };
            let word = at + found + words.prefix.len();
            if words.at(&data[word..]) {
                self.count += 1;
                self.passing = true;
            } else if data.len() - word < words.longest() {
                return at + found;
            }
            at = word;
        }
    }
}

/// The time of the last line that has one.
fn last_stamp(tail: &[u8], name: &[u8]) -> Option<SystemTime> {
    let at = memmem::rfind(tail, name)? + name.len();
    let value = &tail[at..tail.len().min(at + 40)];
    let end = memchr::memchr3(b'"', b',', b'}', value)?;
    let text = std::str::from_utf8(&value[..end]).ok()?;
    stamp::parse(text).or_else(|| stamp::nanos(text.parse().ok()?))
}
