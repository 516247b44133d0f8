//! Answers below each other, numbered or not.

use llmux_protocol::api::DialogOption;

use super::{Answers, Line, option};

/// How many lines may lie between one answer and the next.
const GAP: usize = 5;
/// How far from the end a list may be in which nothing is selected.
const NEAR_END: usize = 6;

/// A line that may begin an answer.
struct Item<'a> {
    selected: bool,
    number: Option<usize>,
    /// The column of the label.
    column: usize,
    label: &'a str,
}

/// Takes a line for an answer; for one without number or pointer, this is the label.
fn item<'a>(line: &Line<'a>) -> Item<'a> {
    let mut rest = line.text;
    let mut selected = take_mark(&mut rest);
    let number = take_number(&mut rest);
    // Grok draws the mark behind the number.
    if number.is_some() {
        selected |= take_mark(&mut rest);
    }
    Item {
        selected,
        number,
        column: line.indent + line.text[..line.text.len() - rest.len()].chars().count(),
        label: rest,
    }
}

/// Takes a pointer or an empty mark with the blanks behind it; says whether it selects.
fn take_mark(text: &mut &str) -> bool {
    for (mark, selects) in [
        ("(●)", true),
        ("(○)", false),
        ("( )", false),
        ("❯", true),
        ("›", true),
        (">", true),
        ("●", true),
        ("◉", true),
        ("▸", true),
        ("▶", true),
        ("○", false),
        ("◯", false),
    ] {
        let rest = text.strip_prefix(mark);
        if let Some(rest) = rest.filter(|rest| rest.starts_with(char::is_whitespace)) {
            *text = rest.trim_start();
            return selects;
        }
    }
    false
}

/// Takes `1.`, `1)`, or `1` before a mark.
fn take_number(text: &mut &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok().filter(|_| digits <= 2)?;
    let rest = &text[digits..];
    let behind = rest.strip_prefix(['.', ')']).filter(|rest| rest.starts_with(' '));
    let rest = behind.or_else(|| Some(rest).filter(|rest| rest.starts_with(" (")))?;
    *text = rest.trim_start();
    Some(number)
}

/// The lowest list that counts from 1.
pub(super) fn numbered(lines: &[Line<'_>]) -> Option<Answers> {
    let lowest = (0..lines.len())
        .rev()
        .find(|&at| count_down(lines, at).is_some())?;
    let starts = count_down(lines, lowest)?;
    let items: Vec<_> = starts.iter().map(|&at| item(&lines[at])).collect();
    let selected = items.iter().position(|item| item.selected);
    let end = lines
        .iter()
        .rposition(|line| !line.is_blank())
        .map_or(0, |last| last + 1);
    if selected.is_none() && end.saturating_sub(lowest) > NEAR_END {
        return None;
    }
    let margin = lines[starts[0]].indent;
    Some(Answers {
        options: labels(lines, &starts, margin),
        lines: starts,
        selected,
        question: None,
    })
}

/// The lines of the answers from 1 to the one at `last`.
fn count_down(lines: &[Line<'_>], last: usize) -> Option<Vec<usize>> {
    let mut starts = vec![last];
    let mut number = item(&lines[last]).number?;
    while number > 1 {
        let at = *starts.last()?;
        let before = (at.saturating_sub(GAP)..at)
            .rev()
            .find(|&before| item(&lines[before]).number.is_some())?;
        number -= 1;
        if item(&lines[before]).number != Some(number) {
            return None;
        }
        starts.push(before);
    }
    starts.reverse();
    (number == 1 && starts.len() > 1).then_some(starts)
}

/// The lowest list of which one answer is pointed at and the others begin in the same column.
pub(super) fn pointed(lines: &[Line<'_>]) -> Option<Answers> {
    (0..lines.len()).rev().find_map(|at| around(lines, at))
}

fn around(lines: &[Line<'_>], pointer: usize) -> Option<Answers> {
    let pointed = item(&lines[pointer]);
    if !pointed.selected || pointed.number.is_some() || pointed.label.is_empty() {
        return None;
    }
    let column = pointed.column;
    let is_answer = |line: &Line<'_>| {
        let item = item(line);
        !line.is_blank() && !item.selected && item.column == column
    };
    let mut starts = siblings(lines, (0..pointer).rev(), column, is_answer);
    starts.reverse();
    starts.push(pointer);
    starts.extend(siblings(lines, pointer + 1..lines.len(), column, is_answer));
    if starts.len() < 2 {
        return None;
    }
    Some(Answers {
        options: labels(lines, &starts, column),
        selected: starts.iter().position(|at| *at == pointer),
        lines: starts,
        question: None,
    })
}

/// The answers on one side of the pointer: blank lines and what is indented deeper may lie between.
fn siblings(
    lines: &[Line<'_>],
    side: impl Iterator<Item = usize>,
    column: usize,
    is_answer: impl Fn(&Line<'_>) -> bool,
) -> Vec<usize> {
    let mut found = Vec::new();
    let mut gap = 0;
    for at in side {
        let line = &lines[at];
        if is_answer(line) {
            found.push(at);
            gap = 0;
        } else if gap < GAP && !line.edge && (line.is_blank() || line.indent > column) {
            gap += 1;
        } else {
            break;
        }
    }
    found
}

/// The answers that begin at `starts`, each with the lines that follow it and are indented deeper than `margin`.
fn labels(lines: &[Line<'_>], starts: &[usize], margin: usize) -> Vec<DialogOption> {
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let more = lines[start + 1..end.min(start + 1 + GAP)]
                .iter()
                .take_while(|line| !line.is_blank() && line.indent > margin);
            label(&lines[start], more)
        })
        .collect()
}

/// A label that may go on in the next lines, with a description beside or below it.
fn label<'a>(first: &Line<'a>, more: impl Iterator<Item = &'a Line<'a>>) -> DialogOption {
    let text = item(first).label;
    let (text, beside) = text.split_once("  ").unwrap_or((text, ""));
    let mut label = text.trim_end().to_owned();
    let mut description = beside.trim().to_owned();
    let mut wraps = first.full && description.is_empty();
    for line in more {
        let part = if wraps { &mut label } else { &mut description };
        if !part.is_empty() {
            part.push(' ');
        }
        part.push_str(line.text);
        wraps &= line.full;
    }
    DialogOption {
        description: (!description.is_empty()).then_some(description),
        ..option(label)
    }
}
