//! The terminal as tmux behaves, built on `alacritty_terminal`.
//!
//! What alacritty does like tmux is passed on; what it does otherwise is done here, because tmux is what
//! the user sees when he attaches. The alternate screen, the tab stops, the scroll region and the title
//! are kept here too: alacritty hides them, and a snapshot must be able to read them.

use std::mem;

use alacritty_terminal::{
    Term,
    event::VoidListener,
    grid::{Dimensions, Grid},
    index::{Column, Line, Point},
    term::{
        Config, TermMode,
        cell::{Cell, Flags},
    },
    vte::ansi::{
        Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, LineClearMode, Mode,
        NamedPrivateMode, PrivateMode, Rgb, StandardCharset, TabulationClearMode,
    },
};

use super::{SCROLLBACK_LINES, Size, tabs::Tabs};

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
}

impl Terminal {
    pub(super) fn new(size: Size) -> Self {
        let config = Config {
            scrolling_history: SCROLLBACK_LINES,
            ..Config::default()
        };
        Self {
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
        }
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
        self.trim();
    }

    /// Gives back rows that alacritty allocates ahead: at least 1000 at a time whenever the history grows.
    ///
    /// The history gets exactly the rows it may use, once, so that it never has to grow again.
    pub(super) fn trim(&mut self) {
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

    /// Trims alacritty's own second grid, which we do not use and can reach only by swapping.
    fn trim_spare(&mut self) {
        let saved = self.grid().saved_cursor.clone();
        self.term.swap_alt();
        self.grid_mut().truncate();
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
        let (link, color) = (cell.hyperlink(), cell.underline_color());
        cell.extra = None;
        cell.set_hyperlink(link);
        cell.set_underline_color(color);
        kept.into_iter().for_each(|mark| cell.push_zerowidth(mark));
    }
}

/// Makes a grid's storage as long as its rows and its full history, no longer.
fn give_room(grid: &mut Grid<Cell>) {
    let history = grid.history_size();
    grid.initialize_all();
    grid.truncate();
    grid.update_history(history);
    grid.update_history(SCROLLBACK_LINES);
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

/// Hands methods to alacritty unchanged.
macro_rules! as_alacritty {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, $($arg: $type),*) { self.term.$method($($arg),*); })*
    };
}

/// Queries (`identify_terminal`, `device_status`, `report_*`, ...) keep their empty default: tmux has answered them.
impl Handler for Terminal {
    as_alacritty! {
        goto(row: i32, col: usize);
        goto_line(row: i32);
        carriage_return();
        linefeed();
        reverse_index();
        scroll_up(count: usize);
        scroll_down(count: usize);
        insert_blank_lines(count: usize);
        delete_lines(count: usize);
        clear_line(mode: LineClearMode);
        set_mode(mode: Mode);
        unset_mode(mode: Mode);
        set_keypad_application_mode();
        unset_keypad_application_mode();
        configure_charset(index: CharsetIndex, charset: StandardCharset);
        set_color(index: usize, color: Rgb);
        reset_color(index: usize);
        set_cursor_style(style: Option<CursorStyle>);
        set_cursor_shape(shape: CursorShape);
    }

    #[inline]
    fn input(&mut self, c: char) {
        let (point, last) = (self.grid().cursor.point, Column(self.cols() - 1));
        // In tmux a row stays one that wrapped when its end is overwritten; alacritty forgets it.
        let wrapped = point.column.0 + 1 >= last.0 && self.row_wraps(point.line) && !self.wrap_pending();
        self.term.input(c);
        if wrapped && self.grid().cursor.point.line == point.line {
            self.grid_mut()[point.line][last].flags.insert(Flags::WRAPLINE);
        }
        // Nothing below U+0300 combines.
        if c >= '\u{300}' {
            self.limit_marks();
        }
    }

    fn goto_col(&mut self, col: usize) {
        self.place(self.point().0, col);
    }

    fn move_up(&mut self, count: usize) {
        self.place(self.move_rows_up(count), self.point().1);
    }

    fn move_down(&mut self, count: usize) {
        self.place(self.move_rows_down(count), self.point().1);
    }

    fn move_up_and_cr(&mut self, count: usize) {
        self.place(self.move_rows_up(count), 0);
    }

    fn move_down_and_cr(&mut self, count: usize) {
        self.place(self.move_rows_down(count), 0);
    }

    fn move_forward(&mut self, count: usize) {
        let (row, col) = self.point();
        self.place(row, col.saturating_add(count));
    }

    /// In tmux the cursor waits for the wrap beyond the last column, so going back starts from there.
    fn move_backward(&mut self, count: usize) {
        let (row, col) = self.point();
        let col = col + usize::from(self.wrap_pending());
        self.place(row, col.saturating_sub(count));
    }

    /// Goes back over the end of the row above if that row wrapped.
    fn backspace(&mut self) {
        let (row, col) = self.point();
        if col > 0 || self.wrap_pending() {
            return self.move_backward(1);
        }
        if row > 0 && self.row_wraps(self.grid().cursor.point.line - 1_i32) {
            self.place(row - 1, self.cols() - 1);
        }
    }

    /// Moves only: alacritty would also write a tab into the cell, and wrap at the end of the row.
    fn put_tab(&mut self, count: u16) {
        self.move_forward_tabs(count);
    }

    fn move_forward_tabs(&mut self, count: u16) {
        let (row, col) = self.point();
        if !self.wrap_pending() {
            self.place(row, self.tabs.after(col, count));
        }
    }

    fn move_backward_tabs(&mut self, count: u16) {
        let (row, col) = self.point();
        self.place(row, self.tabs.before(col, count));
    }

    fn set_horizontal_tabstop(&mut self) {
        self.tabs.set(self.point().1, true);
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        match mode {
            TabulationClearMode::Current => self.tabs.set(self.point().1, false),
            TabulationClearMode::All => self.tabs.clear(),
        }
    }

    fn insert_blank(&mut self, count: usize) {
        if !self.wrap_pending() {
            self.term.insert_blank(count);
        }
    }

    fn delete_chars(&mut self, count: usize) {
        if !self.wrap_pending() {
            self.term.delete_chars(count);
        }
    }

    fn erase_chars(&mut self, count: usize) {
        if !self.wrap_pending() {
            self.term.erase_chars(count);
        }
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        let row = self.grid().cursor.point.line;
        match mode {
            // Alacritty forgets row 0 if the cursor is on row 1.
            ClearMode::Above if row == 1 => self.grid_mut().reset_region(..row),
            ClearMode::Below if self.wrap_pending() => {
                if self.point().0 + 1 < self.rows() {
                    self.grid_mut().reset_region((row + 1_i32)..);
                }
                return;
            }
            // All of the screen, however it is said, scrolls into the history.
            ClearMode::Below if self.point() == (0, 0) => return self.term.clear_screen(ClearMode::All),
            _ => {}
        }
        self.term.clear_screen(mode);
    }

    /// Homes the cursor and frees the scroll region as well.
    fn decaln(&mut self) {
        self.set_scrolling_region(1, None);
        self.place(0, 0);
        self.term.decaln();
    }

    fn save_cursor_position(&mut self) {
        self.saved_charset = self.charset;
        self.saved_origin = self.mode(TermMode::ORIGIN);
        self.term.save_cursor_position();
    }

    fn restore_cursor_position(&mut self) {
        self.set_active_charset(self.saved_charset);
        let origin = NamedPrivateMode::Origin.into();
        if self.saved_origin {
            self.term.set_private_mode(origin);
        } else {
            self.term.unset_private_mode(origin);
        }
        self.term.restore_cursor_position();
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.charset = index;
        self.term.set_active_charset(index);
    }

    /// A region of one row is none.
    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let bottom = bottom.unwrap_or(self.rows()).min(self.rows());
        if top < bottom {
            self.region = ((top - 1) as u16, (bottom - 1) as u16);
            self.term.set_scrolling_region(top, Some(bottom));
        }
    }

    /// RIS. In tmux it keeps the history and the alternate screen, and the old contents scroll into the history.
    fn reset_state(&mut self) {
        let (rows, cols) = (self.rows(), self.cols());
        let grid = mem::replace(self.grid_mut(), Grid::new(rows, cols, 0));
        self.term.reset_state();
        *self.grid_mut() = grid;
        self.grid_mut().cursor = alacritty_terminal::grid::Cursor::default();
        self.grid_mut().saved_cursor = alacritty_terminal::grid::Cursor::default();
        self.clear_screen(ClearMode::All);
        self.tabs = Tabs::new(cols as u16);
        self.region = (0, (rows - 1) as u16);
        (self.charset, self.saved_charset) = (CharsetIndex::G0, CharsetIndex::G0);
        (self.mouse_utf8, self.mouse_sgr, self.saved_origin) = (false, false, false);
        (0..alacritty_terminal::term::color::COUNT).for_each(|index| self.term.reset_color(index));
    }

    fn terminal_attribute(&mut self, attr: Attr) {
        match attr {
            Attr::BlinkSlow | Attr::BlinkFast => self.grid_mut().cursor.template.flags.insert(BLINK),
            Attr::CancelBlink => self.grid_mut().cursor.template.flags.remove(BLINK),
            // SGR 21 is a double underline to tmux and to xterm.js.
            Attr::CancelBold => self.term.terminal_attribute(Attr::DoubleUnderline),
            attr => self.term.terminal_attribute(attr),
        }
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Unknown(47 | 1047) => self.enter_alternate(false),
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => self.enter_alternate(true),
            PrivateMode::Named(NamedPrivateMode::Utf8Mouse) => self.mouse_utf8 = true,
            PrivateMode::Named(NamedPrivateMode::SgrMouse) => self.mouse_sgr = true,
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => self.set_columns(mode),
            mode => self.term.set_private_mode(mode),
        }
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        use NamedPrivateMode as Named;
        match mode {
            PrivateMode::Unknown(47 | 1047) | PrivateMode::Named(Named::SwapScreenAndSetRestoreCursor) => {
                self.leave_alternate()
            }
            PrivateMode::Named(Named::Utf8Mouse) => self.mouse_utf8 = false,
            PrivateMode::Named(Named::SgrMouse) => self.mouse_sgr = false,
            PrivateMode::Named(Named::ColumnMode) => self.set_columns(mode),
            // Each of the three turns the mouse off, whichever turned it on.
            PrivateMode::Named(
                Named::ReportMouseClicks | Named::ReportCellMouseMotion | Named::ReportAllMouseMotion,
            ) => {
                for mode in [
                    Named::ReportMouseClicks,
                    Named::ReportCellMouseMotion,
                    Named::ReportAllMouseMotion,
                ] {
                    self.term.unset_private_mode(mode.into());
                }
            }
            mode => self.term.unset_private_mode(mode),
        }
    }

    fn set_title(&mut self, title: Option<String>) {
        self.title = title.map(|title| title[..title.floor_char_boundary(TITLE_LIMIT)].trim().to_owned());
    }

    fn push_title(&mut self) {
        if self.titles.len() == TITLE_STACK {
            self.titles.remove(0);
        }
        self.titles.push(self.title.clone());
    }

    fn pop_title(&mut self) {
        if let Some(title) = self.titles.pop() {
            self.title = title;
        }
    }

    fn set_hyperlink(&mut self, link: Option<Hyperlink>) {
        self.term
            .set_hyperlink(link.filter(|link| link.uri.len() <= URI_LIMIT));
    }
}

impl Terminal {
    /// DECCOLM clears the screen, frees the scroll region and homes the cursor; the width stays.
    fn set_columns(&mut self, mode: PrivateMode) {
        self.region = (0, (self.rows() - 1) as u16);
        self.term.set_private_mode(mode);
    }
}
