//! What an agent's composer holds.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::{
    Rules, Sight,
    rule::{Found, Pattern, Text},
};

/// How far above the composer its busy row may be.
const ROWS_ABOVE: usize = 8;

/// An agent's composer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composer {
    /// The first row that is no conversation: the rule or box above the composer, or the busy row above that.
    pub top: usize,
    /// What it holds, its rows joined by line ends; empty if that is only a placeholder or a suggestion.
    pub text: String,
    /// How many rows it takes: blank ones at its end are not in the text.
    pub rows: usize,
    /// Whether the text contains a stand-in for a long paste.
    pub collapsed: bool,
}

impl Rules {
    /// The composer, if it can be seen: [`Rules::read`] gives it with the rest.
    #[must_use]
    pub fn composer(&self, sight: &Sight<'_>) -> Option<Composer> {
        self.read(sight).composer
    }

    /// Whether the composer takes keys for commands.
    #[must_use]
    pub fn normal_mode(&self, sight: &Sight<'_>) -> bool {
        self.read(sight).is_normal_mode
    }

    /// The composer that its rule has found.
    pub(super) fn composer_at(&self, found: Found, screen: &Text, sight: &Sight<'_>) -> Option<Composer> {
        let is_left = sight.cursor.is_some_and(|row| !found.rows.contains(&row));
        if is_left && self.leaves_composer() {
            return None;
        }
        let rows = sight.rows.get(found.rows.clone())?;
        let bright = sight.bright.get(found.rows)?;
        let is_suggestion = self
            .suggestion
            .as_ref()
            .is_some_and(|rule| rule.find(screen).is_some());
        let text = if is_suggestion {
            String::new()
        } else {
            self.held(rows, bright)
        };
        Some(Composer {
            top: self.above(sight, found.top),
            rows: rows.len(),
            collapsed: is_match(&COLLAPSED, &text),
            text,
        })
    }

    /// Whether a prompt that was sent stays where it was, and only the cursor leaves it.
    #[must_use]
    pub fn leaves_composer(&self) -> bool {
        self.composer_has_cursor == Some(true)
    }

    /// The text in the composer's rows.
    fn held(&self, rows: &[Arc<str>], bright: &[Arc<str>]) -> String {
        let lead = rows.first().map_or("", |row| lead(row));
        let inner: Vec<_> = rows
            .iter()
            .zip(bright)
            .enumerate()
            .map(|(index, (row, bright))| {
                let width = lead.chars().count();
                // Aider begins every row of a draft like the first.
                let repeats = row.starts_with(lead.trim_end());
                inside(
                    bright,
                    if index == 0 || repeats {
                        width
                    } else {
                        width.min(margin(row))
                    },
                )
            })
            .collect();
        let mut text = inner.join("\n").trim_matches(is_filler).to_owned();
        if let Some(hint) = self.hint.as_ref().and_then(|hint| hint.find(&text)) {
            text.truncate(hint.start());
        }
        let is_placeholder = |pattern: &Pattern| pattern.is_match(&text);
        if self.placeholder.as_ref().is_some_and(is_placeholder) {
            return String::new();
        }
        text
    }

    /// Goes up from the composer over rows that are no conversation.
    fn above(&self, sight: &Sight<'_>, mut top: usize) -> usize {
        for row in (top.saturating_sub(ROWS_ABOVE)..top).rev() {
            let text = &*sight.rows[row];
            if text.trim().is_empty() {
                continue;
            }
            let is_dim = sight.bright.get(row).is_some_and(|row| row.trim().is_empty());
            // How a turn ended belongs to it, though it is no reply.
            let tells = self.error(&[text]).is_some() || self.interrupted(text);
            if tells || !is_dim && !self.is_chrome(text) {
                break;
            }
            top = row;
        }
        top
    }
}

/// What stands before the text of the first row: a border, or a pointer and one blank.
static LEAD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[\s\u{a0}]*(?:┃\s*|(?:│\s*)?(?:[❯›>*!●]|[a-z]+ ?>)[\s\u{a0}]?)").ok());
/// What stands before the text of a further row.
static MARGIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s*[│┃]?\s*").ok());
/// What stands for a long paste.
static COLLAPSED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\[ (?: Pasted\ [Tt]ext (?:\ \#\d+)? (?:\ \+\d+\ lines)? (?::\ \d+\ lines?)?
        | Pasted\ Content\ \d+\ chars | Pasted\ ~\d+\ lines? | Pasted:\ \d+\ lines?
        | Paste\ \#\d+\ -\ \d+\ lines? ) [^\]\n]* \]",
    )
    .ok()
});

fn is_match(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

fn start<'a>(regex: &LazyLock<Option<Regex>>, row: &'a str) -> &'a str {
    let found = regex.as_ref().and_then(|regex| regex.find(row));
    found.map_or("", |found| found.as_str())
}

fn lead(row: &str) -> &str {
    start(&LEAD, row)
}

fn margin(row: &str) -> usize {
    start(&MARGIN, row).chars().count()
}

/// A row without its first characters and a border at its end.
fn inside(row: &str, skip: usize) -> &str {
    let at = row.char_indices().nth(skip).map_or(row.len(), |(at, _)| at);
    row[at..].trim_end_matches(|c| is_filler(c) || matches!(c, '│' | '┃' | '█'))
}

/// What surrounds a draft: blanks, the zero-width blank that qwen puts behind it, and continue's cursor.
fn is_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '▋')
}
