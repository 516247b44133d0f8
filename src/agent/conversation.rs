//! What the rows of an agent's conversation are.

use super::{Rules, rule::Pattern};

impl Rules {
    /// Whether the echo of a prompt can be told at all.
    #[must_use]
    pub fn knows_echo(&self) -> bool {
        self.echo.is_some()
    }

    /// The text of a row that begins the echo of a user's prompt.
    #[must_use]
    pub fn echo<'a>(&self, row: &'a str) -> Option<&'a str> {
        let found = self.echo.as_ref()?.find(without_scrollbar(row))?;
        Some(found.as_str().trim_end())
    }

    /// A row as text of the reply: without bullet, indentation, border and scrollbar; none if it is no part of one.
    #[must_use]
    pub fn reply_row<'a>(&self, row: &'a str) -> Option<&'a str> {
        let row = without_scrollbar(row);
        let stamp = self.stamp.as_ref().and_then(|stamp| stamp.regex()?.find(row));
        let row = stamp.map_or(row, |stamp| &row[..stamp.start()]);
        if self.is_chrome(row) {
            return None;
        }
        let lead = self.bullet.as_ref().and_then(|bullet| bullet.regex()?.find(row));
        Some(lead.map_or(row, |lead| &row[lead.end()..]))
    }

    /// Whether a row says that rows between the echo and it are not shown.
    #[must_use]
    pub fn is_cut(&self, row: &str) -> bool {
        is_match(self.cut.as_ref(), row)
    }

    /// Whether a row that looks like the echo of a prompt may as well begin a part of the reply.
    #[must_use]
    pub fn is_ambiguous(&self, row: &str) -> bool {
        is_match(self.bullet.as_ref(), row)
    }

    /// Whether a failed turn can be told by its rows.
    #[must_use]
    pub fn knows_errors(&self) -> bool {
        self.error.is_some()
    }

    /// Whether a working agent can be told by its screen.
    #[must_use]
    pub fn knows_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// What the agent says of a failed turn, if it does so in these rows.
    #[must_use]
    pub fn error<S: AsRef<str>>(&self, rows: &[S]) -> Option<String> {
        let rows: Vec<&str> = rows.iter().map(|row| without_scrollbar(row.as_ref())).collect();
        let rows = rows.join("\n");
        let found = self.error.as_ref()?.find(&rows)?;
        Some(found.as_str().trim().to_owned())
    }

    /// Whether a row says that the turn was interrupted.
    #[must_use]
    pub fn interrupted(&self, row: &str) -> bool {
        is_match(self.interrupted.as_ref(), row)
    }

    /// Whether a row says that a new conversation began.
    #[must_use]
    pub fn cleared(&self, row: &str) -> bool {
        is_match(self.cleared.as_ref(), row)
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
