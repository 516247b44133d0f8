//! Reads the question and the answers of a dialog that a rule has recognised.
//!
//! Agents draw dialogs in few shapes: a list of numbered answers or a list with a pointer, each in a box or without, and
//! some that are one agent's own. The lowest list that can be read is the dialog.

mod line;
mod list;
mod opening;
mod question;
mod single;
mod table;

use std::sync::Arc;

use llmux_protocol::api::{Dialog, DialogKind, DialogOption};

use line::Line;
pub use opening::{Openings, are_equal};

/// Reads a dialog at the bottom of a screen. What can't be read stays empty.
///
/// `lit` has of each row what stands on a background of its own: some show by nothing else which answer is selected.
#[must_use]
pub fn read(kind: DialogKind, rows: &[Arc<str>], lit: &[Arc<str>]) -> Dialog {
    let found = table::copilot_models(rows)
        .or_else(|| table::opencode_select(rows))
        .unwrap_or_else(|| plain(rows, lit));
    Dialog {
        id: id(kind, &found),
        kind,
        header: found.header,
        question: found.question,
        options: found.options,
        selected: found.selected,
    }
}

/// How much of a label tells it from others on its row: it may go on in the next.
const LIT: usize = 20;

/// What a dialog was read as.
#[derive(Debug, Default)]
struct Found {
    header: Option<String>,
    question: String,
    options: Vec<DialogOption>,
    selected: Option<usize>,
    /// All that stands above the answers: what is approved may fill many lines.
    above: String,
}

/// The answers of a dialog.
#[derive(Debug)]
struct Answers {
    /// The line on which each of them begins.
    lines: Vec<usize>,
    options: Vec<DialogOption>,
    selected: Option<usize>,
    /// The question, where it stands on the line of the answers.
    question: Option<String>,
}

/// A dialog whose question stands above its answers.
fn plain(rows: &[Arc<str>], lit: &[Arc<str>]) -> Found {
    let lines: Vec<Line<'_>> = rows.iter().map(|row| Line::new(row)).collect();
    let Some(answers) = single::yes_or_no(&lines)
        .or_else(|| single::buttons(&lines))
        .or_else(|| list::numbered(&lines))
        .or_else(|| list::pointed(&lines))
    else {
        return Found::default();
    };
    let first = answers.lines.first().copied().unwrap_or_default();
    let above = question::above(&lines, first);
    Found {
        selected: answers.selected.or_else(|| answers.lit(lit)),
        header: above.header.filter(|_| answers.question.is_none()),
        question: answers.question.unwrap_or(above.question),
        options: answers.options,
        above: question::text(&lines, first),
    }
}

impl Answers {
    /// The only one that stands on a background of its own.
    fn lit(&self, lit: &[Arc<str>]) -> Option<usize> {
        let is_lit = |at: &usize| {
            let begin: String = self.options[*at].label.chars().take(LIT).collect();
            lit.get(self.lines[*at])
                .is_some_and(|row| row.contains(begin.as_str()))
        };
        let mut all = (0..self.options.len()).filter(is_lit);
        all.next().filter(|_| all.next().is_none())
    }
}

fn option(label: impl Into<String>) -> DialogOption {
    DialogOption {
        label: label.into(),
        description: None,
    }
}

/// What identifies a dialog and all that it asks for, whichever answer is selected.
fn id(kind: DialogKind, found: &Found) -> String {
    let mut hasher = blake3::Hasher::new();
    let header = found.header.as_deref().unwrap_or_default();
    let asked = [kind.as_str(), header, &found.question, &found.above];
    // Goose explains an answer in parentheses, but only the selected one.
    let labels = found.options.iter().map(|option| &option.label);
    let labels = labels.map(|label| label.split(" (").next().unwrap_or_default());
    for part in asked.into_iter().chain(labels) {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests;
