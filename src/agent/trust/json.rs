//! Adding to a JSON text in place: not a byte of what is there changes, comments and commas at the end included.

use std::{fmt, ops::Range};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Why;

/// A JSON text whose value is an object, or an empty text.
pub(super) struct Document<'t> {
    text: &'t str,
    /// The text with blanks in place of what JSON does not know; the bytes stand where they stood.
    plain: String,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self, Why> {
        let plain = strict(text);
        let document = Self { text, plain };
        if !document.plain.trim().is_empty() {
            document.members()?;
        }
        Ok(document)
    }

    /// The keys of the outermost object, and their values as they are written.
    pub(super) fn members(&self) -> Result<Vec<(String, String)>, Why> {
        if self.plain.trim().is_empty() {
            return Ok(Vec::new());
        }
        let object: Object<'_> = parse(&self.plain)?;
        let own = |(key, value): (String, &RawValue)| (key, value.get().to_owned());
        Ok(object.0.into_iter().map(own).collect())
    }

    /// The text with a value behind these keys; none if it has it. Objects on the way are made.
    pub(super) fn set(&self, keys: &[&str], value: &str) -> Result<Option<String>, Why> {
        self.change(keys, |old| match old {
            Some(old) if &self.plain[old.clone()] == value => Ok(None),
            Some(old) => Ok(Some((old, value.to_owned()))),
            None => Ok(Some((0..0, value.to_owned()))),
        })
    }

    /// The text with a string at the end of the array behind these keys; none if it is in there.
    pub(super) fn append(&self, keys: &[&str], string: &str) -> Result<Option<String>, Why> {
        let quoted = quote(string);
        self.change(keys, |old| {
            let Some(old) = old else {
                return Ok(Some((0..0, format!("[{quoted}]"))));
            };
            let items: Vec<&RawValue> = parse(&self.plain[old.clone()])?;
            let is_it =
                |item: &&RawValue| serde_json::from_str(item.get()).is_ok_and(|item: String| item == string);
            if items.iter().any(is_it) {
                return Ok(None);
            }
            Ok(Some(match items.last() {
                None => (old.start + 1..old.start + 1, quoted.clone()),
                Some(last) => {
                    let end = self.place(last.get()).end;
                    (end..end, format!(", {quoted}"))
                }
            }))
        })
    }

    /// Changes what is behind these keys: `change` gets its place, if it is there, and gives what to write where. With no
    /// place it gives the value only.
    fn change(
        &self,
        keys: &[&str],
        change: impl FnOnce(Option<Range<usize>>) -> Result<Option<(Range<usize>, String)>, Why>,
    ) -> Result<Option<String>, Why> {
        let mut at = self.plain.trim();
        if at.is_empty() {
            let value = change(None)?.map(|(_, value)| value);
            return Ok(value.map(|value| format!("{}{}\n", self.text, nested(keys, value))));
        }
        for (depth, key) in keys.iter().enumerate() {
            let object: Object<'_> = parse(at)?;
            // Of two with the same key, the last one counts.
            let Some((_, value)) = object.0.iter().rfind(|(found, _)| found == key) else {
                let value = change(None)?.map(|(_, value)| nested(&keys[depth + 1..], value));
                return Ok(value.map(|value| self.insert(at, &object, key, &value)));
            };
            at = value.get();
        }
        let change = change(Some(self.place(at)))?;
        Ok(change.map(|(place, new)| self.splice(place, &new)))
    }

    /// The text with one more member in an object, set out as its first one is.
    fn insert(&self, object: &str, members: &Object<'_>, key: &str, value: &str) -> String {
        let start = self.place(object).start + 1;
        let member = format!("{}: {value}", quote(key));
        let Some((_, last)) = members.0.last() else {
            return self.splice(start..start, &member);
        };
        let inside = &self.plain[start..];
        let gap = &inside[..inside.len() - inside.trim_start().len()];
        // Where comments stood is many blanks.
        let gap = gap.rfind('\n').map_or(" ", |line| &gap[line..]);
        let end = self.place(last.get()).end;
        self.splice(end..end, &format!(",{gap}{member}"))
    }

    fn splice(&self, place: Range<usize>, new: &str) -> String {
        format!("{}{new}{}", &self.text[..place.start], &self.text[place.end..])
    }

    /// Where a part of the plain text stands in it.
    fn place(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.plain.as_ptr() as usize;
        start..start + part.len()
    }
}

/// The members of an object in their order.
struct Object<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Object<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'t> Visitor<'t> for Members {
            type Value = Object<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Object<'t>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry().map_err(A::Error::custom)? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn parse<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, Why> {
    serde_json::from_str(text).map_err(|error| Why::Text(error.to_string()))
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value in as many objects as there are keys.
fn nested(keys: &[&str], value: String) -> String {
    let wrap = |inner, key: &&str| format!("{{{}: {inner}}}", quote(key));
    keys.iter().rev().fold(value, wrap)
}

/// Puts blanks in place of comments and of commas behind the last member, which many of these files have.
fn strict(text: &str) -> String {
    let mut plain = text.as_bytes().to_vec();
    let (mut at, mut comma) = (0, None);
    while at < plain.len() {
        let end = match plain[at..] {
            [b'"', ..] => at + string_length(&plain[at..]),
            [b'/', b'/', ..] => find(&plain, at, b"\n").unwrap_or(plain.len()),
            [b'/', b'*', ..] => find(&plain, at + 2, b"*/").map_or(plain.len(), |end| end + 2),
            _ => at + 1,
        };
        match plain[at] {
            b'/' if end > at + 1 => blank(&mut plain[at..end]),
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    plain[comma] = b' ';
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => comma = None,
        }
        at = end;
    }
    // Only whole comments and single ASCII characters were replaced.
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

/// The length of a string with its quotes.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn find(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let found = text
        .get(from..)?
        .windows(what.len())
        .position(|part| part == what);
    found.map(|at| from + at)
}

fn blank(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}
