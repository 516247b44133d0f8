//! A pane's screen: bytes in, a screen out. No tmux, no IO, nothing of the rest of the crate.
//!
//! [`Filter`] takes out of a pane's output what a viewer must not get, [`Screen`] shows what is left, and
//! [`Screen::snapshot`] writes the screen back as escape sequences. Sources: ECMA-48, the VT500 parser of
//! vt100.net, xterm's control sequences, and tmux(1); where they differ, tmux wins.

mod capture;
mod cells;
mod colors;
mod dispatch;
mod filter;
mod history;
mod judge;
mod modes;
mod sgr;
mod snapshot;
mod tabs;
mod terminal;

use std::sync::Arc;

use alacritty_terminal::{grid::Dimensions, index::Line, vte::Parser};
use bytes::Bytes;

pub use self::{
    capture::{Capture, TerminalState},
    filter::{Filter, Signal},
    modes::{Cursor, CursorShape, Modes, Mouse},
};
use self::{dispatch::Dispatch, history::History, terminal::Terminal};

/// How many rows of history a screen keeps. Deep history is tmux's.
pub const SCROLLBACK_LINES: usize = 100;

/// A size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns, 2 to 1000: with one column alacritty would try for ever to place a wide character.
    pub cols: u16,
    /// Rows, 1 to 1000.
    pub rows: u16,
}

impl Size {
    /// Makes a size, moving each number into its bounds.
    #[must_use]
    pub fn new(cols: u16, rows: u16) -> Self {
        Self {
            cols: cols.clamp(2, 1000),
            rows: rows.clamp(1, 1000),
        }
    }

    /// The same size within the bounds, however it was made.
    fn clamped(self) -> Self {
        Self::new(self.cols, self.rows)
    }
}

/// All rows a screen keeps, as text: what has left it, and what is visible. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows, oldest first, without trailing blanks.
    pub rows: Vec<Arc<str>>,
    /// For each row, whether the terminal broke it off at its edge: the next row continues it.
    pub continued: Vec<bool>,
    /// Where the visible rows begin.
    pub first_visible: usize,
    /// The visible rows again, but with a blank for each cell that is dim: what a program shows without meaning it. The
    /// cursor that a program draws on the first dim cell counts as dim too.
    pub bright: Vec<Arc<str>>,
    /// The visible rows again, but with a blank for each cell that has the background of most of its row: what a program
    /// shows as selected, if it does that by colour.
    pub lit: Vec<Arc<str>>,
    /// The visible row in which the cursor stands.
    pub cursor: usize,
}

impl Page {
    /// The visible rows.
    #[must_use]
    pub fn visible(&self) -> &[Arc<str>] {
        &self.rows[self.first_visible..]
    }
}

/// A terminal's screen, as tmux would show it.
///
/// It never answers: tmux has answered the program's queries already. Memory is bounded: about 0.6 MB at
/// 120x40 with a full scrollback.
pub struct Screen {
    parser: Parser,
    terminal: Terminal,
    /// The character that REP repeats.
    last: Option<char>,
    /// The bytes of a character that was cut at the end of the last feed.
    cut: Vec<u8>,
    history: History,
}

impl Screen {
    /// Makes a blank screen with a scrollback of [`SCROLLBACK_LINES`].
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self::showing(Terminal::new(size.clamped()))
    }

    fn showing(terminal: Terminal) -> Self {
        Self {
            parser: Parser::new(),
            terminal,
            last: None,
            cut: Vec::new(),
            history: History::default(),
        }
    }

    /// Shows output that has passed a [`Filter`], cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.cut.is_empty() {
            return self.feed_joined(bytes);
        }
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend_from_slice(bytes);
        self.feed_joined(&joined);
    }

    /// The parser gets whole characters only: given a cut one, vte 0.15 can lose the character after it.
    fn feed_joined(&mut self, bytes: &[u8]) {
        let (whole, cut) = bytes.split_at(bytes.len() - cut_character(bytes));
        let mut dispatch = Dispatch {
            terminal: &mut self.terminal,
            last: &mut self.last,
        };
        self.parser.advance(&mut dispatch, whole);
        self.cut.extend_from_slice(cut);
        self.terminal.settle();
    }

    /// Takes a new size. The primary screen reflows, the alternate is cut or padded.
    pub fn resize(&mut self, size: Size) {
        let size = size.clamped();
        if size != self.size() {
            self.terminal.resize(size);
        }
    }

    /// The size.
    #[must_use]
    pub fn size(&self) -> Size {
        let grid = self.terminal.grid();
        Size {
            cols: grid.columns() as u16,
            rows: grid.screen_lines() as u16,
        }
    }

    /// A visible row as text, without trailing blanks; beyond the last row it is empty.
    ///
    /// A wide character comes once, combining characters follow their base.
    #[must_use]
    pub fn row(&self, row: u16) -> String {
        if row >= self.size().rows {
            return String::new();
        }
        cells::text(&self.terminal.grid()[Line(i32::from(row))])
    }

    /// The visible rows, top to bottom, each as [`Screen::row`] gives it.
    #[must_use]
    pub fn rows(&self) -> Vec<Arc<str>> {
        (0..self.size().rows).map(|row| self.row(row).into()).collect()
    }

    /// The rows that have left the primary screen, oldest first; [`SCROLLBACK_LINES`] at most.
    #[must_use]
    pub fn scrollback(&self) -> Vec<String> {
        let grid = self.terminal.primary();
        (grid.topmost_line().0..0)
            .map(|line| cells::text(&grid[Line(line)]))
            .collect()
    }

    /// The rows that are kept. Trailing blank rows come too.
    ///
    /// What has left the screen is read once and kept as text: only what is visible costs something each time.
    pub fn page(&mut self) -> Page {
        let growth = self.terminal.growth();
        self.history.read(self.terminal.primary(), growth);
        let grid = self.terminal.grid();
        let most = SCROLLBACK_LINES + usize::from(self.size().rows);
        let mut page = Page {
            rows: Vec::with_capacity(most),
            continued: Vec::with_capacity(most),
            ..Page::default()
        };
        if !self.terminal.alternate() {
            for row in self.history.rows() {
                page.rows.push(row.text.clone());
                page.continued.push(row.continued);
            }
        }
        page.first_visible = page.rows.len();
        page.cursor = usize::from(self.cursor().row);
        for line in 0..i32::from(self.size().rows) {
            let row = &grid[Line(line)];
            let text: Arc<str> = cells::text(row).into();
            page.bright.push(if cells::is_dim_anywhere(row) {
                cells::bright_text(row).into()
            } else {
                text.clone()
            });
            page.lit.push(cells::lit_text(row).into());
            page.rows.push(text);
            page.continued.push(cells::is_continued(row));
        }
        page
    }

    /// The cursor.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::of(&self.terminal)
    }

    /// The modes the program has set.
    #[must_use]
    pub fn modes(&self) -> Modes {
        Modes::of(&self.terminal)
    }

    /// The title the program set, or the empty text.
    #[must_use]
    pub fn title(&self) -> &str {
        self.terminal.title.as_deref().unwrap_or_default()
    }

    /// Writes the screen as escape sequences that reproduce it in a fresh (or reset) terminal of the same size.
    ///
    /// Visible cells, scrollback, the primary screen behind an alternate one, cursor (also the saved one), pen,
    /// character sets, tab stops, colours, modes and title; not the character that REP would repeat. Ends with the bytes of a character that was cut by
    /// the last feed, so the output that follows continues it.
    #[must_use]
    pub fn snapshot(&self) -> Bytes {
        let mut snapshot = snapshot::write(&self.terminal);
        snapshot.extend_from_slice(&self.cut);
        snapshot.into()
    }

    /// Starts anew from one tmux capture, at the capture's size.
    ///
    /// What tmux cannot tell keeps its present value (focus events, new-line mode, cursor shape, and bracketed
    /// paste before 3.7) or is lost (pen, character sets, tab stops, colours). [`Capture::pending`] is not fed:
    /// it belongs into the [`Filter`], reset before, ahead of the output that follows the capture.
    pub fn restore(&mut self, capture: &Capture) {
        *self = Self::showing(capture::terminal(capture, &self.terminal));
    }
}

/// How many bytes at the end are the beginning of a UTF-8 character.
fn cut_character(bytes: &[u8]) -> usize {
    let continuation = bytes
        .iter()
        .rev()
        .take(3)
        .take_while(|byte| **byte & 0xc0 == 0x80)
        .count();
    let length = match bytes.len().checked_sub(continuation + 1).map(|at| bytes[at]) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 0,
    };
    if length > continuation + 1 {
        continuation + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
