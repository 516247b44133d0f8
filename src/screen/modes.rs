//! What a program has told the terminal: its modes and its cursor.

use alacritty_terminal::{term::TermMode, vte::ansi};

use super::terminal::Terminal;

/// The modes of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a mode of its own")]
pub struct Modes {
    /// The alternate screen is shown (47, 1047, 1049).
    pub alternate: bool,
    /// Pasted text is bracketed (2004).
    pub bracketed_paste: bool,
    /// Cursor keys send application sequences (DECCKM).
    pub app_cursor: bool,
    /// The keypad sends application sequences (DECKPAM).
    pub app_keypad: bool,
    /// Text wraps at the last column (DECAWM).
    pub wrap: bool,
    /// Characters are inserted (IRM).
    pub insert: bool,
    /// Rows count from the scroll region (DECOM).
    pub origin: bool,
    /// Which mouse events are reported.
    pub mouse: Mouse,
    /// Mouse reports are in SGR form (1006).
    pub mouse_sgr: bool,
    /// Mouse reports are in UTF-8 form (1005); SGR goes before it.
    pub mouse_utf8: bool,
    /// Focus changes are reported (1004).
    pub focus_events: bool,
    /// A viewer's line feed also returns (LNM). tmux, and so the screen, ignores it.
    pub linefeed: bool,
}

/// Which mouse events a program gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// None.
    Off,
    /// Buttons (1000).
    Click,
    /// Buttons, and motion while one is held (1002).
    Drag,
    /// Buttons and all motion (1003).
    Motion,
}

/// The cursor; row and column count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Row.
    pub row: u16,
    /// Column; the last one also while the cursor waits to wrap.
    pub col: u16,
    /// Whether it is shown.
    pub visible: bool,
    /// Its shape.
    pub shape: CursorShape,
}

/// A cursor's shape (DECSCUSR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorShape {
    /// A full cell.
    Block,
    /// A line below.
    Underline,
    /// A line to the left.
    Bar,
}

impl Modes {
    pub(super) fn of(terminal: &Terminal) -> Self {
        let on = |mode| terminal.mode(mode);
        Self {
            alternate: terminal.alternate(),
            bracketed_paste: on(TermMode::BRACKETED_PASTE),
            app_cursor: on(TermMode::APP_CURSOR),
            app_keypad: on(TermMode::APP_KEYPAD),
            wrap: on(TermMode::LINE_WRAP),
            insert: on(TermMode::INSERT),
            origin: on(TermMode::ORIGIN),
            mouse: match () {
                () if on(TermMode::MOUSE_MOTION) => Mouse::Motion,
                () if on(TermMode::MOUSE_DRAG) => Mouse::Drag,
                () if on(TermMode::MOUSE_REPORT_CLICK) => Mouse::Click,
                () => Mouse::Off,
            },
            mouse_sgr: terminal.mouse_sgr,
            mouse_utf8: terminal.mouse_utf8,
            focus_events: on(TermMode::FOCUS_IN_OUT),
            linefeed: on(TermMode::LINE_FEED_NEW_LINE),
        }
    }
}

impl Cursor {
    pub(super) fn of(terminal: &Terminal) -> Self {
        let point = terminal.grid().cursor.point;
        Self {
            row: u16::try_from(point.line.0).unwrap_or(0),
            col: point.column.0 as u16,
            visible: terminal.mode(TermMode::SHOW_CURSOR),
            shape: match terminal.cursor_style().shape {
                ansi::CursorShape::Underline => CursorShape::Underline,
                ansi::CursorShape::Beam => CursorShape::Bar,
                _ => CursorShape::Block,
            },
        }
    }
}
