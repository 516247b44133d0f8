//! SGR: how the characters that follow look (ECMA-48 8.3.117, with the colon forms of ITU T.416).

use alacritty_terminal::vte::{
    Params, ParamsIter,
    ansi::{Attr, Color, Handler, NamedColor, Rgb},
};

use super::terminal::Terminal;

/// The named colours in the order of their numbers.
const NAMES: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

pub(super) fn apply(terminal: &mut Terminal, params: &Params) {
    let mut params = params.iter();
    while let Some(param) = params.next() {
        let attr = match *param {
            [which @ (38 | 48 | 58)] => following_color(&mut params).map(|color| colored(which, color)),
            [which @ (38 | 48 | 58), ref rest @ ..] => colon_color(rest).map(|color| colored(which, color)),
            [4, style] => underline(style),
            [simple, ..] => attribute(simple),
            [] => None,
        };
        if let Some(attr) = attr {
            terminal.terminal_attribute(attr);
        }
    }
}

fn attribute(parameter: u16) -> Option<Attr> {
    let named = |index: u16| Color::Named(NAMES[usize::from(index)]);
    Some(match parameter {
        0 => Attr::Reset,
        1 => Attr::Bold,
        2 => Attr::Dim,
        3 => Attr::Italic,
        4 => Attr::Underline,
        5 => Attr::BlinkSlow,
        6 => Attr::BlinkFast,
        7 => Attr::Reverse,
        8 => Attr::Hidden,
        9 => Attr::Strike,
        21 => Attr::DoubleUnderline,
        22 => Attr::CancelBoldDim,
        23 => Attr::CancelItalic,
        24 => Attr::CancelUnderline,
        25 => Attr::CancelBlink,
        27 => Attr::CancelReverse,
        28 => Attr::CancelHidden,
        29 => Attr::CancelStrike,
        30..=37 => Attr::Foreground(named(parameter - 30)),
        39 => Attr::Foreground(Color::Named(NamedColor::Foreground)),
        40..=47 => Attr::Background(named(parameter - 40)),
        49 => Attr::Background(Color::Named(NamedColor::Background)),
        59 => Attr::UnderlineColor(None),
        90..=97 => Attr::Foreground(named(parameter - 90 + 8)),
        100..=107 => Attr::Background(named(parameter - 100 + 8)),
        _ => return None,
    })
}

fn underline(style: u16) -> Option<Attr> {
    Some(match style {
        0 => Attr::CancelUnderline,
        1 => Attr::Underline,
        2 => Attr::DoubleUnderline,
        3 => Attr::Undercurl,
        4 => Attr::DottedUnderline,
        5 => Attr::DashedUnderline,
        _ => return None,
    })
}

fn colored(which: u16, color: Color) -> Attr {
    match which {
        38 => Attr::Foreground(color),
        48 => Attr::Background(color),
        _ => Attr::UnderlineColor(Some(color)),
    }
}

/// A colour in parameters of their own: `38;5;1`, `38;2;1;2;3`.
fn following_color(params: &mut ParamsIter<'_>) -> Option<Color> {
    let mut next = || params.next().map(|param| param[0]);
    match next()? {
        5 => indexed(next()?),
        2 => rgb(next()?, next()?, next()?),
        _ => None,
    }
}

/// A colour in one parameter: `38:5:1`, `38:2:1:2:3`, or with the colour space that the standard has:
/// `38:2::1:2:3`.
fn colon_color(parts: &[u16]) -> Option<Color> {
    match *parts {
        [5, index, ..] => indexed(index),
        [2, _, r, g, b, ..] | [2, r, g, b] => rgb(r, g, b),
        _ => None,
    }
}

fn indexed(index: u16) -> Option<Color> {
    u8::try_from(index).ok().map(Color::Indexed)
}

fn rgb(r: u16, g: u16, b: u16) -> Option<Color> {
    let part = |value: u16| u8::try_from(value).ok();
    Some(Color::Spec(Rgb {
        r: part(r)?,
        g: part(g)?,
        b: part(b)?,
    }))
}
