//! Answers on one line.

use super::{Answers, Line, option};

/// How far from the end such a line may be.
const NEAR_END: usize = 6;

/// Aider's `Create new file? (Y)es/(N)o [Yes]:`.
pub(super) fn yes_or_no(lines: &[Line<'_>]) -> Option<Answers> {
    let (first, line) = lowest(lines, |text| text.contains("(Y)es/(N)o"))?;
    let (question, rest) = line.text.split_once("(Y)es")?;
    let (choices, default) = rest.split_once('[').unwrap_or((rest, ""));
    let options: Vec<_> = format!("(Y)es{choices}")
        .trim_end_matches([':', ' '])
        .split('/')
        .map(|choice| option(choice.replace(['(', ')'], "")))
        .collect();
    let default = default.split(']').next().unwrap_or_default();
    Some(Answers {
        lines: vec![first; options.len()],
        selected: options.iter().position(|option| option.label == default),
        options,
        question: Some(question.trim().to_owned()).filter(|question| !question.is_empty()),
    })
}

/// A row like `Allow once   Allow always   Reject      ⇆ select  enter confirm`, by `OpenCode`. The selected one differs
/// by colour only.
pub(super) fn buttons(lines: &[Line<'_>]) -> Option<Answers> {
    let (first, line) = lowest(lines, |text| text.ends_with("enter confirm"))?;
    let is_hint = |label: &&str| label.starts_with("ctrl+") || label.starts_with(['⇆', '↑', '←']);
    let options: Vec<_> = line
        .text
        .split("  ")
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .take_while(|label| !is_hint(label) && *label != "enter confirm")
        .map(option)
        .collect();
    (!options.is_empty()).then_some(Answers {
        lines: vec![first; options.len()],
        options,
        selected: None,
        question: None,
    })
}

fn lowest<'a, 'b>(lines: &'b [Line<'a>], test: impl Fn(&str) -> bool) -> Option<(usize, &'b Line<'a>)> {
    let end = lines.iter().rposition(|line| !line.is_blank())? + 1;
    let near = end.saturating_sub(NEAR_END);
    let at = near + lines[near..end].iter().rposition(|line| test(line.text))?;
    Some((at, &lines[at]))
}
