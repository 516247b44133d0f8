//! Words looked for in what was said.

use std::ops::ControlFlow;

use regex::{Regex, RegexBuilder, bytes};

use super::{
    Conversation, History, Place, Role, Store,
    source::{Mark, Source},
    title,
};

/// How many characters a snippet shows on each side of what was found.
const AROUND: usize = 60;

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many conversations with a hit are wanted.
    pub hits: usize,
    /// How many conversations are looked through.
    pub conversations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hits: 50,
            conversations: 1000,
        }
    }
}

/// A conversation in which something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The conversation.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Who said it.
    pub role: Role,
    /// What was said, around the first place: one line.
    pub snippet: String,
}

pub(super) fn run(history: &History, store: Store, place: &Place, text: &str, limits: Limits) -> Vec<Hit> {
    let Some(needle) = Needle::new(text) else {
        return Vec::new();
    };
    let all = history.list(store, place).into_iter().take(limits.conversations);
    let hits = all.filter_map(|one| {
        history.source(store, place, &one.id).and_then(|source| {
            let found = needle.find(&source, &one);
            found.inspect_err(|error| history.warn(&one.path, error)).ok()?
        })
    });
    hits.take(limits.hits).collect()
}

struct Needle {
    text: Regex,
    /// Matches each line in which the text may be.
    line: Option<bytes::Regex>,
}

impl Needle {
    /// None if there is nothing to look for.
    fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        // In JSON anything else may be written in several ways.
        let plain = |c: char| !c.is_ascii_alphanumeric() && c != ' ';
        let longest = text
            .split(plain)
            .max_by_key(|run| run.len())
            .filter(|run| !run.is_empty());
        let line = longest.map(|run| {
            bytes::RegexBuilder::new(&regex::escape(run))
                .case_insensitive(true)
                .build()
        });
        Some(Self {
            text: RegexBuilder::new(&regex::escape(text))
                .case_insensitive(true)
                .build()
                .ok()?,
            line: line.and_then(Result::ok),
        })
    }

    fn find(&self, source: &Source, one: &Conversation) -> std::io::Result<Option<Hit>> {
        let mut hit = None;
        let wants = |line: &[u8]| self.line.as_ref().is_none_or(|found| found.is_match(line));
        source.each(&mut Mark::default(), u64::MAX, &wants, &mut |turn| {
            let found = turn.texts().find_map(|text| self.snippet(text));
            hit = found.map(|snippet| Hit {
                id: one.id.clone(),
                title: one.title.clone(),
                role: turn.role,
                snippet,
            });
            if hit.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(hit)
    }

    fn snippet(&self, text: &str) -> Option<String> {
        let found = self.text.find(text)?;
        let (before, after) = (&text[..found.start()], &text[found.end()..]);
        let begin = before
            .char_indices()
            .rev()
            .take(AROUND)
            .last()
            .map_or(found.start(), |(at, _)| at);
        let end = after
            .char_indices()
            .nth(AROUND)
            .map_or(text.len(), |(at, _)| found.end() + at);
        Some(title::shown(&text[begin..end].replace(['\n', '\r'], " ")))
    }
}
