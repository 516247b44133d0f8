//! Text to rows: word wrap at a width in terminal columns, as the text arrives.

use unicode_width::UnicodeWidthChar;

/// Columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Cuts `text` to at most `max` columns.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// Wraps a whole text.
pub(super) fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut flow = Flow::new(max);
    let mut rows = flow.push(text);
    rows.push(flow.finish());
    rows
}

/// A text on its way to rows: finished rows come out, the row in progress stays.
#[derive(Debug)]
pub(super) struct Flow {
    max: usize,
    row: String,
    used: usize,
}

impl Flow {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(2),
            row: String::new(),
            used: 0,
        }
    }

    pub(super) fn resize(&mut self, max: usize) {
        self.max = max.max(2);
    }

    /// The row in progress.
    pub(super) fn row(&self) -> &str {
        &self.row
    }

    /// Takes more text and returns the rows it finished. Control characters become blanks.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for c in text.chars() {
            match c {
                '\n' => rows.push(self.finish()),
                '\t' => (0..4).for_each(|_| self.put(' ', &mut rows)),
                c if c.is_control() => self.put(' ', &mut rows),
                c => self.put(c, &mut rows),
            }
        }
        rows
    }

    /// Ends the row in progress.
    pub(super) fn finish(&mut self) -> String {
        self.used = 0;
        std::mem::take(&mut self.row)
    }

    fn put(&mut self, c: char, rows: &mut Vec<String>) {
        if self.used + columns(c) > self.max {
            rows.push(self.break_row());
        }
        self.row.push(c);
        self.used += columns(c);
    }

    /// Breaks after the last blank, or in the middle of a word that fills the row.
    fn break_row(&mut self) -> String {
        let at = self.row.rfind(' ').map_or(self.row.len(), |blank| blank + 1);
        let rest = self.row.split_off(at);
        self.used = width(&rest);
        let mut row = std::mem::replace(&mut self.row, rest);
        row.truncate(row.trim_end().len());
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_break_at_blanks_and_inside_long_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(wrap("a\x1b[31m", 40), ["a [31m"]);
    }

    #[test]
    fn wide_characters_never_cross_the_edge() {
        assert_eq!(wrap("漢漢漢", 5), ["漢漢", "漢"]);
        assert_eq!(cut("漢漢漢", 5), "漢漢");
        assert_eq!(width("é漢a"), 4);
    }

    #[test]
    fn a_stream_gives_the_rows_of_the_whole() {
        let text = "one two three four\nfive sixseveneight nine";
        let mut flow = Flow::new(9);
        let mut rows: Vec<String> = text.chars().flat_map(|c| flow.push(&c.to_string())).collect();
        rows.push(flow.finish());
        assert_eq!(rows, wrap(text, 9));
    }
}
