//! One transcript file, read as it grows.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::Path,
    time::SystemTime,
};

use super::{Entry, record::Reader};

/// The longest line that is read; agents write whole files and pictures into a line.
const MAX_LINE_BYTES: usize = 32 << 20;
/// How many of the lines that were told are remembered.
const MOST_TOLD: usize = 1 << 16;
/// How much is read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// How far a file was read.
pub(super) struct Tail {
    reader: Reader,
    file: Option<Identity>,
    offset: u64,
    /// The begin of a line whose end is not written yet.
    line: Vec<u8>,
    /// That line is too long; the rest of it is passed over.
    too_long: bool,
    /// The lines that gave entries, the last of them.
    told: VecDeque<u64>,
    /// How often the file had each before it was cut or replaced: a file that is written anew repeats them.
    told_before: HashMap<u64, usize>,
}

/// What another file of the same name has otherwise; an inode number alone is given again at once.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(in crate::agent) struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Tail {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            file: None,
            offset: 0,
            line: Vec::new(),
            too_long: false,
            told: VecDeque::new(),
            told_before: HashMap::new(),
        }
    }

    /// Reads at most `budget` bytes of what was appended, adds what they tell, and takes them off the budget.
    pub(super) fn read(
        &mut self,
        path: &Path,
        budget: &mut usize,
        entries: &mut Vec<Entry>,
    ) -> io::Result<()> {
        // Asked before it is opened: opening a pipe would wait for its writer.
        let found = fs::metadata(path)?;
        let identity = Identity::of(&found);
        if self.file != Some(identity) || found.len() < self.offset {
            self.restart(identity);
        }
        if !found.is_file() || found.len() == self.offset || self.reader.is_strange() {
            return Ok(());
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let grown = usize::try_from(found.len() - self.offset).unwrap_or(CHUNK_BYTES);
        let mut chunk = vec![0; grown.min(CHUNK_BYTES)];
        while *budget > 0 {
            let wish = chunk.len().min(*budget);
            let count = file.read(&mut chunk[..wish])?;
            if count == 0 {
                break;
            }
            self.offset += count as u64;
            *budget -= count;
            self.feed(&chunk[..count], entries);
        }
        Ok(())
    }

    fn restart(&mut self, identity: Identity) {
        self.file = Some(identity);
        self.offset = 0;
        self.line.clear();
        self.too_long = false;
        self.reader.restart();
        for hash in self.told.drain(..) {
            *self.told_before.entry(hash).or_default() += 1;
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], entries: &mut Vec<Entry>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.hold(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let mut line = std::mem::take(&mut self.line);
            if !std::mem::take(&mut self.too_long) {
                self.tell(&line, entries);
            }
            // Kept for the next line, unless this one was huge.
            if line.capacity() <= CHUNK_BYTES {
                line.clear();
                self.line = line;
            }
        }
        self.hold(bytes);
    }

    fn hold(&mut self, part: &[u8]) {
        if self.too_long || self.line.len() + part.len() > MAX_LINE_BYTES {
            self.too_long = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.line.capacity()
    }

    fn tell(&mut self, line: &[u8], entries: &mut Vec<Entry>) {
        let told = self.reader.read(line);
        if told.is_empty() {
            return;
        }
        let hash = digest(line);
        if self.told.len() == MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back(hash);
        match self.told_before.get_mut(&hash) {
            Some(count) if *count > 0 => *count -= 1,
            _ => entries.extend(told),
        }
    }
}

/// What tells a line from others.
fn digest(line: &[u8]) -> u64 {
    let mut begin = [0; 8];
    begin.copy_from_slice(&blake3::hash(line).as_bytes()[..8]);
    u64::from_le_bytes(begin)
}

impl Identity {
    pub(in crate::agent) fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            born: found.created().ok(),
        }
    }
}
