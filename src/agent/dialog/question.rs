//! What a dialog asks: the lines above its answers.

use super::Line;

/// How far above the answers the question may be.
const REACH: usize = 16;

/// What stands above the answers.
#[derive(Debug, Default)]
pub(super) struct Above {
    pub(super) header: Option<String>,
    pub(super) question: String,
}

/// Reads what stands above the answer on line `first`.
///
/// The question is the nearest line that ends with a question mark, else the nearest block. The header is a command
/// between question and answers, else the nearest line above the question.
pub(super) fn above(lines: &[Line<'_>], first: usize) -> Above {
    let top = top(lines, first, REACH);
    let region = &lines[top..first];
    let asks = |line: &&Line<'_>| line.text.ends_with(['?', '？']);
    let Some(last) = region
        .iter()
        .rposition(|line| asks(&line))
        .or_else(|| region.iter().rposition(|line| line.text.contains("? ")))
        .or_else(|| nearest_block(region))
    else {
        return Above::default();
    };
    let from = beginning(region, last);
    let question: Vec<_> = region[from..=last].iter().map(|line| line.text).collect();
    let command = region[last + 1..]
        .iter()
        .rev()
        .find(|line| line.text.starts_with("$ "));
    let header = command.or_else(|| region[..from].iter().rev().find(|line| !line.is_blank()));
    Above {
        header: header.map(|line| without_symbol(line.text).to_owned()),
        question: without_symbol(&question.join(" ")).to_owned(),
    }
}

/// All words of a dialog above the answer on line `first`, however they are wrapped.
///
/// Without a border or an edge nobody knows where it begins: then it is what may hold the question.
pub(super) fn text(lines: &[Line<'_>], first: usize) -> String {
    let top = match top(lines, first, first) {
        0 if !lines[first].bordered => first.saturating_sub(REACH),
        top => top,
    };
    let still = lines[top..first].iter().filter(|line| !is_animated(line.text));
    let words: Vec<&str> = still.flat_map(|line| line.text.split_whitespace()).collect();
    words.join(" ")
}

/// Whether a line begins with a spinner, of which each look shows another frame.
fn is_animated(text: &str) -> bool {
    text.starts_with(|c: char| matches!(c, '\u{2801}'..='\u{28ff}' | '✢' | '✳' | '✶' | '✻' | '✽'))
}

/// The last line of the block above the answers; a block of commands is passed over.
fn nearest_block(region: &[Line<'_>]) -> Option<usize> {
    let is_text = |line: &Line<'_>| !line.is_blank() && !line.text.starts_with(['$', '#']);
    region.iter().rposition(is_text)
}

/// Where the dialog begins: at an edge, or where its border does.
fn top(lines: &[Line<'_>], first: usize, reach: usize) -> usize {
    let bordered = lines[first].bordered;
    let mut top = first;
    for at in (first.saturating_sub(reach)..first).rev() {
        let line = &lines[at];
        if line.edge {
            break;
        }
        if bordered && !line.bordered {
            // Goose draws the question without the border that its answers have.
            return if line.text.starts_with(['◆', '◇', '*']) {
                at
            } else {
                top
            };
        }
        top = at;
    }
    top
}

/// The first line of the text that ends on line `last`: a line that fills its row goes on in the next.
fn beginning(region: &[Line<'_>], last: usize) -> usize {
    let mut from = last;
    while from > 0 && region[from - 1].full && !region[from - 1].is_blank() {
        from -= 1;
    }
    from
}

fn without_symbol(text: &str) -> &str {
    let is_symbol = |c: char| {
        matches!(
            c,
            '△' | '▲' | '⚠' | '◆' | '◇' | '*' | '●' | '✋' | '\u{fe0e}' | '\u{fe0f}'
        )
    };
    text.trim_start_matches(|c: char| is_symbol(c) || c.is_whitespace())
}
