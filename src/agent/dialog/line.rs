//! A row of a dialog without its borders.

/// A row without borders and scrollbar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// The column of the text.
    pub(super) indent: usize,
    /// The text; of an edge, nothing.
    pub(super) text: &'a str,
    /// Whether a border stands before the text.
    pub(super) bordered: bool,
    /// Whether it is an outermost edge, at which a dialog ends.
    pub(super) edge: bool,
    /// Whether the text fills the row, so that it may go on in the next.
    pub(super) full: bool,
}

impl<'a> Line<'a> {
    pub(super) fn new(row: &'a str) -> Self {
        let width = row.chars().count();
        let mut text = row.trim_start();
        let mut bordered = false;
        while let Some(rest) = text.strip_prefix(is_border) {
            if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
                break;
            }
            bordered = true;
            text = rest.trim_start();
        }
        let indent = row[..row.len() - text.len()].chars().count();
        let text = text.trim_end_matches(|c: char| c.is_whitespace() || is_border(c) || is_scrollbar(c));
        let is_edge = is_edge(text);
        Self {
            indent,
            text: if is_edge { "" } else { text },
            bordered,
            edge: is_edge && !bordered && !text.contains('╌'),
            // A border at the right says how wide the box is.
            full: indent + text.chars().count() + 16 > width.max(60),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

fn is_border(c: char) -> bool {
    matches!(c, '│' | '┃' | '║' | '▌' | '|')
}

fn is_scrollbar(c: char) -> bool {
    matches!(c, '█' | '▐')
}

/// Whether a text is a rule, or the upper or lower side of a box, which may have a title.
fn is_edge(text: &str) -> bool {
    let is_rule = |c: char| matches!(c, '─' | '━' | '═' | '╌' | '▀' | '▄');
    text.starts_with(['╭', '╰', '┌', '└', '╹']) && text.contains(is_rule)
        || text.starts_with(is_rule) && text.chars().filter(|c| is_rule(*c)).count() >= 4
}
