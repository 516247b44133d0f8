//! `.env` files: `KEY=VALUE` lines with the quoting rules of the npm package `dotenv`.
//!
//! No variable is expanded. A line that is no assignment is skipped, as that package does.

use std::path::Path;

use super::ConfigError;

/// Reads the assignments of a file in order; none if there is no such file.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    Ok(super::read(path)?.map_or_else(Vec::new, |text| parse(&text)))
}

fn parse(text: &str) -> Vec<(String, String)> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (assignment, after) = line(rest);
        found.extend(assignment);
        rest = after;
    }
    found
}

/// Takes one logical line; a quoted value may hold line ends.
fn line(text: &str) -> (Option<(String, String)>, &str) {
    let (physical, after) = text.split_once('\n').unwrap_or((text, ""));
    let Some((name, value)) = name(physical) else {
        return (None, after);
    };
    // The value may go on over the line's end, so it is cut out of the whole text.
    let value_at = physical.len() - value.len();
    if let Some((value, rest)) = quoted(&text[value_at..]) {
        let after = rest.split_once('\n').map_or("", |(_, after)| after);
        return (Some((name.to_owned(), value)), after);
    }
    let bare = value.split('#').next().unwrap_or_default().trim();
    (Some((name.to_owned(), bare.to_owned())), after)
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
        parse(text).into_iter().next()
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
        let names: Vec<_> = parse(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["exported", "C"]);
    }

    #[test]
    fn a_value_over_several_lines_does_not_hide_the_next_assignment() {
        assert_eq!(parse("A=\"x\ny\" # c\nB=2").len(), 2);
    }
}
