//! Tokens of version 1: `auth.json`. They still let in, to watch; none can be made.

use std::{collections::HashMap, path::PathBuf, time::SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    AuthError,
    secret::{Digest, from_hex, same, sha256, to_hex},
    shelf::{Change, Document, Shelf},
};
use crate::store::time;

/// Characters of a token's text that are its id, behind `sas_`.
const ID_CHARS: usize = 8;

/// The file, format version 2; one of version 1 is understood and written anew.
#[derive(Default)]
struct File {
    whole: Value,
    tokens: HashMap<String, Known>,
    /// It was of version 1, which holds tokens in plain.
    migrated: bool,
}

struct Known {
    digest: Option<Digest>,
    /// What can't be read is over.
    end: Option<SystemTime>,
}

impl Known {
    /// When it ends, if that is still to come.
    fn end(&self) -> Result<Option<SystemTime>, AuthError> {
        match self.end {
            Some(end) if end <= SystemTime::now() => Err(AuthError::Expired),
            end => Ok(end),
        }
    }
}

impl Document for File {
    fn parse(content: &[u8]) -> Result<Self, String> {
        let mut whole: Value = serde_json::from_slice(content)
            .map_err(|error| format!("it is no JSON (line {}, column {})", error.line(), error.column()))?;
        let migrated = match whole["version"].as_u64() {
            Some(1) => true,
            Some(2) => false,
            _ => return Err("it has no format version that is known".to_owned()),
        };
        if migrated {
            whole["version"] = json!(2);
        }
        let rows = whole["tokens"].as_array_mut().ok_or("it has no tokens")?;
        let mut tokens = HashMap::new();
        for row in rows {
            if migrated {
                hash(row);
            }
            let Some(id) = row["id"].as_str() else { continue };
            // The first of its id counts.
            tokens.entry(id.to_owned()).or_insert_with(|| Known {
                digest: row["hash"].as_str().and_then(from_hex),
                end: match &row["expiresAt"] {
                    Value::Null => None,
                    end => Some(time::end(end.as_str().unwrap_or_default())),
                },
            });
        }
        Ok(Self {
            whole,
            tokens,
            migrated,
        })
    }

    fn render(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(&self.whole).expect("a JSON value is always writable");
        text.push(b'\n');
        text
    }
}

/// Puts a token's digest in the place of its text.
fn hash(row: &mut Value) {
    if let Some(row) = row.as_object_mut()
        && let Some(Value::String(token)) = row.remove("token")
    {
        row.insert("hash".to_owned(), to_hex(sha256(&token)).into());
    }
}

pub(super) struct Legacy(Shelf<File>);

impl Legacy {
    pub(super) fn new(path: PathBuf, changed: watch::Sender<()>) -> Self {
        Self(Shelf::new(path, changed))
    }

    /// Takes plain tokens out of a file of version 1.
    pub(super) fn migrate(&self) -> Result<(), AuthError> {
        if !self.0.get()?.migrated {
            return Ok(());
        }
        self.0.update(|file| {
            Ok(if file.migrated {
                Change::Write(())
            } else {
                Change::Keep(())
            })
        })
    }

    pub(super) fn exist(&self) -> Result<bool, AuthError> {
        Ok(!self.0.get()?.tokens.is_empty())
    }

    /// The id of a good token.
    pub(super) fn check(&self, wire: &str) -> Result<String, AuthError> {
        let id = wire
            .strip_prefix("sas_")
            .and_then(|rest| rest.get(..ID_CHARS))
            .ok_or(AuthError::BadToken)?;
        let file = self.0.get()?;
        let known = file.tokens.get(id);
        let stored = known.and_then(|known| known.digest).unwrap_or_default();
        let good = same(&sha256(wire), &stored);
        match known {
            Some(known) if good && known.digest.is_some() => known.end().map(|_| id.to_owned()),
            _ => Err(AuthError::BadToken),
        }
    }

    /// When the token of this id ends, if it is still good.
    pub(super) fn end_of(&self, id: &str) -> Result<Option<SystemTime>, AuthError> {
        let file = self.0.get()?;
        file.tokens.get(id).ok_or(AuthError::BadToken)?.end()
    }
}
