//! `.env` files: `KEY=VALUE` lines with the quoting rules of the npm package `dotenv`.
//!
//! No variable is expanded. A line that is no assignment is skipped, as that package does; what is odd is said with its
//! line, and never with a value, which may be a secret.

use std::path::Path;

use super::ConfigError;

const SKIPPED: &str = "it is no assignment, NAME=VALUE, and is skipped";
const UNCLOSED: &str = "its quote is not closed, and is taken for a part of the value";

/// What a file says.
#[derive(Debug, Clone, Default)]
pub(super) struct Dotenv {
    /// The assignments in order.
    pub(super) assignments: Vec<Assignment>,
    /// What its author did not mean: the line, counted from 1, and what is wrong with it.
    pub(super) odd: Vec<(usize, &'static str)>,
}

/// One assignment.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
}

impl PartialEq for Dotenv {
    /// Whether both assign the same; lines do not matter.
    fn eq(&self, other: &Self) -> bool {
        let pairs = |it: &'_ Self| -> Vec<(String, String)> {
            let all = it.assignments.iter();
            all.map(|it| (it.name.clone(), it.value.clone())).collect()
        };
        pairs(self) == pairs(other)
    }
}

/// Reads a file; one that is not there says nothing.
pub(super) fn read(path: &Path) -> Result<Dotenv, ConfigError> {
    Ok(super::read(path)?.map_or_else(Dotenv::default, |text| parse(&text)))
}

fn parse(text: &str) -> Dotenv {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rest, mut number) = (text, 1);
    let mut read = Dotenv::default();
    while !rest.is_empty() {
        let (assignment, odd, after) = line(rest);
        read.odd.extend(odd.map(|said| (number, said)));
        read.assignments
            .extend(assignment.map(|(name, value)| Assignment {
                name: name.to_owned(),
                value,
                line: number,
            }));
        number += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    read
}

/// Takes one logical line, and says what is odd about it; a quoted value may hold line ends.
fn line(text: &str) -> (Option<(&str, String)>, Option<&'static str>, &str) {
    let (physical, after) = text.split_once('\n').unwrap_or((text, ""));
    let Some((name, value)) = name(physical) else {
        let first = physical.trim();
        let odd = !first.is_empty() && !first.starts_with('#');
        return (None, odd.then_some(SKIPPED), after);
    };
    // The value may go on over the line's end, so it is cut out of the whole text.
    let value_at = physical.len() - value.len();
    if let Some((value, rest)) = quoted(&text[value_at..]) {
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        return (Some((name, value)), None, after);
    }
    let odd = value.starts_with(['"', '\'', '`']).then_some(UNCLOSED);
    let bare = value.split('#').next().unwrap_or_default().trim();
    (Some((name, bare.to_owned())), odd, after)
}

/// Splits `export NAME = VALUE` into the name and what follows the equals sign and blanks.
fn name(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export").map_or(name, |rest| {
        if rest.starts_with([' ', '\t']) {
            rest.trim()
        } else {
            name
        }
    });
    let ok = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    ok.then(|| (name, value.trim_start_matches([' ', '\t'])))
}

/// Takes a quoted value off the front; the closing quote is the first one that no backslash precedes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let body = &text[1..];
    let mut escaped = false;
    let end = body.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    let value = &body[..end];
    let value = if quote == '"' {
        value.replace("\\n", "\n").replace("\\r", "\r")
    } else {
        value.to_owned()
    };
    Some((value, &body[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<(String, String)> {
        let first = parse(text).assignments.into_iter().next()?;
        Some((first.name, first.value))
    }

    #[test]
    fn values_are_read_by_the_rules_of_dotenv() {
        for (text, value) in [
            ("A=1", "1"),
            ("  export A = 1  ", "1"),
            ("A=", ""),
            ("A=a b # comment", "a b"),
            ("A='a # b' # comment", "a # b"),
            ("A='a\\nb'", "a\\nb"),
            ("A=\"a\\nb\"", "a\nb"),
            ("A=\"a\nb\"\nB=2", "a\nb"),
            ("A=`it's \"so\"`", "it's \"so\""),
            ("A=a=b", "a=b"),
            ("A=\"open", "\"open"),
            ("\u{feff}A=1\r", "1"),
        ] {
            assert_eq!(one(text), Some(("A".to_owned(), value.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_skipped() {
        let text = "# A=1\n\nnonsense\nA B=2\n=3\nexported=4\nC=5";
        let read = parse(text);
        let names: Vec<_> = read.assignments.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["exported", "C"]);
        let lines: Vec<_> = read.odd.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5]);
    }

    #[test]
    fn a_value_over_several_lines_does_not_hide_the_next_assignment() {
        let read = parse("A=\"x\ny\" # c\nB=2");
        let lines: Vec<_> = read.assignments.iter().map(|it| it.line).collect();
        assert_eq!((lines, read.odd), (vec![1, 3], vec![]));
    }

    #[test]
    fn a_quote_that_stays_open_is_odd() {
        for (text, line) in [("A=\"open", 1), ("A=1\n\nB='open # x\nC=3", 3), ("A=`x\n", 1)] {
            let read = parse(text);
            let lines: Vec<_> = read.odd.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [line], "{text:?}");
        }
        assert!(parse("A=\"it's\"\nB='\"'\nC=it's").odd.is_empty());
    }
}
