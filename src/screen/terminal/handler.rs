//! The control functions: alacritty's where it does like tmux, ours where it does otherwise.
//!
//! Queries (`identify_terminal`, `device_status`, `report_*`, ...) keep their empty default: tmux has answered them.

use std::mem;

use alacritty_terminal::{
    grid::{Cursor, Grid},
    index::Column,
    term::{TermMode, cell::Flags, color},
    vte::ansi::{
        Attr, CharsetIndex, ClearMode, CursorStyle, Handler, Hyperlink, LineClearMode, Mode,
        NamedPrivateMode, PrivateMode, Rgb, StandardCharset, TabulationClearMode,
    },
};

use super::{BLINK, Growth, TITLE_LIMIT, TITLE_STACK, Tabs, Terminal, URI_LIMIT};

/// Hands methods to alacritty unchanged.
macro_rules! as_alacritty {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, $($arg: $type),*) { self.term.$method($($arg),*); })*
    };
}

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
    }

    #[inline]
    fn input(&mut self, c: char) {
        let (point, last) = (self.grid().cursor.point, Column(self.cols() - 1));
        let at_end = point.column.0 + 1 >= last.0;
        // In tmux a row stays one that wrapped when its end is overwritten; alacritty forgets it.
        let wrapped = at_end && self.row_wraps(point.line) && !self.wrap_pending();
        self.term.input(c);
        if wrapped && self.grid().cursor.point.line == point.line {
            self.grid_mut()[point.line][last].flags.insert(Flags::WRAPLINE);
        }
        if at_end && !self.mode(TermMode::LINE_WRAP) {
            self.grid_mut().cursor.input_needs_wrap = false;
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
            ClearMode::Saved => self.growth = Growth::Unknown,
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
        // In tmux a cursor that waits to wrap comes back to the last column and waits no more.
        self.grid_mut().saved_cursor.input_needs_wrap = false;
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
        self.grid_mut().cursor = Cursor::default();
        self.grid_mut().saved_cursor = Cursor::default();
        self.clear_screen(ClearMode::All);
        self.tabs = Tabs::new(cols as u16);
        self.region = (0, (rows - 1) as u16);
        (self.charset, self.saved_charset) = (CharsetIndex::G0, CharsetIndex::G0);
        (self.mouse_utf8, self.mouse_sgr, self.saved_origin) = (false, false, false);
        for index in 0..color::COUNT {
            self.term.reset_color(index);
        }
    }

    fn terminal_attribute(&mut self, attr: Attr) {
        match attr {
            Attr::BlinkSlow | Attr::BlinkFast => self.grid_mut().cursor.template.flags.insert(BLINK),
            Attr::CancelBlink => self.grid_mut().cursor.template.flags.remove(BLINK),
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
                self.leave_alternate();
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
