//! The conversation on a screen: the rows above the composer, whose prompt begins where, and the reply below it.

mod anchor;
mod reply;

use std::{ops::Range, sync::Arc};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{composer::Wanted, marker::Marker};
use crate::screen::Page;

/// The rows of the conversation that are kept, oldest first, without the blank ones at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Conversation {
    page: Arc<Page>,
    /// Which rows of the page it is.
    range: Range<usize>,
    cols: usize,
}

/// Equal conversations stand at any place of a page.
impl PartialEq for Conversation {
    fn eq(&self, other: &Self) -> bool {
        self.cols == other.cols && self.rows() == other.rows() && self.continued() == other.continued()
    }
}

impl Eq for Conversation {}

/// Where a reply begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The first row behind the prompt's echo.
    row: usize,
    /// Whether the echo itself is on the screen. If not, everything that is kept is newer than it.
    visible: bool,
}

impl Anchor {
    /// Whether the reply is known from its first row on.
    pub(super) fn is_visible(self) -> bool {
        self.visible
    }
}

impl Conversation {
    /// The rows of a page that stand above row `top` of the visible ones.
    pub(super) fn new(page: Arc<Page>, top: Option<usize>, cols: usize) -> Self {
        let (left, visible) = page.rows.split_at(page.first_visible);
        // Who paints the whole screen anew leaves old frames in the history, composers and all.
        let is_left = |top: usize| {
            let edges: Vec<&Arc<str>> = visible.iter().skip(top).filter(|row| is_edge(row)).collect();
            left.iter().any(|row| edges.contains(&row))
        };
        let start = if top.is_some_and(is_left) { left.len() } else { 0 };
        let end = top.map_or(page.rows.len(), |top| (left.len() + top).min(page.rows.len()));
        let last = page.rows[start..end]
            .iter()
            .rposition(|row| !row.trim().is_empty());
        let range = start..last.map_or(start, |last| start + last + 1);
        Self { page, range, cols }
    }

    pub(super) fn rows(&self) -> &[Arc<str>] {
        &self.page.rows[self.range.clone()]
    }

    /// For each row, whether the terminal broke it off: the next one continues it.
    fn continued(&self) -> &[bool] {
        &self.page.continued[self.range.clone()]
    }
}

/// Whether a row is the edge of a box, or a rule.
fn is_edge(row: &str) -> bool {
    let row = row.trim();
    row.chars().count() >= 8 && row.chars().all(|c| ('\u{2500}'..='\u{259f}').contains(&c))
}

/// A text without blanks, line ends and what has no width, to compare what renderers wrap and indent. Letters are
/// composed of their marks, as some agents do.
pub(super) fn squeeze(text: &str) -> String {
    let is_kept =
        |c: &char| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{a0}');
    // To see that nothing is to be composed is cheap, and nearly always so.
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.chars().filter(is_kept).collect(),
        _ => text.nfc().filter(is_kept).collect(),
    }
}

#[cfg(test)]
mod tests;
