//! The end marker that a prompt may ask for: `LLMUX_DONE_` and 8 hexadecimal digits, mostly in brackets.

use std::ops::Range;

use memchr::memmem;

use super::args::MarkerStyle;

const OPENING: &[char] = &['<', '%', ':', '=', '{', '(', '[', '«'];
const CLOSING: &[char] = &['>', '%', ':', '=', '}', ')', ']', '»'];

/// Finds the last marker in `text`, with the brackets around it.
pub(super) fn find(text: &str) -> Option<&str> {
    find_range(text).map(|range| &text[range])
}

fn find_range(text: &str) -> Option<Range<usize>> {
    memmem::rfind_iter(text.as_bytes(), b"LLMUX").find_map(|at| at_word(text, at))
}

/// `text` without the markers in it.
pub(super) fn strip(text: &str) -> String {
    let mut rest = text.to_owned();
    while let Some(range) = find_range(&rest) {
        rest.replace_range(range, "");
    }
    rest
}

fn at_word(text: &str, at: usize) -> Option<Range<usize>> {
    let tail = dashed(text[at..].strip_prefix("LLMUX")?).strip_prefix("DONE")?;
    let tail = dashed(tail);
    let id = tail.get(..8)?;
    if !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let end = text.len() - tail.len() + 8;
    let opened = text[..at]
        .chars()
        .rev()
        .take(2)
        .take_while(|c| OPENING.contains(c));
    let before: Vec<char> = opened.collect();
    let after: Vec<char> = text[end..]
        .chars()
        .take(before.len())
        .take_while(|c| CLOSING.contains(c))
        .collect();
    let bytes = |chars: &[char]| chars.iter().map(|c| c.len_utf8()).sum::<usize>();
    Some(at - bytes(&before)..end + bytes(&after))
}

fn dashed(text: &str) -> &str {
    text.strip_prefix(['_', '-']).unwrap_or(text)
}

/// The marker as the rows that the renderer makes of it, without indentation.
pub(super) fn rendered(marker: &str, style: MarkerStyle) -> Vec<String> {
    match style {
        MarkerStyle::Plain | MarkerStyle::Bullet => vec![marker.to_owned()],
        MarkerStyle::Wrapped => {
            let middle = marker.floor_char_boundary(marker.len() / 2);
            vec![marker[..middle].to_owned(), marker[middle..].to_owned()]
        }
        MarkerStyle::Mangled => vec![marker.replace('_', "")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_its_brackets() {
        assert_eq!(
            find("print <<LLMUX_DONE_0badf00d>> alone."),
            Some("<<LLMUX_DONE_0badf00d>>")
        );
        assert_eq!(find("`%%LLMUX-DONE-0badf00d%%`"), Some("%%LLMUX-DONE-0badf00d%%"));
        assert_eq!(find("LLMUX-DONE-0badf00d"), Some("LLMUX-DONE-0badf00d"));
        assert_eq!(
            find("LLMUX_DONE_00000001 then (LLMUX_DONE_00000002)"),
            Some("(LLMUX_DONE_00000002)")
        );
        for none in [
            "LLMUX_DONE_xxxxxxxx",
            "LLMUX_DONE_0bad",
            "LLMUX",
            "",
            "é LLMUX_DONE_é234567",
        ] {
            assert_eq!(find(none), None);
        }
    }

    #[test]
    fn an_echo_is_stripped_of_markers() {
        assert_eq!(strip("a <<LLMUX_DONE_00000001>> b LLMUX_DONE_00000001"), "a  b ");
    }

    #[test]
    fn each_style_spoils_the_marker_in_its_way() {
        let rows = |style| rendered("<<LLMUX_DONE_0badf00d>>", style);
        assert_eq!(rows(MarkerStyle::Mangled), ["<<LLMUXDONE0badf00d>>"]);
        assert_eq!(rows(MarkerStyle::Wrapped), ["<<LLMUX_DON", "E_0badf00d>>"]);
    }
}
