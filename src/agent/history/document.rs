//! A whole file of JSON, of bounded size.

use std::{fs, io, path::Path};

use serde_json::Value;

use super::lines;

/// Reads a file of at most `max` bytes.
pub(super) fn json(path: &Path, max: u64) -> io::Result<Value> {
    let found = lines::regular(path)?;
    if found.len() > max {
        return Err(io::Error::other("too big"));
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}
