//! Rows to the screen. Inline: finished rows are printed once and scroll away, and the live rows below them are
//! erased and drawn again. Full: the last screenful is painted anew each time.

use std::fmt::Write as _;

use super::args::DemoArgs;
use super::wrap::{cut, width};
use crate::tty;

/// Finished rows kept for repaints.
const ROWS_KEPT: usize = 5000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) cols: usize,
    pub(super) rows: usize,
}

impl Size {
    /// The terminal's, but never less than 4 x 2.
    pub(super) fn now() -> Self {
        let (cols, rows) = tty::size();
        Self {
            cols: usize::from(cols).max(4),
            rows: usize::from(rows).max(2),
        }
    }
}

/// A row of the screen; the part from byte `dim_from` on is dim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    text: String,
    dim_from: usize,
}

impl Row {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            dim_from: usize::MAX,
        }
    }

    pub(super) fn dim(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            dim_from: 0,
        }
    }

    /// A plain `lead` before a dim `text`.
    pub(super) fn hint(lead: &str, text: &str) -> Self {
        Self {
            text: format!("{lead}{text}"),
            dim_from: lead.len(),
        }
    }

    fn draw(&self, out: &mut String, cols: usize) {
        let text = cut(&self.text, cols);
        match text.split_at_checked(self.dim_from) {
            Some((plain, dim)) if !dim.is_empty() => out.extend([plain, "\x1b[2m", dim, "\x1b[22m"]),
            _ => out.push_str(text),
        }
    }
}

/// The rows that change: what is below the transcript, and where the cursor is in them.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) rows: Vec<Row>,
    pub(super) cursor: (usize, usize),
}

#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub(super) struct View {
    pub(super) size: Size,
    full: bool,
    alt: bool,
    repaint_old: bool,
    bracketed: bool,
    /// Finished rows; those from `printed` on are still to be printed.
    rows: Vec<Row>,
    printed: usize,
    /// The live rows as they are on the screen.
    live: Live,
    raw: String,
}

impl View {
    pub(super) fn new(args: &DemoArgs, size: Size) -> Self {
        Self {
            size,
            full: args.full_repaint || args.alt_screen,
            alt: args.alt_screen,
            repaint_old: args.repaint_old_on_resize,
            bracketed: !args.no_bracketed,
            rows: Vec::new(),
            printed: 0,
            live: Live::default(),
            raw: String::new(),
        }
    }

    pub(super) fn start(&mut self) {
        self.raw.push_str(if self.alt { "\x1b[?1049h\x1b[H" } else { "" });
        self.raw.push_str(if self.bracketed { "\x1b[?2004h" } else { "" });
    }

    /// Sends an escape sequence that shows nothing, such as a title.
    pub(super) fn send(&mut self, sequence: &str) {
        self.raw.push_str(sequence);
    }

    /// Adds finished rows to the transcript.
    pub(super) fn say(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
        // Only what has been printed may be forgotten, and not at each row.
        if self.printed > 2 * ROWS_KEPT {
            self.rows.drain(..ROWS_KEPT);
            self.printed -= ROWS_KEPT;
        }
    }

    /// Takes all that was shown off the screen, and out of the terminal's history.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.printed = 0;
        self.live = Live::default();
        self.raw.push_str("\x1b[2J\x1b[3J\x1b[H");
    }

    pub(super) fn resize(&mut self, size: Size) {
        let mut out = std::mem::take(&mut self.raw);
        if self.repaint_old && !self.alt {
            out.push_str("\x1b[2J\x1b[3J\x1b[H");
            self.printed = self.rows.len().saturating_sub(ROWS_KEPT);
            self.live = Live::default();
        } else if !self.full {
            self.erase(&mut out, size.cols);
        }
        self.raw = out;
        self.size = size;
    }

    /// Draws what is new; returns the bytes for the terminal.
    pub(super) fn paint(&mut self, live: Live) -> Vec<u8> {
        let live = fit(live, self.size);
        let mut out = std::mem::take(&mut self.raw);
        out.push_str("\x1b[?25l");
        if self.full {
            self.paint_all(&mut out, &live);
        } else {
            self.erase(&mut out, self.size.cols);
            for row in &self.rows[self.printed..] {
                row.draw(&mut out, self.size.cols);
                out.push_str("\r\n");
            }
        }
        self.printed = self.rows.len();
        for (index, row) in live.rows.iter().enumerate() {
            out.push_str(if index > 0 { "\r\n" } else { "" });
            row.draw(&mut out, self.size.cols);
        }
        let up = live.rows.len().saturating_sub(1) - live.cursor.0;
        move_cursor(&mut out, up, live.cursor.1);
        out.push_str("\x1b[?25h");
        self.live = live;
        out.into_bytes()
    }

    /// Leaves the screen to whoever comes next, with `row` as the last word.
    pub(super) fn stop(&mut self, row: &Row) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.raw);
        if self.alt {
            out.push_str("\x1b[?1049l");
        } else {
            self.erase(&mut out, self.size.cols);
        }
        out.push_str(if self.bracketed { "\x1b[?2004l" } else { "" });
        row.draw(&mut out, self.size.cols);
        out.push_str("\r\n");
        out.into_bytes()
    }

    /// Starts from a clean screen with as much of the transcript as fits above the live rows.
    fn paint_all(&self, out: &mut String, live: &Live) {
        out.push_str("\x1b[H\x1b[2J");
        let room = self.size.rows.saturating_sub(live.rows.len());
        for row in &self.rows[self.rows.len().saturating_sub(room)..] {
            row.draw(out, self.size.cols);
            out.push_str("\r\n");
        }
    }

    /// Erases the live rows. A narrower terminal has wrapped them, so their height depends on `cols`.
    fn erase(&mut self, out: &mut String, cols: usize) {
        let (row, column) = self.live.cursor;
        let height = |row: &Row| width(&row.text).max(1).div_ceil(cols);
        let up = self.live.rows.iter().take(row).map(height).sum::<usize>() + column / cols;
        move_cursor(out, up, 0);
        out.push_str("\x1b[J");
        self.live = Live::default();
    }
}

/// Keeps the lowest rows of a screen that is too small for all.
fn fit(mut live: Live, size: Size) -> Live {
    let excess = live.rows.len().saturating_sub(size.rows.saturating_sub(1).max(1));
    live.rows.drain(..excess);
    live.cursor.0 = live
        .cursor
        .0
        .saturating_sub(excess)
        .min(live.rows.len().saturating_sub(1));
    live.cursor.1 = live.cursor.1.min(size.cols - 1);
    for row in &mut live.rows {
        row.text.truncate(cut(&row.text, size.cols).len());
    }
    live
}

fn move_cursor(out: &mut String, up: usize, column: usize) {
    out.push('\r');
    if up > 0 {
        let _ = write!(out, "\x1b[{up}A");
    }
    if column > 0 {
        let _ = write!(out, "\x1b[{column}C");
    }
}
