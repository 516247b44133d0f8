//! Reading the cells of a row.

use alacritty_terminal::{
    grid::Row,
    index::Column,
    term::cell::{Cell, Flags, LineLength},
    vte::ansi::Color,
};

/// The parts of wide characters.
const WIDE: Flags = Flags::WIDE_CHAR
    .union(Flags::WIDE_CHAR_SPACER)
    .union(Flags::LEADING_WIDE_CHAR_SPACER);

/// A cell as it is seen: one per character, so a wide one takes two columns.
pub(super) struct Seen<'a> {
    pub(super) cell: &'a Cell,
    pub(super) wide: bool,
    /// The cell shows nothing: half of a wide character whose other half was overwritten, or the place left free
    /// where a wide character did not fit.
    pub(super) blank: bool,
}

impl Seen<'_> {
    pub(super) fn char(&self) -> char {
        if self.blank { ' ' } else { self.cell.c }
    }

    pub(super) fn marks(&self) -> &[char] {
        if self.blank {
            &[]
        } else {
            self.cell.zerowidth().unwrap_or_default()
        }
    }
}

/// The cells of a row from left to right.
pub(super) fn seen(row: &Row<Cell>) -> impl Iterator<Item = Seen<'_>> {
    seen_to(row, row.len())
}

/// The cells of a row without the blanks at its end: most rows are short, and all are read at each look.
fn seen_text(row: &Row<Cell>) -> impl Iterator<Item = Seen<'_>> {
    seen_to(row, row.line_length().0)
}

fn seen_to(row: &Row<Cell>, end: usize) -> impl Iterator<Item = Seen<'_>> {
    let mut col = 0;
    std::iter::from_fn(move || {
        let cell = (col < end).then(|| &row[Column(col)])?;
        let spacer_follows =
            col + 1 < row.len() && row[Column(col + 1)].flags.contains(Flags::WIDE_CHAR_SPACER);
        let half = cell.flags.intersects(WIDE);
        let wide = cell.flags.contains(Flags::WIDE_CHAR) && spacer_follows;
        col += if wide { 2 } else { 1 };
        Some(Seen {
            cell,
            wide,
            blank: half && !wide,
        })
    })
}

/// A row as text, without trailing blanks.
pub(super) fn text(row: &Row<Cell>) -> String {
    let end = row.line_length();
    let mut text = String::with_capacity(end.0);
    // Most rows hold nothing wide and no marks, and every row is read at each look.
    if row[..end].iter().all(is_plain) {
        text.extend(row[..end].iter().map(|cell| cell.c));
    } else {
        for seen in seen_text(row) {
            push(&mut text, &seen);
        }
    }
    without_trailing_blanks(text)
}

/// Whether a cell is one column and one character.
fn is_plain(cell: &Cell) -> bool {
    !cell.flags.intersects(WIDE) && cell.zerowidth().is_none()
}

/// Whether anything in a row is dim.
pub(super) fn is_dim_anywhere(row: &Row<Cell>) -> bool {
    let end = row.line_length();
    row[..end].iter().any(|cell| cell.flags.contains(Flags::DIM))
}

/// A row as text in which dim cells are blanks, as is an inverse cell before a dim one.
pub(super) fn bright_text(row: &Row<Cell>) -> String {
    let mut text = String::with_capacity(row.line_length().0);
    let mut cells = seen_text(row).peekable();
    while let Some(seen) = cells.next() {
        let is_dim = |seen: &Seen<'_>| seen.cell.flags.contains(Flags::DIM);
        let is_cursor = seen.cell.flags.contains(Flags::INVERSE) && cells.peek().is_some_and(is_dim);
        if is_dim(&seen) || is_cursor {
            text.push_str(if seen.wide { "  " } else { " " });
        } else {
            push(&mut text, &seen);
        }
    }
    without_trailing_blanks(text)
}

/// A row as text in which all cells are blanks that have the background of most of the row.
pub(super) fn lit_text(row: &Row<Cell>) -> String {
    let first = background(&row[Column(0)]);
    if row[..].iter().all(|cell| background(cell) == first) {
        return String::new();
    }
    let mut counts: Vec<(Color, usize)> = Vec::new();
    for color in row[..].iter().map(background) {
        match counts.iter_mut().find(|(known, _)| *known == color) {
            Some((_, count)) => *count += 1,
            None => counts.push((color, 1)),
        }
    }
    let most = counts
        .iter()
        .max_by_key(|(_, count)| *count)
        .map(|(color, _)| *color);
    let mut text = String::new();
    for seen in seen_text(row) {
        if Some(background(seen.cell)) == most {
            text.push_str(if seen.wide { "  " } else { " " });
        } else {
            push(&mut text, &seen);
        }
    }
    without_trailing_blanks(text)
}

/// The colour behind a cell's character.
fn background(cell: &Cell) -> Color {
    if cell.flags.contains(Flags::INVERSE) {
        cell.fg
    } else {
        cell.bg
    }
}

fn push(text: &mut String, seen: &Seen<'_>) {
    text.push(seen.char());
    for mark in seen.marks() {
        text.push(*mark);
    }
}

fn without_trailing_blanks(mut text: String) -> String {
    text.truncate(text.trim_end_matches(' ').len());
    text
}

/// Whether the terminal broke the row off at its edge, so that the next one continues it.
pub(super) fn is_continued(row: &Row<Cell>) -> bool {
    row.len()
        .checked_sub(1)
        .is_some_and(|last| row[Column(last)].flags.contains(Flags::WRAPLINE))
}
