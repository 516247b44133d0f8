//! A rule that recognises a state of an agent by the bottom of its screen.

use regex::Regex;
use serde::Deserialize;

/// How many rows a rule looks at when it does not say.
const DEFAULT_ROWS: usize = 22;

/// A pattern over the bottom rows of a screen, and one that must not match there.
#[derive(Debug, Clone)]
pub struct Rule {
    rows: usize,
    pattern: Regex,
    unless: Option<Regex>,
}

/// Says that a rule's pattern is no regular expression.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the pattern {pattern:?} is no regular expression")]
pub struct BadRule {
    pattern: String,
    source: regex::Error,
}

/// A rule as the catalog writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleData {
    rows: usize,
    pattern: String,
    unless: Option<String>,
}

impl Rule {
    /// Makes a rule of one pattern, in the syntax of the `regex` crate, where `^` and `$` match at each row.
    pub fn new(pattern: &str) -> Result<Self, BadRule> {
        Ok(Self {
            rows: DEFAULT_ROWS,
            pattern: compile(pattern)?,
            unless: None,
        })
    }

    /// Returns the evidence if the screen's bottom matches: the first line of what group 1 matched, or of the whole match.
    ///
    /// `rows` is the visible screen, top to bottom; blank rows at its end do not count.
    #[must_use]
    pub fn matches(&self, rows: &[String]) -> Option<String> {
        let bottom = bottom(rows, self.rows);
        if self
            .unless
            .as_ref()
            .is_some_and(|unless| unless.is_match(&bottom))
        {
            return None;
        }
        let found = self.pattern.captures(&bottom)?;
        let evidence = found.get(1).or_else(|| found.get(0))?;
        Some(evidence.as_str().lines().next().unwrap_or_default().to_owned())
    }
}

impl TryFrom<RuleData> for Rule {
    type Error = BadRule;

    fn try_from(data: RuleData) -> Result<Self, BadRule> {
        let unless = data.unless.as_deref().map(compile).transpose()?;
        Ok(Self {
            rows: data.rows,
            pattern: compile(&data.pattern)?,
            unless,
        })
    }
}

fn compile(pattern: &str) -> Result<Regex, BadRule> {
    let rows = regex::RegexBuilder::new(pattern).multi_line(true).build();
    rows.map_err(|source| BadRule {
        pattern: pattern.to_owned(),
        source,
    })
}

fn bottom(rows: &[String], count: usize) -> String {
    let end = rows
        .iter()
        .rposition(|row| !row.trim().is_empty())
        .map_or(0, |last| last + 1);
    rows[end.saturating_sub(count)..end].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn blank_rows_at_the_end_do_not_push_the_evidence_out() {
        let rule = Rule {
            rows: 2,
            ..Rule::new("^> ").unwrap()
        };
        assert_eq!(
            rule.matches(&rows("old\n> \nfoot\n\n   \n")).as_deref(),
            Some("> ")
        );
        assert_eq!(rule.matches(&rows("> \nfoot\nfoot\n")), None);
    }

    #[test]
    fn the_evidence_is_one_line_of_group_one_or_of_the_match() {
        let screen = rows("---\n> go\n---");
        assert_eq!(
            Rule::new(r"^---\n> ").unwrap().matches(&screen).as_deref(),
            Some("---")
        );
        assert_eq!(
            Rule::new(r"^---\n(> [^\n]*)")
                .unwrap()
                .matches(&screen)
                .as_deref(),
            Some("> go")
        );
    }

    #[test]
    fn an_empty_screen_matches_nothing_and_does_not_panic() {
        let rule = Rule::new("^>").unwrap();
        assert_eq!(rule.matches(&[]), None);
        assert_eq!(rule.matches(&rows("\n\n\n")), None);
    }

    #[test]
    fn a_broken_pattern_is_an_error_that_shows_it() {
        assert_eq!(
            Rule::new("(").unwrap_err().to_string(),
            "the pattern \"(\" is no regular expression"
        );
    }
}
