//! A file read line by line from an offset, in bounded memory.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::Path,
};

use crate::agent::transcript::tail::Identity;

/// The longest line that is read; agents write whole files and pictures into a line. A longer one is passed over.
pub(super) const MAX_LINE: usize = 32 << 20;
const CHUNK: usize = 128 << 10;

/// How far a file was read: a number of whole lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    pub(super) file: Option<Identity>,
    /// In bytes.
    pub(super) offset: u64,
    /// The offset is within a line whose rest is passed over.
    pub(super) passing: bool,
}

/// Looks at a file before it is opened: opening a pipe would wait for its writer.
pub(super) fn regular(path: &Path) -> io::Result<Metadata> {
    let found = fs::metadata(path)?;
    if found.is_file() {
        return Ok(found);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"))
}

/// Gives each line from the cursor on, with its offset, until `visit` breaks, the file ends, or about `budget` bytes are
/// read. Answers whether there may be more to read.
///
/// A last line without its end is left for later. What is longer than `max_line` is passed over and never held.
pub(super) fn each(
    file: &mut File,
    cursor: &mut Cursor,
    (max_line, budget): (usize, u64),
    visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> io::Result<bool> {
    file.seek(SeekFrom::Start(cursor.offset))?;
    let (mut held, mut read) = (Vec::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match file.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Ok(false);
        }
        read += count as u64;
        if split(&chunk[..count], &mut held, cursor, max_line, visit).is_break() {
            return Ok(true);
        }
        if read >= budget && held.is_empty() || read >= budget.saturating_add(max_line as u64) {
            return Ok(true);
        }
    }
}

fn split(
    mut bytes: &[u8],
    held: &mut Vec<u8>,
    cursor: &mut Cursor,
    max_line: usize,
    visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    while let Some(end) = memchr::memchr(b'\n', bytes) {
        let (line, rest) = bytes.split_at(end);
        bytes = &rest[1..];
        let start = cursor.offset;
        cursor.offset += (held.len() + end + 1) as u64;
        if std::mem::take(&mut cursor.passing) || held.len() + end > max_line {
            held.clear();
            continue;
        }
        let flow = if held.is_empty() {
            visit(start, line)
        } else {
            held.extend_from_slice(line);
            visit(start, held)
        };
        // Kept for the next line, unless this one was huge.
        held.clear();
        held.shrink_to(CHUNK);
        flow?;
    }
    if cursor.passing || held.len() + bytes.len() > max_line {
        cursor.offset += (held.len() + bytes.len()) as u64;
        cursor.passing = true;
        *held = Vec::new();
    } else {
        held.extend_from_slice(bytes);
    }
    ControlFlow::Continue(())
}
