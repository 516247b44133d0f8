//! The dialogs of single agents that are like no other.

use std::sync::Arc;

use llmux_protocol::api::DialogOption;

use super::{Found, option};

/// How far left of a label of `OpenCode` the mark of the selected one may be.
const MARK_REACH: usize = 4;
/// So many answers are read of a list that scrolls.
const MOST: usize = 100;

/// Copilot's `/model`: a table of models and how hard they think, above a search field.
pub(super) fn copilot_models(rows: &[Arc<str>]) -> Option<Found> {
    let is_foot =
        |row: &Arc<str>| row.contains("navigate") && row.to_lowercase().contains("reasoning effort");
    let foot = rows.iter().rposition(is_foot)?;
    let search = rows[..foot]
        .iter()
        .rposition(|row| row.to_lowercase().contains("search models"))?;
    let is_head = |row: &Arc<str>| row.split_whitespace().eq(["Model", "Reasoning"]);
    let head = rows[..search].iter().rposition(is_head)?;
    let mut found = Found {
        question: "Select model".to_owned(),
        ..Found::default()
    };
    for row in &rows[head + 1..search] {
        let row = row.trim_end_matches(['┃', '│', '█', ' ']).trim_start();
        let (selected, row) = row.strip_prefix('❯').map_or((false, row), |row| (true, row));
        let row = row.trim();
        if row.is_empty() || row.starts_with('─') {
            continue;
        }
        if selected {
            found.selected = Some(found.options.len());
        }
        found.options.push(model(row));
    }
    (!found.options.is_empty()).then_some(found)
}

fn model(row: &str) -> DialogOption {
    let (label, reasoning) = row.split_once("  ").unwrap_or((row, ""));
    let reasoning = reasoning.trim();
    DialogOption {
        description: (!matches!(reasoning, "" | "—")).then(|| reasoning.to_owned()),
        ..option(label.trim_end_matches(['✓', ' ']))
    }
}

/// `OpenCode`'s `Select model     esc`: a window over the screen, so rows are read from the column of its title on.
pub(super) fn opencode_select(rows: &[Arc<str>]) -> Option<Found> {
    let title = |row: &Arc<str>| {
        let text = row.trim_end_matches([' ', '┃', '│', '█']).strip_suffix("esc")?;
        let text = text.strip_suffix("  ")?.trim_end();
        // What lies beside the window stands before a wide gap, too.
        let title = &text[text.rfind("  ").map_or(0, |gap| gap + 2)..];
        let column = text[..text.len() - title.len()].chars().count();
        title.starts_with("Select ").then(|| (column, title.to_owned()))
    };
    let (at, (column, question)) = rows
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, row)| Some((at, title(row)?)))?;
    let mut found = Found {
        question,
        ..Found::default()
    };
    for row in &rows[at + 1..] {
        let window: String = row.chars().skip(column.saturating_sub(MARK_REACH)).collect();
        let inside: String = window.chars().skip(column.min(MARK_REACH)).collect();
        if inside.contains("ctrl+") {
            break;
        }
        let inside = inside.split(['┃', '╹', '▀', '╭', '╮', '╰', '╯', '│']).next();
        let label = inside.unwrap_or_default().split_whitespace();
        let label = label.filter(|word| *word != "●").collect::<Vec<_>>().join(" ");
        if label.is_empty() || label == "Search" || found.options.len() == MOST {
            continue;
        }
        if window.trim_start().starts_with('●') {
            found.selected = Some(found.options.len());
        }
        found.options.push(option(label));
    }
    (!found.options.is_empty()).then_some(found)
}
