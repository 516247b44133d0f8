//! Looking at the files without changing or locking them, for a diagnosis.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::file;

/// Says how many turns the journal has; `None` if there is no file. May run beside a daemon.
///
/// # Errors
/// What is wrong with it, in `SQLite`'s words.
pub fn turns(path: &Path) -> Result<Option<usize>, String> {
    if !path.exists() {
        return Ok(None);
    }
    let look = || -> rusqlite::Result<(String, usize)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        let verdict = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let turns: i64 = database.query_row("SELECT count(*) FROM turns", [], |row| row.get(0))?;
        Ok((verdict, usize::try_from(turns).unwrap_or(0)))
    };
    match look() {
        Ok((verdict, turns)) if verdict == "ok" => Ok(Some(turns)),
        Ok((verdict, _)) => Err(verdict),
        Err(error) => Err(error.to_string()),
    }
}

/// Says how many entries a JSON file has, a list or an object; `None` if there is no file.
///
/// # Errors
/// It can't be read, or is neither.
pub fn json(path: &Path) -> Result<Option<usize>, String> {
    let Some(content) = file::read(path).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    // The parser's own words may quote a secret.
    match serde_json::from_slice(&content) {
        Ok(Value::Array(list)) => Ok(Some(list.len())),
        Ok(Value::Object(object)) => Ok(Some(object.len())),
        Ok(_) => Err("it is neither a list nor an object".to_owned()),
        Err(error) => Err(format!(
            "it is not JSON (line {}, column {})",
            error.line(),
            error.column()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_broken_says_how_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert_eq!((turns(&path), json(&path)), (Ok(None), Ok(None)));
        fs::write(&path, "[{\"secret\": \"s3cret\"").unwrap();
        assert!(turns(&path).unwrap_err().contains("not a database"));
        let why = json(&path).unwrap_err();
        assert!(why.contains("line 1") && !why.contains("s3cret"), "{why}");
        assert_eq!(fs::read(&path).unwrap(), b"[{\"secret\": \"s3cret\"");
        fs::write(&path, "[1, 2]").unwrap();
        assert_eq!(json(&path), Ok(Some(2)));
    }
}
