//! The array of `users.json` and `tokens.json`: rows by key, in the file's order, and what is not understood kept as it is.

use std::collections::HashMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::shelf::Document;

pub(super) trait Row: Serialize + DeserializeOwned {
    fn key(&self) -> &str;
}

pub(super) struct Rows<R> {
    pub(super) all: Vec<R>,
    /// The first row of each key, as [`Document::parse`] found it: it holds no longer once `all` is changed.
    places: HashMap<String, usize>,
    /// Rows that can't be read; nobody can use them, and they are written back.
    others: Vec<Value>,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            places: HashMap::new(),
            others: Vec::new(),
        }
    }
}

impl<R: Row> Rows<R> {
    /// Finds a row of a document that was not changed since it was read.
    pub(super) fn get(&self, key: &str) -> Option<&R> {
        self.all.get(*self.places.get(key)?)
    }

    pub(super) fn find(&mut self, key: &str) -> Option<&mut R> {
        self.all.iter_mut().find(|row| row.key() == key)
    }
}

impl<R: Row> Document for Rows<R> {
    fn parse(content: &[u8]) -> Result<Self, String> {
        let values: Vec<Value> = serde_json::from_slice(content).map_err(|error| {
            format!(
                "it is no JSON array (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        let mut rows = Self::default();
        for value in values {
            match serde_json::from_value::<R>(value.clone()) {
                Ok(row) => {
                    rows.places.entry(row.key().to_owned()).or_insert(rows.all.len());
                    rows.all.push(row);
                }
                Err(_) => rows.others.push(value),
            }
        }
        Ok(rows)
    }

    fn render(&self) -> Vec<u8> {
        let known = self
            .all
            .iter()
            .map(|row| serde_json::to_value(row).unwrap_or_default());
        let values: Vec<Value> = known.chain(self.others.iter().cloned()).collect();
        let mut text = serde_json::to_vec_pretty(&values).expect("a JSON value is always writable");
        text.push(b'\n');
        text
    }
}
