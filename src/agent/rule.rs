//! A rule that recognises something by the bottom of an agent's screen.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use regex::Regex;
use serde::Deserialize;

/// How many rows a rule looks at when it does not say.
const DEFAULT_ROWS: usize = 22;

/// A regular expression of the `regex` crate, where `^` and `$` match at each row.
///
/// It is checked when it is read and compiled when it is first used: the catalog knows many agents, a daemon runs few.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(Arc<(String, OnceLock<Option<Regex>>)>);

/// Says that a pattern is no regular expression.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the pattern {pattern:?} is no regular expression: {why}")]
pub struct BadRule {
    pattern: String,
    why: String,
}

/// A pattern over the bottom rows of a screen, and one that must not match there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(default = "default_rows")]
    rows: usize,
    pattern: Pattern,
    unless: Option<Pattern>,
}

/// What a rule has found.
#[derive(Debug)]
pub(super) struct Found {
    /// The first line of what group 1 matched, or of the whole match.
    pub(super) evidence: String,
    /// The row where the match begins.
    pub(super) top: usize,
    /// The rows of group 1, or of the whole match.
    pub(super) rows: Range<usize>,
}

/// The visible rows of a screen as one text, without the blank rows at its end.
pub(super) struct Text {
    text: String,
    /// Where each row begins.
    starts: Vec<usize>,
}

fn default_rows() -> usize {
    DEFAULT_ROWS
}

impl TryFrom<String> for Pattern {
    type Error = BadRule;

    fn try_from(text: String) -> Result<Self, BadRule> {
        match regex_syntax::ParserBuilder::new()
            .multi_line(true)
            .build()
            .parse(&text)
        {
            Ok(_) => Ok(Self(Arc::new((text, OnceLock::new())))),
            // The rest of the message shows the pattern once more.
            Err(error) => Err(BadRule {
                why: error.to_string().lines().last().unwrap_or_default().to_owned(),
                pattern: text,
            }),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt(f)
    }
}

impl Pattern {
    /// The compiled pattern. One that is too large to be compiled never matches; a test compiles the built-in ones.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let (text, regex) = &*self.0;
        regex.get_or_init(|| compile(text).ok()).as_ref()
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// What group 1 matched, or the whole match if it has no group.
    pub(super) fn find<'a>(&self, text: &'a str) -> Option<regex::Match<'a>> {
        let found = self.regex()?.captures(text)?;
        found.get(1).or_else(|| found.get(0))
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(pattern).multi_line(true).build()
}

impl Rule {
    /// Makes a rule of one pattern.
    pub(super) fn new(pattern: &str) -> Result<Self, BadRule> {
        Ok(Self {
            rows: DEFAULT_ROWS,
            pattern: Pattern::try_from(pattern.to_owned())?,
            unless: None,
        })
    }

    /// Looks at the bottom of a screen.
    pub(super) fn find(&self, text: &Text) -> Option<Found> {
        let (from, bottom) = text.bottom(self.rows);
        if self.unless.as_ref().is_some_and(|unless| unless.is_match(bottom)) {
            return None;
        }
        let captures = self.pattern.regex()?.captures(bottom)?;
        let whole = captures.get(0)?;
        let inner = captures.get(1).unwrap_or(whole);
        let evidence = inner.as_str().trim_start_matches('\n').lines().next();
        Some(Found {
            evidence: evidence.unwrap_or_default().to_owned(),
            top: text.row_at(from + whole.start()),
            rows: text.row_at(from + inner.start())
                ..text.row_at((from + inner.end()).saturating_sub(1).max(from + inner.start())) + 1,
        })
    }

    #[cfg(test)]
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        [Some(&self.pattern), self.unless.as_ref()].into_iter().flatten()
    }
}

impl Text {
    pub(super) fn new(rows: &[Arc<str>]) -> Self {
        let end = rows
            .iter()
            .rposition(|row| !row.trim().is_empty())
            .map_or(0, |last| last + 1);
        let mut at = 0;
        let starts = rows[..end].iter().map(|row| {
            let start = at;
            at += row.len() + 1;
            start
        });
        Self {
            starts: starts.collect(),
            text: rows[..end].join("\n"),
        }
    }

    /// The bottom rows, and where they begin in the whole.
    fn bottom(&self, rows: usize) -> (usize, &str) {
        let first = self.starts.len().saturating_sub(rows);
        let from = self.starts.get(first).map_or(self.text.len(), |start| *start);
        (from, &self.text[from..])
    }

    /// The row that holds a byte; a line end belongs to the row before it.
    fn row_at(&self, byte: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= byte)
            .saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::new(&text.lines().map(Arc::from).collect::<Vec<_>>())
    }

    fn evidence(pattern: &str, on: &str) -> Option<String> {
        Some(Rule::new(pattern).unwrap().find(&text(on))?.evidence)
    }

    #[test]
    fn blank_rows_at_the_end_do_not_push_the_evidence_out() {
        let rule = Rule {
            rows: 2,
            ..Rule::new("^> ").unwrap()
        };
        let found = rule.find(&text("old\n> \nfoot\n\n   \n")).unwrap();
        assert_eq!((found.evidence.as_str(), found.top, found.rows), ("> ", 1, 1..2));
        assert!(rule.find(&text("> \nfoot\nfoot\n")).is_none());
    }

    #[test]
    fn the_evidence_is_one_line_of_group_one_or_of_the_match() {
        let screen = "---\n> go\n  on\n---";
        assert_eq!(evidence(r"^---\n> ", screen).as_deref(), Some("---"));
        assert_eq!(evidence(r"^---\n(> [^\n]*)", screen).as_deref(), Some("> go"));
    }

    #[test]
    fn the_rows_of_a_match_are_those_that_hold_it() {
        let rule = Rule::new(r"^---\n(> [^\n]*\n(?:  [^\n]*\n)*)---").unwrap();
        let found = rule.find(&text("a\n\n---\n> go\n  on\n---\n")).unwrap();
        assert_eq!((found.top, found.rows), (2, 3..5));
    }

    #[test]
    fn an_empty_screen_matches_nothing_and_does_not_panic() {
        assert_eq!(evidence("^>", ""), None);
        assert_eq!(evidence("^>", "\n\n\n"), None);
        assert_eq!(evidence("^", "").as_deref(), Some(""));
    }

    #[test]
    fn a_broken_pattern_is_an_error_that_shows_it() {
        assert_eq!(
            Rule::new("(").unwrap_err().to_string(),
            "the pattern \"(\" is no regular expression: error: unclosed group"
        );
    }
}
