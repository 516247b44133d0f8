//! A screen from what tmux tells about a pane: `capture-pane` and formats.

use std::mem;

use alacritty_terminal::{
    grid::Cursor,
    term::{TermMode, cell::Cell},
    vte::{
        Parser,
        ansi::{CharsetIndex, CursorShape, Handler, NamedMode, NamedPrivateMode, StandardCharset},
    },
};
use bytes::Bytes;

use super::{Size, dispatch::Dispatch, terminal::Terminal};

/// What tmux tells about a pane in one turn.
///
/// The lines are those of `capture-pane -p -e -J`, one such command for each list: SGR carries over from one line
/// to the next, wrapped rows are joined into one line, trailing blanks are kept. With `-N` in place of `-J` each row
/// is a line: the place of each is certain then (tmux also joins a row that wrapped and was shortened since), but
/// the rows no longer reflow together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The pane's size.
    pub size: Size,
    /// The lines above the screen, oldest first.
    pub history: Vec<Bytes>,
    /// The lines of the screen, blank ones included.
    pub visible: Vec<Bytes>,
    /// The lines of the primary screen while the alternate is shown.
    pub saved: Option<Vec<Bytes>>,
    /// The beginning of an escape sequence that tmux has not seen the end of (`capture-pane -P`).
    ///
    /// It belongs into the [`Filter`](super::Filter), reset before, ahead of the output that follows.
    pub pending: Bytes,
    /// Everything else.
    pub state: TerminalState,
}

/// A pane's formats. Each field is the format of tmux(1) named in its description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a format of its own")]
pub struct TerminalState {
    /// `alternate_on`.
    pub alternate: bool,
    /// `cursor_x`, `cursor_y`; `cursor_x` is the width while the cursor waits to wrap.
    pub cursor: (u16, u16),
    /// `alternate_saved_x`, `alternate_saved_y`: the primary screen's cursor; without meaning elsewhere.
    pub saved_cursor: (u16, u16),
    /// `cursor_flag`.
    pub cursor_visible: bool,
    /// `insert_flag`.
    pub insert: bool,
    /// `keypad_cursor_flag`.
    pub app_cursor: bool,
    /// `keypad_flag`.
    pub app_keypad: bool,
    /// `wrap_flag`.
    pub wrap: bool,
    /// `origin_flag`.
    pub origin: bool,
    /// `mouse_all_flag` (1003); older documents call it any motion.
    pub mouse_any: bool,
    /// `mouse_button_flag` (1002).
    pub mouse_button: bool,
    /// `mouse_standard_flag` (1000).
    pub mouse_standard: bool,
    /// `mouse_sgr_flag`.
    pub mouse_sgr: bool,
    /// `mouse_utf8_flag`.
    pub mouse_utf8: bool,
    /// `scroll_region_upper`, `scroll_region_lower`, both included, from 0.
    pub scroll_region: (u16, u16),
    /// `pane_title`.
    pub title: String,
    /// `bracket_paste_flag`, which tmux tells from 3.7 on.
    pub bracketed_paste: Option<bool>,
}

/// Builds the terminal a capture describes; what tmux cannot tell comes from `before`.
pub(super) fn terminal(capture: &Capture, before: &Terminal) -> Terminal {
    let mut painter = Painter {
        terminal: Terminal::new(capture.size.clamped()),
        parser: Parser::new(),
    };
    // A captured line marks line drawing by shifting to G1.
    painter
        .terminal
        .configure_charset(CharsetIndex::G1, StandardCharset::SpecialCharacterAndLineDrawing);
    painter.history(&capture.history);
    let state = &capture.state;
    if state.alternate {
        painter.screen(capture.saved.as_deref().unwrap_or_default());
        painter.plain_cursor(state.saved_cursor);
        painter.terminal.enter_alternate(true);
    }
    painter.screen(&capture.visible);
    let mut terminal = painter.finish();
    set_modes(&mut terminal, state, before);
    // The region homes the cursor, and so does the origin mode: the cursor comes last.
    let (upper, lower) = state.scroll_region;
    if upper < lower {
        terminal.set_scrolling_region(usize::from(upper) + 1, Some(usize::from(lower) + 1));
    }
    if state.origin {
        terminal.set_private_mode(NamedPrivateMode::Origin.into());
    }
    place_cursor(&mut terminal, state.cursor);
    terminal.set_title(Some(state.title.clone()));
    terminal.settle();
    terminal
}

/// Draws captured lines.
struct Painter {
    terminal: Terminal,
    parser: Parser,
}

impl Painter {
    /// Draws each line at the top of a blank screen and scrolls it out.
    ///
    /// So nothing scrolls while a line's background is set, which would colour the row scrolled in.
    fn history(&mut self, lines: &[Bytes]) {
        for line in lines {
            self.terminal.place(0, 0);
            self.line(line);
            self.with_plain_pen(|terminal| {
                let used = terminal.grid().cursor.point.line.0 + 1;
                terminal.scroll_up(usize::try_from(used).unwrap_or(1));
            });
        }
    }

    /// Draws the lines of one screen, from the top.
    fn screen(&mut self, lines: &[Bytes]) {
        self.terminal.grid_mut().cursor.template = Cell::default();
        self.terminal.place(0, 0);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                self.with_plain_pen(|terminal| {
                    terminal.linefeed();
                    terminal.carriage_return();
                });
            }
            self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        let mut dispatch = Dispatch {
            terminal: &mut self.terminal,
            last: &mut None,
        };
        self.parser.advance(&mut dispatch, line);
    }

    /// Runs something with the default pen and takes the pen up again: captured lines count on it.
    fn with_plain_pen(&mut self, run: impl FnOnce(&mut Terminal)) {
        let pen = mem::take(&mut self.terminal.grid_mut().cursor.template);
        run(&mut self.terminal);
        self.terminal.grid_mut().cursor.template = pen;
    }

    /// Forgets the pen and places the cursor.
    fn plain_cursor(&mut self, at: (u16, u16)) {
        self.terminal.grid_mut().cursor.template = Cell::default();
        place_cursor(&mut self.terminal, at);
    }

    fn finish(mut self) -> Terminal {
        self.terminal.grid_mut().cursor = Cursor::default();
        self.terminal.set_active_charset(CharsetIndex::G0);
        self.terminal
    }
}

fn place_cursor(terminal: &mut Terminal, (x, y): (u16, u16)) {
    terminal.place(usize::from(y), usize::from(x));
    let beyond = usize::from(x) > terminal.grid().cursor.point.column.0;
    terminal.grid_mut().cursor.input_needs_wrap = beyond;
}

fn set_modes(terminal: &mut Terminal, state: &TerminalState, before: &Terminal) {
    use NamedPrivateMode as Named;
    let bracketed_paste = state
        .bracketed_paste
        .unwrap_or(before.mode(TermMode::BRACKETED_PASTE));
    let modes = [
        (Named::CursorKeys, state.app_cursor),
        (Named::LineWrap, state.wrap),
        (Named::ShowCursor, state.cursor_visible),
        (Named::ReportFocusInOut, before.mode(TermMode::FOCUS_IN_OUT)),
        (Named::BracketedPaste, bracketed_paste),
        (Named::AlternateScroll, before.mode(TermMode::ALTERNATE_SCROLL)),
        (Named::Utf8Mouse, state.mouse_utf8),
        (Named::SgrMouse, state.mouse_sgr),
    ];
    for (mode, on) in modes {
        if on {
            terminal.set_private_mode(mode.into());
        } else {
            terminal.unset_private_mode(mode.into());
        }
    }
    // The last one set is the one that counts.
    let mouse = [
        (Named::ReportMouseClicks, state.mouse_standard),
        (Named::ReportCellMouseMotion, state.mouse_button),
        (Named::ReportAllMouseMotion, state.mouse_any),
    ];
    for (mode, _) in mouse.into_iter().filter(|(_, on)| *on) {
        terminal.set_private_mode(mode.into());
    }
    if state.insert {
        terminal.set_mode(NamedMode::Insert.into());
    }
    if before.mode(TermMode::LINE_FEED_NEW_LINE) {
        terminal.set_mode(NamedMode::LineFeedNewLine.into());
    }
    if state.app_keypad {
        terminal.set_keypad_application_mode();
    }
    let style = before.cursor_style();
    if style.shape != CursorShape::default() || style.blinking {
        terminal.set_cursor_style(Some(style));
    }
}
