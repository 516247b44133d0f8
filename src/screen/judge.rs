//! Which escape sequences a viewer may get.
//!
//! Control sequences pass unless they make a terminal answer, print or resize; of operating system commands only
//! those pass that change how text looks, or the title.

use bytes::Bytes;

use super::filter::Signal;

/// What becomes of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
}

/// Judges one whole sequence, ESC and terminator included, and tells what it says.
pub(super) fn sequence(sequence: &[u8], signals: &mut Vec<Signal>) -> Verdict {
    let dropped = match sequence {
        [_, b'[', body @ .., last] => is_unwanted_csi(body, *last),
        [_, b']', body @ ..] => return command(without_terminator(body), signals),
        // DECID asks who the terminal is; a lone ST ends nothing.
        [_, b'Z' | b'\\'] => true,
        _ => false,
    };
    if dropped { Verdict::Drop } else { Verdict::Pass }
}

/// Whether a control sequence, given without `CSI` and its last byte, must not reach a viewer.
#[allow(clippy::match_same_arms, reason = "a table with a comment for each row")]
fn is_unwanted_csi(body: &[u8], last: u8) -> bool {
    let marker = body.first().copied().filter(|byte| (b'<'..=b'?').contains(byte));
    let intermediate = body.last().copied().filter(|byte| (0x20..=0x2f).contains(byte));
    match (marker, intermediate, last) {
        // DA1 to DA3, DSR, media copy, DECREQTPARM.
        (_, None, b'c' | b'i') | (None | Some(b'?'), None, b'n') | (None, None, b'x') => true,
        // XTVERSION, kitty's keyboard query, the query for modifyOtherKeys, XTSMGRAPHICS.
        (Some(b'>'), None, b'q') | (Some(b'?'), None, b'u' | b'm' | b'S') => true,
        // DECRQM, DECRQPSR, DECRQTSR, DECRQCRA, DECRQLP.
        (_, Some(b'$'), b'p' | b'w' | b'u') | (_, Some(b'*'), b'y') | (_, Some(b'\''), b'|') => true,
        // CHT, which tmux does not know.
        (None, None, b'I') => true,
        // Window operations move and resize windows and report about them; 22 and 23 keep titles.
        (_, None, b't') => !matches!(first_parameter(body), Some(22 | 23)),
        _ => false,
    }
}

fn first_parameter(body: &[u8]) -> Option<u32> {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    number(&body[..digits])
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|text| !text.starts_with('+'))?
        .parse()
        .ok()
}

fn without_terminator(body: &[u8]) -> &[u8] {
    body.strip_suffix(b"\x1b\\")
        .or_else(|| body.strip_suffix(b"\x07"))
        .unwrap_or(body)
}

/// Judges an operating system command, given without `OSC` and terminator.
fn command(body: &[u8], signals: &mut Vec<Signal>) -> Verdict {
    let digits = body.iter().position(|byte| *byte == b';').unwrap_or(body.len());
    let text = body.get(digits + 1..).unwrap_or_default();
    match number(&body[..digits]) {
        Some(0 | 2) => {
            let title = String::from_utf8_lossy(&printable(text)).trim().to_owned();
            signals.push(Signal::Title(title));
            Verdict::Pass
        }
        // Colours, unless they are asked for: `4;1;?`.
        Some(4 | 10 | 11 | 12) if !text.split(|byte| *byte == b';').any(|part| part == b"?") => Verdict::Pass,
        Some(8 | 104 | 110 | 111 | 112) => Verdict::Pass,
        Some(7777) => {
            if let Some(message) = text.strip_prefix(b"llmux;") {
                signals.push(Signal::Wrapper(printable(message)));
            }
            Verdict::Drop
        }
        Some(number @ (9 | 133 | 777 | 7501)) => {
            signals.push(Signal::Osc {
                number,
                payload: printable(text),
            });
            Verdict::Drop
        }
        _ => Verdict::Drop,
    }
}

/// A payload without the control characters that a terminal ignores in a string.
fn printable(payload: &[u8]) -> Bytes {
    payload.iter().copied().filter(|byte| *byte >= 0x20).collect()
}
