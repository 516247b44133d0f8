//! From parsed sequences to the terminal's functions.
//!
//! vte has such a dispatcher too, but it sets 2 MiB aside for synchronised updates, per screen, and hides text
//! while one lasts. Here mode 2026 is no mode: text shows as it comes.

use alacritty_terminal::vte::{
    Params, Perform,
    ansi::{
        CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, LineClearMode, Mode,
        NamedMode, NamedPrivateMode as Named, PrivateMode, StandardCharset, TabulationClearMode,
    },
};

use super::{colors, sgr, terminal::Terminal};

/// One run of the parser over some output.
pub(super) struct Dispatch<'a> {
    pub(super) terminal: &'a mut Terminal,
    /// The character that REP repeats.
    pub(super) last: &'a mut Option<char>,
}

impl Perform for Dispatch<'_> {
    #[inline]
    fn print(&mut self, c: char) {
        self.terminal.input(c);
        *self.last = Some(c);
    }

    #[inline]
    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => self.terminal.put_tab(1),
            0x08 => self.terminal.backspace(),
            b'\r' => self.terminal.carriage_return(),
            // Line feed, vertical tab, form feed.
            0x0a..=0x0c => self.terminal.linefeed(),
            0x0e => self.terminal.set_active_charset(CharsetIndex::G1),
            0x0f => self.terminal.set_active_charset(CharsetIndex::G0),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        let mut values = params.iter().map(|param| param[0]);
        let (first, second) = (values.next().unwrap_or(0), values.next().unwrap_or(0));
        match (intermediates, action) {
            _ if ignore => {}
            ([], 'm') => sgr::apply(self.terminal, params),
            ([], 'h' | 'l') => params.iter().for_each(|mode| self.mode(mode[0], action == 'h')),
            ([b'?'], 'h' | 'l') => params
                .iter()
                .for_each(|mode| self.private_mode(mode[0], action == 'h')),
            ([b' '], 'q') => self.cursor_style(first),
            ([], 'b') => self.repeat(first.max(1)),
            ([], 'J' | 'K' | 'g') => self.clear(action, first),
            ([], 'r') => {
                let bottom = (second > 0).then_some(usize::from(second));
                self.terminal
                    .set_scrolling_region(usize::from(first.max(1)), bottom);
            }
            ([], 't') if first == 22 => self.terminal.push_title(),
            ([], 't') if first == 23 => self.terminal.pop_title(),
            ([], 's') => self.terminal.save_cursor_position(),
            ([], 'u') => self.terminal.restore_cursor_position(),
            ([], 'Z') => self.terminal.move_backward_tabs(first.max(1)),
            ([], _) => self.edit(action, first, second),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        match (intermediates, byte) {
            _ if ignore => {}
            ([], b'7') => self.terminal.save_cursor_position(),
            ([], b'8') => self.terminal.restore_cursor_position(),
            ([], b'D') => self.terminal.linefeed(),
            ([], b'E') => {
                self.terminal.linefeed();
                self.terminal.carriage_return();
            }
            ([], b'H') => self.terminal.set_horizontal_tabstop(),
            ([], b'M') => self.terminal.reverse_index(),
            ([], b'c') => self.terminal.reset_state(),
            ([], b'=') => self.terminal.set_keypad_application_mode(),
            ([], b'>') => self.terminal.unset_keypad_application_mode(),
            ([b'#'], b'8') => self.terminal.decaln(),
            ([designator], b'0' | b'B') => self.designate(*designator, byte),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell_terminated: bool) {
        match params {
            [b"0" | b"2", title @ ..] if !title.is_empty() => {
                let title = title.join(&b';');
                self.terminal
                    .set_title(Some(String::from_utf8_lossy(&title).into_owned()));
            }
            [b"8", properties, uri @ ..] if !uri.is_empty() => self.hyperlink(properties, &uri.join(&b';')),
            [number, values @ ..] => colors::apply(self.terminal, number, values),
            [] => {}
        }
    }
}

impl Dispatch<'_> {
    /// The functions that move the cursor or the text; a count of 0 is 1.
    fn edit(&mut self, action: char, first: u16, second: u16) {
        let count = usize::from(first.max(1));
        let row = i32::from(first.max(1)) - 1;
        let terminal = &mut *self.terminal;
        match action {
            '@' => terminal.insert_blank(count),
            'A' => terminal.move_up(count),
            'B' | 'e' => terminal.move_down(count),
            'C' | 'a' => terminal.move_forward(count),
            'D' => terminal.move_backward(count),
            'E' => terminal.move_down_and_cr(count),
            'F' => terminal.move_up_and_cr(count),
            'G' | '`' => terminal.goto_col(count - 1),
            'H' | 'f' => terminal.goto(row, usize::from(second.max(1)) - 1),
            'L' => terminal.insert_blank_lines(count),
            'M' => terminal.delete_lines(count),
            'P' => terminal.delete_chars(count),
            'S' => terminal.scroll_up(count),
            'T' => terminal.scroll_down(count),
            'X' => terminal.erase_chars(count),
            'd' => terminal.goto_line(row),
            _ => {}
        }
    }

    fn clear(&mut self, action: char, what: u16) {
        match (action, what) {
            ('J', 0) => self.terminal.clear_screen(ClearMode::Below),
            ('J', 1) => self.terminal.clear_screen(ClearMode::Above),
            ('J', 2) => self.terminal.clear_screen(ClearMode::All),
            ('J', 3) => self.terminal.clear_screen(ClearMode::Saved),
            ('K', 0) => self.terminal.clear_line(LineClearMode::Right),
            ('K', 1) => self.terminal.clear_line(LineClearMode::Left),
            ('K', 2) => self.terminal.clear_line(LineClearMode::All),
            ('g', 0) => self.terminal.clear_tabs(TabulationClearMode::Current),
            ('g', 3) => self.terminal.clear_tabs(TabulationClearMode::All),
            _ => {}
        }
    }

    fn repeat(&mut self, count: u16) {
        if let Some(c) = *self.last {
            (0..count).for_each(|_| self.terminal.input(c));
        }
    }

    fn mode(&mut self, mode: u16, on: bool) {
        let mode: Mode = match mode {
            4 => NamedMode::Insert.into(),
            20 => NamedMode::LineFeedNewLine.into(),
            _ => return,
        };
        if on {
            self.terminal.set_mode(mode);
        } else {
            self.terminal.unset_mode(mode);
        }
    }

    fn private_mode(&mut self, mode: u16, on: bool) {
        let mode: PrivateMode = match mode {
            1 => Named::CursorKeys.into(),
            3 => Named::ColumnMode.into(),
            6 => Named::Origin.into(),
            7 => Named::LineWrap.into(),
            12 => Named::BlinkingCursor.into(),
            25 => Named::ShowCursor.into(),
            47 | 1047 => PrivateMode::Unknown(mode),
            1000 => Named::ReportMouseClicks.into(),
            1002 => Named::ReportCellMouseMotion.into(),
            1003 => Named::ReportAllMouseMotion.into(),
            1004 => Named::ReportFocusInOut.into(),
            1005 => Named::Utf8Mouse.into(),
            1006 => Named::SgrMouse.into(),
            1007 => Named::AlternateScroll.into(),
            1049 => Named::SwapScreenAndSetRestoreCursor.into(),
            2004 => Named::BracketedPaste.into(),
            _ => return,
        };
        if on {
            self.terminal.set_private_mode(mode);
        } else {
            self.terminal.unset_private_mode(mode);
        }
    }

    /// DECSCUSR: odd styles blink; 0 is the default.
    fn cursor_style(&mut self, style: u16) {
        let shape = match style {
            0 => return self.terminal.set_cursor_style(None),
            1 | 2 => CursorShape::Block,
            3 | 4 => CursorShape::Underline,
            5 | 6 => CursorShape::Beam,
            _ => return,
        };
        self.terminal.set_cursor_style(Some(CursorStyle {
            shape,
            blinking: style % 2 == 1,
        }));
    }

    fn designate(&mut self, designator: u8, set: u8) {
        let index = match designator {
            b'(' => CharsetIndex::G0,
            b')' => CharsetIndex::G1,
            b'*' => CharsetIndex::G2,
            b'+' => CharsetIndex::G3,
            _ => return,
        };
        let set = match set {
            b'0' => StandardCharset::SpecialCharacterAndLineDrawing,
            _ => StandardCharset::Ascii,
        };
        self.terminal.configure_charset(index, set);
    }

    fn hyperlink(&mut self, properties: &[u8], uri: &[u8]) {
        let id = properties
            .split(|byte| *byte == b':')
            .find_map(|property| property.strip_prefix(b"id="));
        let id = id.map(|id| String::from_utf8_lossy(id).into_owned());
        let uri = String::from_utf8_lossy(uri).into_owned();
        self.terminal
            .set_hyperlink((!uri.is_empty()).then_some(Hyperlink { id, uri }));
    }
}
