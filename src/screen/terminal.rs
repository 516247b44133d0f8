//! The terminal as tmux behaves, built on `alacritty_terminal`.
//!
//! What alacritty does like tmux is passed on; what it does otherwise is done here, because tmux is what
//! the user sees when he attaches. The alternate screen, the tab stops, the scroll region and the title
//! are kept here too: alacritty hides them, and a snapshot must be able to read them.

mod handler;

use std::mem;

use alacritty_terminal::{
    Term,
    event::VoidListener,
    grid::{Dimensions, Grid},
    index::{Column, Line, Point},
    term::{
        Config, MIN_COLUMNS, MIN_SCREEN_LINES, TermMode,
        cell::{Cell, Flags},
    },
    vte::ansi::{CharsetIndex, CursorStyle, Rgb},
};

use super::{
    Size,
    history::{Growth, ROOM},
    tabs::Tabs,
};

/// A cell that blinks. Alacritty has no such attribute, but carries the bit along with the others.
pub(super) const BLINK: Flags = Flags::from_bits_retain(1 << 15);

/// Combining characters kept per cell; tmux keeps about as many. Without a bound one cell could eat the memory.
const MARKS_PER_CELL: usize = 16;

/// Longest hyperlink kept, in bytes: what the OSC 8 convention asks terminals to accept.
const URI_LIMIT: usize = 2083;

/// Longest title kept, in bytes, and most titles kept by `CSI 22 t`.
const TITLE_LIMIT: usize = 1024;
const TITLE_STACK: usize = 16;

/// The primary screen, put aside while the alternate is on.
struct Primary {
    grid: Grid<Cell>,
    /// Whether leaving brings the cursor back (mode 1049) or leaves it where it is (47, 1047).
    cursor_comes_back: bool,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a mode of its own")]
pub(super) struct Terminal {
    term: Term<VoidListener>,
    primary: Option<Primary>,
    pub(super) tabs: Tabs,
    /// First and last row of the scroll region, both included, from 0.
    pub(super) region: (u16, u16),
    pub(super) charset: CharsetIndex,
    /// The character set that DECRC makes active.
    pub(super) saved_charset: CharsetIndex,
    /// Whether DECRC sets the origin mode.
    pub(super) saved_origin: bool,
    pub(super) mouse_utf8: bool,
    pub(super) mouse_sgr: bool,
    /// None as long as no program has set one.
    pub(super) title: Option<String>,
    /// The titles that `CSI 22 t` has put aside.
    pub(super) titles: Vec<Option<String>>,
    /// Whether the history already has the room it may grow to; see [`Terminal::trim`].
    history_has_room: bool,
    /// How many rows of history there were after the last feed, and how many have come since they were read.
    history: usize,
    growth: Growth,
}

impl Terminal {
    pub(super) fn new(size: Size) -> Self {
        let config = Config {
            scrolling_history: ROOM,
            ..Config::default()
        };
        let mut terminal = Self {
            term: Term::new(config, &size, VoidListener),
            primary: None,
            tabs: Tabs::new(size.cols),
            region: (0, size.rows - 1),
            charset: CharsetIndex::G0,
            saved_charset: CharsetIndex::G0,
            saved_origin: false,
            mouse_utf8: false,
            mouse_sgr: false,
            title: None,
            titles: Vec::new(),
            history_has_room: false,
            history: 0,
            growth: Growth::Unknown,
        };
        terminal.trim_spare();
        terminal
    }

    /// The screen that is shown.
    pub(super) fn grid(&self) -> &Grid<Cell> {
        self.term.grid()
    }

    pub(super) fn grid_mut(&mut self) -> &mut Grid<Cell> {
        self.term.grid_mut()
    }

    /// The primary screen, which alone has a history.
    pub(super) fn primary(&self) -> &Grid<Cell> {
        self.primary
            .as_ref()
            .map_or(self.term.grid(), |primary| &primary.grid)
    }

    pub(super) fn alternate(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether leaving the alternate screen brings the cursor back.
    pub(super) fn cursor_comes_back(&self) -> bool {
        self.primary
            .as_ref()
            .is_some_and(|primary| primary.cursor_comes_back)
    }

    pub(super) fn mode(&self, mode: TermMode) -> bool {
        self.term.mode().contains(mode)
    }

    pub(super) fn cursor_style(&self) -> CursorStyle {
        self.term.cursor_style()
    }

    /// The colour a program gave to a palette index, or to 256 (text), 257 (background), 258 (cursor).
    pub(super) fn color(&self, index: usize) -> Option<Rgb> {
        self.term.colors()[index]
    }

    /// Shows the alternate screen, blank, with the cursor where it was.
    pub(super) fn enter_alternate(&mut self, cursor_comes_back: bool) {
        if self.primary.is_some() {
            return;
        }
        let (rows, cols) = (self.term.screen_lines(), self.term.columns());
        let mut blank = Grid::new(rows, cols, 0);
        blank.cursor = self.grid().cursor.clone();
        blank.saved_cursor = self.grid().saved_cursor.clone();
        let grid = mem::replace(self.grid_mut(), blank);
        self.primary = Some(Primary {
            grid,
            cursor_comes_back,
        });
    }

    /// Shows the primary screen again. The pen comes back, character sets and the DECSC cursor are common to both.
    pub(super) fn leave_alternate(&mut self) {
        let Some(Primary {
            mut grid,
            cursor_comes_back,
        }) = self.primary.take()
        else {
            return;
        };
        let alternate = self.grid();
        grid.saved_cursor = alternate.saved_cursor.clone();
        grid.cursor.charsets = alternate.cursor.charsets;
        // A cursor that waited to wrap waits no more.
        grid.cursor.input_needs_wrap = false;
        if !cursor_comes_back {
            grid.cursor.point = alternate.cursor.point;
            grid.cursor.input_needs_wrap = alternate.cursor.input_needs_wrap;
        }
        *self.grid_mut() = grid;
    }

    /// Takes a new size; only the primary screen reflows, as in tmux.
    pub(super) fn resize(&mut self, size: Size) {
        let (rows, cols) = (usize::from(size.rows), usize::from(size.cols));
        if self.term.columns() != cols {
            self.tabs = Tabs::new(size.cols);
        }
        if let Some(mut primary) = self.primary.take() {
            mem::swap(self.term.grid_mut(), &mut primary.grid);
            self.term.resize(size);
            mem::swap(self.term.grid_mut(), &mut primary.grid);
            self.grid_mut().resize(false, rows, cols);
            self.primary = Some(primary);
        } else {
            self.term.resize(size);
        }
        self.region = (0, size.rows - 1);
        self.trim_spare();
        self.history_has_room = false;
        self.growth = Growth::Unknown;
        self.settle();
    }

    /// How many rows have left the primary screen since this was last asked.
    pub(super) fn growth(&mut self) -> Growth {
        mem::replace(&mut self.growth, Growth::By(0))
    }

    /// To be called when the terminal was written: counts what has left the screen, and keeps the memory within bounds.
    pub(super) fn settle(&mut self) {
        self.trim();
        let grid = self
            .primary
            .as_mut()
            .map_or(self.term.grid_mut(), |primary| &mut primary.grid);
        self.growth.count(self.history, grid);
        self.history = grid.history_size();
    }

    /// Gives back rows that alacritty allocates ahead: at least 1000 at a time whenever the history grows.
    ///
    /// The history gets exactly the rows it may use, once, so that it never has to grow again.
    fn trim(&mut self) {
        if let Some(primary) = &mut self.primary {
            self.term.grid_mut().truncate();
            if !self.history_has_room && primary.grid.history_size() > 0 {
                give_room(&mut primary.grid);
                self.history_has_room = true;
            }
        } else if !self.history_has_room {
            if self.grid().history_size() > 0 {
                give_room(self.grid_mut());
                self.history_has_room = true;
            } else {
                self.grid_mut().truncate();
            }
        }
    }

    /// Makes alacritty's own second grid tiny: we do not use it, and can reach it only by swapping.
    fn trim_spare(&mut self) {
        let saved = self.grid().saved_cursor.clone();
        self.term.swap_alt();
        *self.grid_mut() = Grid::new(MIN_SCREEN_LINES, MIN_COLUMNS, 0);
        self.term.swap_alt();
        self.grid_mut().saved_cursor = saved;
    }

    fn cols(&self) -> usize {
        self.term.columns()
    }

    fn rows(&self) -> usize {
        self.term.screen_lines()
    }

    /// Whether the last column was written and the next character goes to the next row.
    fn wrap_pending(&self) -> bool {
        self.grid().cursor.input_needs_wrap
    }

    fn row_wraps(&self, line: Line) -> bool {
        self.grid()[line][Column(self.cols() - 1)]
            .flags
            .contains(Flags::WRAPLINE)
    }

    fn point(&self) -> (usize, usize) {
        let point = self.grid().cursor.point;
        (usize::try_from(point.line.0).unwrap_or(0), point.column.0)
    }

    /// Puts the cursor somewhere, whatever the origin mode says.
    pub(super) fn place(&mut self, row: usize, col: usize) {
        let (row, col) = (row.min(self.rows() - 1), col.min(self.cols() - 1));
        let cursor = &mut self.grid_mut().cursor;
        cursor.point = Point::new(Line(i32::try_from(row).unwrap_or(0)), Column(col));
        cursor.input_needs_wrap = false;
    }

    fn move_rows_up(&self, count: usize) -> usize {
        let (row, _) = self.point();
        let top = usize::from(self.region.0);
        let limit = if row < top { 0 } else { top };
        row.saturating_sub(count).max(limit)
    }

    fn move_rows_down(&self, count: usize) -> usize {
        let (row, _) = self.point();
        let bottom = usize::from(self.region.1);
        let limit = if row > bottom { self.rows() - 1 } else { bottom };
        row.saturating_add(count).min(limit)
    }

    /// Keeps a cell's combining characters within bounds after one may have been added to it.
    fn limit_marks(&mut self) {
        let cursor = &self.grid().cursor;
        let line = cursor.point.line;
        let back = usize::from(!cursor.input_needs_wrap);
        let mut column = cursor.point.column.0.saturating_sub(back);
        if self.grid()[line][Column(column)]
            .flags
            .contains(Flags::WIDE_CHAR_SPACER)
        {
            column = column.saturating_sub(1);
        }
        let cell = &mut self.grid_mut()[line][Column(column)];
        let Some(marks) = cell.zerowidth().filter(|marks| marks.len() > MARKS_PER_CELL) else {
            return;
        };
        let kept = marks[..MARKS_PER_CELL].to_vec();
        let (hyperlink, underline) = (cell.hyperlink(), cell.underline_color());
        cell.extra = None;
        cell.set_hyperlink(hyperlink);
        cell.set_underline_color(underline);
        for mark in kept {
            cell.push_zerowidth(mark);
        }
    }
}

/// Makes a grid's storage as long as its rows and its full history, no longer.
fn give_room(grid: &mut Grid<Cell>) {
    let history = grid.history_size();
    grid.initialize_all();
    grid.truncate();
    grid.update_history(history);
    grid.update_history(ROOM);
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        usize::from(self.rows)
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.rows)
    }

    fn columns(&self) -> usize {
        usize::from(self.cols)
    }
}
