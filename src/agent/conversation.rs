//! What the rows of an agent's conversation are.

use super::{Rules, rule::Pattern};

impl Rules {
    /// The text of a row that begins the echo of a user's prompt.
    #[must_use]
    pub fn echo<'a>(&self, row: &'a str) -> Option<&'a str> {
        let found = self.echo.as_ref()?.find(row)?;
        Some(found.as_str().trim_end())
    }

    /// A row as text of the reply: without bullet, indentation, border and scrollbar; none if it is no part of one.
    #[must_use]
    pub fn reply_row<'a>(&self, row: &'a str) -> Option<&'a str> {
        let row = without_scrollbar(row);
        if self.is_chrome(row) {
            return None;
        }
        let lead = self.bullet.as_ref().and_then(|bullet| bullet.regex()?.find(row));
        Some(lead.map_or(row, |lead| &row[lead.end()..]))
    }

    /// What the agent says of a failed turn, if this row does.
    #[must_use]
    pub fn error(&self, row: &str) -> Option<String> {
        let row = without_scrollbar(row);
        let found = self.error.as_ref()?.find(row)?;
        Some(found.as_str().trim().to_owned())
    }

    /// Whether a row says that the turn was interrupted.
    #[must_use]
    pub fn interrupted(&self, row: &str) -> bool {
        is_match(self.interrupted.as_ref(), row)
    }

    /// Whether a row is neither prompt nor reply.
    pub(super) fn is_chrome(&self, row: &str) -> bool {
        is_match(self.chrome.as_ref(), row)
    }
}

fn is_match(pattern: Option<&Pattern>, row: &str) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(row))
}

/// A row without a scrollbar at its right edge.
fn without_scrollbar(row: &str) -> &str {
    let row = row.trim_end();
    match row.strip_suffix(['█', '┃', '│', '▐']) {
        Some(rest) if rest.is_empty() || rest.ends_with(' ') => rest.trim_end(),
        _ => row,
    }
}
