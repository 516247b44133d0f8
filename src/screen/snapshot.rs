//! Writing a screen as the escape sequences that reproduce it.

use std::io::Write as _;

use alacritty_terminal::{
    grid::{Cursor, Dimensions, Grid},
    index::Line,
    term::{
        TermMode,
        cell::{Cell, Flags, Hyperlink},
    },
    vte::ansi::{CharsetIndex, Color, CursorShape, CursorStyle, NamedColor, StandardCharset},
};

use super::{
    cells::{self, Seen},
    tabs::Tabs,
    terminal::{BLINK, Terminal},
};

pub(super) fn write(terminal: &Terminal) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::with_capacity(4096),
        pen: Pen::default(),
    };
    writer.colors(terminal);
    writer.tabs(&terminal.tabs, terminal.grid().columns());
    let primary = terminal.primary();
    if terminal.alternate() {
        writer.rows(primary, primary.topmost_line());
        writer.cursor(primary, &primary.cursor, 0);
        writer.put(if terminal.cursor_comes_back() {
            "\x1b[?1049h"
        } else {
            "\x1b[?1047h"
        });
    }
    let grid = terminal.grid();
    writer.saved_cursor(terminal);
    writer.rows(grid, grid.topmost_line());
    writer.region(terminal);
    let origin = if terminal.mode(TermMode::ORIGIN) {
        terminal.region.0
    } else {
        0
    };
    writer.cursor(grid, &grid.cursor, origin);
    writer.charsets(&grid.cursor, terminal.charset);
    writer.modes(terminal);
    writer.titles(terminal);
    writer.out
}

/// What SGR and OSC 8 say about the characters that follow.
#[derive(Debug, Clone, PartialEq)]
struct Pen {
    fg: Color,
    bg: Color,
    flags: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Pen {
    fn default() -> Self {
        Self::of(&Cell::default())
    }
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        let layout =
            Flags::WRAPLINE | Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER;
        Self {
            fg: cell.fg,
            bg: cell.bg,
            flags: cell.flags - layout,
            underline: cell.underline_color(),
            link: cell.hyperlink(),
        }
    }

    /// The pen that erasing with a background draws blanks with.
    fn erasing(bg: Color) -> Self {
        Self {
            bg,
            ..Self::default()
        }
    }
}

struct Writer {
    out: Vec<u8>,
    pen: Pen,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn print(&mut self, seen: &Seen<'_>) {
        self.pen(&Pen::of(seen.cell));
        let mut utf8 = [0; 4];
        for &c in std::iter::once(&seen.char()).chain(seen.marks()) {
            self.put(c.encode_utf8(&mut utf8));
        }
    }

    /// Writes all rows from `top` to the bottom on a blank screen.
    fn rows(&mut self, grid: &Grid<Cell>, top: Line) {
        self.pen(&Pen::default());
        self.put("\x1b[H");
        let bottom = grid.bottommost_line();
        let mut continued = false;
        for line in (top.0..=bottom.0).map(Line) {
            let wraps = line < bottom && grid[line][grid.last_column()].flags.contains(Flags::WRAPLINE);
            self.row(grid, line, continued, wraps);
            if line < bottom && !wraps {
                self.put("\r\n");
            }
            continued = wraps;
        }
    }

    /// Writes one row; the pen is the default one afterwards unless the row wraps.
    ///
    /// A scroll fills the new row with the pen's background. So the pen is reset before each line feed, and a row
    /// that was begun by wrapping (`continued`) erases what it does not draw.
    fn row(&mut self, grid: &Grid<Cell>, line: Line, continued: bool, wraps: bool) {
        let row: Vec<Seen<'_>> = cells::seen(&grid[line]).collect();
        let mut drawn = row.len();
        let tail = Pen::erasing(row.last().map_or(self.pen.bg, |last| last.cell.bg));
        if wraps {
            let wide_did_not_fit = row.last().is_some_and(|seen| {
                seen.cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)
                    && cells::seen(&grid[line + 1_i32])
                        .next()
                        .is_some_and(|next| next.wide)
            });
            drawn -= usize::from(wide_did_not_fit);
        } else {
            drawn = row
                .iter()
                .rposition(|seen| !is_erased(seen, &tail))
                .map_or(0, |last| last + 1);
            // Only a drawn cell makes the row above wrap.
            drawn = drawn.max(usize::from(continued));
        }
        row[..drawn].iter().for_each(|seen| self.print(seen));
        if wraps {
            return;
        }
        if drawn < row.len() && (continued || tail != Pen::default()) {
            self.pen(&tail);
            self.put("\x1b[K");
        }
        self.pen(&Pen::default());
    }

    /// Places the cursor, waiting to wrap if it did, and takes up its pen. Rows count from `origin`.
    fn cursor(&mut self, grid: &Grid<Cell>, cursor: &Cursor<Cell>, origin: u16) {
        let row = (cursor.point.line.0 - i32::from(origin)).max(0) + 1;
        let last = cells::seen(&grid[cursor.point.line]).last();
        match last.filter(|_| cursor.input_needs_wrap) {
            // Only drawing the last character again makes a terminal wait to wrap.
            Some(last) => {
                let col = grid.columns() - usize::from(last.wide);
                self.csi(format_args!("{row};{col}H"));
                self.print(&last);
            }
            None => self.csi(format_args!("{row};{}H", cursor.point.column.0 + 1)),
        }
        self.pen(&Pen::of(&cursor.template));
    }

    /// The cursor that DECRC brings back; to be written on a blank screen.
    fn saved_cursor(&mut self, terminal: &Terminal) {
        let cursor = &terminal.grid().saved_cursor;
        let fresh = *cursor == Cursor::default() && terminal.saved_charset == CharsetIndex::G0;
        if fresh && !terminal.saved_origin {
            return;
        }
        self.pen(&Pen::default());
        // The region is not set yet, so rows count from the top in this mode too.
        if terminal.saved_origin {
            self.put("\x1b[?6h");
        }
        self.csi(format_args!(
            "{};{}H",
            cursor.point.line.0 + 1,
            cursor.point.column.0 + 1
        ));
        self.pen(&Pen::of(&cursor.template));
        self.charsets(cursor, terminal.saved_charset);
        self.put("\x1b7");
        if terminal.saved_origin {
            self.put("\x1b[?6l");
        }
        for index in designations(cursor) {
            self.put(&format!("\x1b{index}B"));
        }
        if terminal.saved_charset == CharsetIndex::G1 {
            self.put("\x0f");
        }
    }

    fn charsets(&mut self, cursor: &Cursor<Cell>, active: CharsetIndex) {
        for index in designations(cursor) {
            self.put(&format!("\x1b{index}0"));
        }
        if active == CharsetIndex::G1 {
            self.put("\x0e");
        }
    }

    fn region(&mut self, terminal: &Terminal) {
        let (top, bottom) = terminal.region;
        if usize::from(bottom - top) + 1 < terminal.grid().screen_lines() {
            self.csi(format_args!("{};{}r", top + 1, bottom + 1));
        }
        if terminal.mode(TermMode::ORIGIN) {
            self.put("\x1b[?6h");
        }
    }

    /// The modes that differ from a fresh terminal's, apart from those that move the cursor.
    fn modes(&mut self, terminal: &Terminal) {
        const SET: [(TermMode, &str); 9] = [
            (TermMode::APP_CURSOR, "\x1b[?1h"),
            (TermMode::APP_KEYPAD, "\x1b="),
            (TermMode::INSERT, "\x1b[4h"),
            (TermMode::LINE_FEED_NEW_LINE, "\x1b[20h"),
            (TermMode::MOUSE_REPORT_CLICK, "\x1b[?1000h"),
            (TermMode::MOUSE_DRAG, "\x1b[?1002h"),
            (TermMode::MOUSE_MOTION, "\x1b[?1003h"),
            (TermMode::FOCUS_IN_OUT, "\x1b[?1004h"),
            (TermMode::BRACKETED_PASTE, "\x1b[?2004h"),
        ];
        const UNSET: [(TermMode, &str); 3] = [
            (TermMode::LINE_WRAP, "\x1b[?7l"),
            (TermMode::ALTERNATE_SCROLL, "\x1b[?1007l"),
            (TermMode::SHOW_CURSOR, "\x1b[?25l"),
        ];
        for (mode, sequence) in SET {
            if terminal.mode(mode) {
                self.put(sequence);
            }
        }
        for (mode, sequence) in UNSET {
            if !terminal.mode(mode) {
                self.put(sequence);
            }
        }
        if terminal.mouse_utf8 {
            self.put("\x1b[?1005h");
        }
        if terminal.mouse_sgr {
            self.put("\x1b[?1006h");
        }
        self.cursor_style(terminal.cursor_style());
    }

    fn cursor_style(&mut self, style: CursorStyle) {
        let steady = match style.shape {
            CursorShape::Underline => 4,
            CursorShape::Beam => 6,
            _ => 2,
        };
        if style != CursorStyle::default() {
            self.csi(format_args!("{} q", steady - u8::from(style.blinking)));
        }
    }

    fn tabs(&mut self, tabs: &Tabs, cols: usize) {
        if *tabs == Tabs::new(cols as u16) {
            return;
        }
        self.put("\x1b[3g");
        for col in tabs.stops() {
            self.csi(format_args!("{}G\x1bH", col + 1));
        }
        self.put("\r");
    }

    fn colors(&mut self, terminal: &Terminal) {
        for index in 0..=NamedColor::Cursor as usize {
            let Some(color) = terminal.color(index) else {
                continue;
            };
            let (r, g, b) = (color.r, color.g, color.b);
            // 256 to 258 are text, background and cursor: OSC 10 to 12.
            match index.checked_sub(NamedColor::Foreground as usize) {
                Some(dynamic) => self.put(&format!(
                    "\x1b]{};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\",
                    10 + dynamic
                )),
                None => self.put(&format!("\x1b]4;{index};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\")),
            }
        }
    }

    fn titles(&mut self, terminal: &Terminal) {
        for title in &terminal.titles {
            self.title(title.as_deref());
            self.put("\x1b[22t");
        }
        self.title(terminal.title.as_deref());
    }

    fn title(&mut self, title: Option<&str>) {
        let Some(title) = title else { return };
        let title: String = title.chars().filter(|c| !c.is_control()).collect();
        self.put(&format!("\x1b]2;{title}\x1b\\"));
    }

    fn csi(&mut self, rest: std::fmt::Arguments<'_>) {
        write!(self.out, "\x1b[{rest}").expect("writing into memory does not fail");
    }

    /// Takes up a pen.
    fn pen(&mut self, pen: &Pen) {
        if *pen == self.pen {
            return;
        }
        if pen.link != self.pen.link {
            let (id, uri) = pen.link.as_ref().map_or(("", ""), |link| (link.id(), link.uri()));
            let id = if id.is_empty() {
                String::new()
            } else {
                format!("id={id}")
            };
            self.put(&format!("\x1b]8;{id};{uri}\x1b\\"));
        }
        self.put("\x1b[0");
        for (flag, parameter) in ATTRIBUTES {
            if pen.flags.contains(flag) {
                self.put(parameter);
            }
        }
        self.color(pen.fg, 30);
        self.color(pen.bg, 40);
        if let Some(color) = pen.underline {
            self.color(color, 50);
        }
        self.put("m");
        self.pen = pen.clone();
    }

    /// Adds a colour to an SGR; `base` is 30 for the text, 40 for the background, 50 for the underline.
    fn color(&mut self, color: Color, base: u16) {
        let text = match color {
            Color::Named(name) => match name as u16 {
                index @ 0..=7 => format!(";{}", base + index),
                // Bright colours: 90 and 100 up.
                index @ 8..=15 => format!(";{}", base + 60 + index - 8),
                _ => return,
            },
            Color::Indexed(index) => format!(";{};5;{index}", base + 8),
            Color::Spec(rgb) => format!(";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
        };
        self.put(&text);
    }
}

const ATTRIBUTES: [(Flags, &str); 12] = [
    (Flags::BOLD, ";1"),
    (Flags::DIM, ";2"),
    (Flags::ITALIC, ";3"),
    (Flags::UNDERLINE, ";4"),
    (Flags::DOUBLE_UNDERLINE, ";4:2"),
    (Flags::UNDERCURL, ";4:3"),
    (Flags::DOTTED_UNDERLINE, ";4:4"),
    (Flags::DASHED_UNDERLINE, ";4:5"),
    (BLINK, ";5"),
    (Flags::INVERSE, ";7"),
    (Flags::HIDDEN, ";8"),
    (Flags::STRIKEOUT, ";9"),
];

/// Whether a cell is what erasing with that pen leaves.
fn is_erased(seen: &Seen<'_>, pen: &Pen) -> bool {
    seen.char() == ' ' && seen.marks().is_empty() && Pen::of(seen.cell) == *pen
}

/// The designators of the character sets that draw lines.
fn designations(cursor: &Cursor<Cell>) -> impl Iterator<Item = char> {
    let sets = [
        (CharsetIndex::G0, '('),
        (CharsetIndex::G1, ')'),
        (CharsetIndex::G2, '*'),
        (CharsetIndex::G3, '+'),
    ];
    sets.into_iter()
        .filter(|(index, _)| cursor.charsets[*index] == StandardCharset::SpecialCharacterAndLineDrawing)
        .map(|(_, designator)| designator)
}
