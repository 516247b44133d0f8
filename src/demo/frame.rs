//! The live rows of each state: busy row, composer between rules, footer; or a dialog.

use super::composer::Composer;
use super::dialog::Dialog;
use super::view::Size;
use super::view::{Live, Row};
use super::wrap::{width, wrap};

/// The glyphs of the busy row, one after the other.
const SPINNER: [char; 6] = ['·', '✢', '✳', '✶', '✻', '✽'];

/// Everything below the transcript while no dialog is open.
pub(super) struct Frame<'a> {
    pub(super) size: Size,
    /// The unfinished row of the reply, with its indentation.
    pub(super) partial: Option<String>,
    pub(super) queued: Vec<&'a str>,
    /// The spinner's phase, while busy.
    pub(super) busy: Option<usize>,
    pub(super) composer: &'a Composer,
    /// What the composer shows while it is empty.
    pub(super) hint: &'a str,
    pub(super) footer: &'a str,
}

impl Frame<'_> {
    pub(super) fn live(self) -> Live {
        let mut rows = Vec::new();
        rows.extend(self.partial.map(Row::plain));
        for prompt in self.queued {
            let line = prompt.lines().next().unwrap_or_default();
            rows.push(Row::dim(format!("❯ {line}")));
            rows.push(Row::dim("  ⎿ Queued"));
        }
        if let Some(phase) = self.busy {
            rows.push(Row::plain(""));
            rows.push(Row::plain(format!(
                "{} Working… (esc to interrupt)",
                SPINNER[phase % SPINNER.len()]
            )));
        }
        rows.push(rule(self.size.cols));
        let draft = draft_rows(self.composer, self.size);
        let cursor = (
            rows.len() + draft.len() - 1,
            2 + draft.last().map_or(0, |row| width(row)),
        );
        rows.extend(composer_rows(self.composer, self.hint, draft));
        rows.push(rule(self.size.cols));
        rows.push(Row::dim(format!("  {}", self.footer)));
        Live { rows, cursor }
    }
}

fn composer_rows(composer: &Composer, hint: &str, draft: Vec<String>) -> Vec<Row> {
    if composer.is_empty() {
        return vec![Row::hint("❯ ", hint)];
    }
    let lead = |index| if index == 0 { '❯' } else { ' ' };
    draft
        .into_iter()
        .enumerate()
        .map(|(index, row)| Row::plain(format!("{} {row}", lead(index))))
        .collect()
}

/// The end of the draft, in at most half of the screen.
fn draft_rows(composer: &Composer, size: Size) -> Vec<String> {
    let most = (size.rows / 2).max(1);
    let mut rows = wrap(&composer.tail(most * size.cols * 4), size.cols.saturating_sub(3));
    rows.drain(..rows.len().saturating_sub(most));
    rows
}

/// The rows of an open dialog, in place of the composer.
pub(super) fn dialog(dialog: &Dialog, cwd: &str, size: Size) -> Live {
    let about = dialog
        .tool
        .map_or_else(|| cwd.to_owned(), |tool| format!("Run a command: {tool}"));
    let mut rows = vec![rule(size.cols), Row::plain(format!(" {about}")), Row::plain("")];
    rows.push(Row::plain(format!(" {}", dialog.question)));
    rows.extend(dialog.rows().map(Row::plain));
    rows.extend([Row::plain(""), Row::dim(" Enter to confirm · Esc to cancel")]);
    let cursor = (rows.len() - 1, 0);
    Live { rows, cursor }
}

fn rule(cols: usize) -> Row {
    Row::dim("─".repeat(cols))
}
