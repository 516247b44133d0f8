//! Colours that a program redefines: OSC 4, 10 to 12, and their resets 104, 110 to 112.

use alacritty_terminal::vte::ansi::{Handler, NamedColor, Rgb};

use super::terminal::Terminal;

/// Palette entries; the colours of text, background and cursor follow them.
const PALETTE: usize = 256;

pub(super) fn apply(terminal: &mut Terminal, number: &[u8], values: &[&[u8]]) {
    const TEXT: usize = NamedColor::Foreground as usize;
    match (number, values) {
        (b"4", pairs) => {
            for pair in pairs.chunks_exact(2) {
                if let (Some(index), Some(color)) = (palette_index(pair[0]), parse(pair[1])) {
                    terminal.set_color(index, color);
                }
            }
        }
        // One value after another: OSC 10 with two sets text and background.
        (b"10", values) => dynamic(terminal, TEXT, values),
        (b"11", values) => dynamic(terminal, TEXT + 1, values),
        (b"12", values) => dynamic(terminal, TEXT + 2, values),
        (b"104", [] | [b""]) => (0..PALETTE).for_each(|index| terminal.reset_color(index)),
        (b"104", indices) => {
            indices
                .iter()
                .filter_map(|index| palette_index(index))
                .for_each(|index| terminal.reset_color(index));
        }
        (b"110", _) => terminal.reset_color(TEXT),
        (b"111", _) => terminal.reset_color(TEXT + 1),
        (b"112", _) => terminal.reset_color(TEXT + 2),
        _ => {}
    }
}

fn dynamic(terminal: &mut Terminal, first: usize, values: &[&[u8]]) {
    for (index, value) in (first..=NamedColor::Cursor as usize).zip(values) {
        if let Some(color) = parse(value) {
            terminal.set_color(index, color);
        }
    }
}

fn palette_index(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits)
        .ok()?
        .parse::<u8>()
        .ok()
        .map(usize::from)
}

/// Reads `rgb:R/G/B` with one to four digits each, or `#RGB` with one to four digits each (X11 `XParseColor`).
fn parse(text: &[u8]) -> Option<Rgb> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(parts) = text.strip_prefix("rgb:") {
        let mut parts = parts.split('/').map(|part| scaled(part, part.len()));
        let color = Rgb {
            r: parts.next()??,
            g: parts.next()??,
            b: parts.next()??,
        };
        return parts.next().is_none().then_some(color);
    }
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.is_ascii() && digits.len() % 3 == 0)?;
    let part = |nth: usize| {
        let length = digits.len() / 3;
        // These digits are the high ones, whatever their count: `#f00` is `#f00000`.
        scaled(&digits[nth * length..(nth + 1) * length], 0)
    };
    Some(Rgb {
        r: part(0)?,
        g: part(1)?,
        b: part(2)?,
    })
}

/// A part of a colour as 0 to 255: of the greatest number with so many digits, or (with 0) its high digits.
fn scaled(digits: &str, of: usize) -> Option<u8> {
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    let byte = match of {
        0 => (value << (4 * (4 - digits.len()))) >> 8,
        of => value * 255 / ((1 << (4 * of)) - 1),
    };
    u8::try_from(byte).ok()
}
