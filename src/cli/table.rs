//! Tables: columns as wide as their widest cell, two spaces between, nothing else.

use comfy_table::{Table, presets};

/// Writes a table; each line ends with a line end.
///
/// Control characters in a cell are shown escaped: a directory's name must not drive the reader's terminal.
pub(crate) fn table<const N: usize>(
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headers);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// A text without characters that a terminal obeys.
pub(crate) fn plain(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_padded_with_two_spaces_between() {
        let rows = [["a", "long cell"], ["名前", ""], ["x\u{1b}[2J", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["N", "B"], rows),
            "N           B\na           long cell\n名前\nx\\u{1b}[2J  y\n"
        );
    }
}
