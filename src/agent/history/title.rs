//! What a conversation is called.

use std::sync::LazyLock;

use regex::Regex;

/// The longest title, in characters.
pub(super) const MAX_CHARS: usize = 80;
/// How much of a text is looked at, in bytes: who pastes a book wants no title from its end.
const MAX_TEXT: usize = 4 << 10;
/// How llmux begins to ask for the end marker.
const INSTRUCTION: &str = "[llmux] This session is driven";

/// What begins a conversation without saying anything; some write it down as its first prompt.
const BEGINS: [&str; 3] = ["/clear", "/new", "/reset"];

/// A marker, as leniently as renderers and models rewrite it.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern, tested below")]
    Regex::new(r"(?i)LLMUX[\W_]{0,4}DONE(?:[\W_]{0,4}[0-9a-f]{8})?").unwrap()
});

/// The first line of a text that says something: one line of at most [`MAX_CHARS`] characters, without control characters.
///
/// None if there is none, or if the text is what llmux says itself: the marker and the request for it.
pub(super) fn clean(text: &str) -> Option<String> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    if text.contains(INSTRUCTION) {
        return None;
    }
    if BEGINS.contains(&text.trim()) {
        return None;
    }
    let lines = text.lines().filter(|line| !MARKER.is_match(line));
    lines.map(shown).find(|line| !line.is_empty()).map(cut)
}

/// A line without what a terminal or a page would act on.
pub(super) fn shown(line: &str) -> String {
    let blank = |c: char| if c == '\t' { ' ' } else { c };
    let plain: String = line.chars().map(blank).filter(|c| !acts(*c)).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ")
}

/// Control characters, and those that turn the direction of writing or are not seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn cut(line: String) -> String {
    match line.char_indices().nth(MAX_CHARS) {
        None => line,
        Some(_) => line.chars().take(MAX_CHARS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_titles_are_one_clean_line() {
        for (text, expected) in [
            ("fix it", Some("fix it")),
            (
                "\n  \n fix\tthe \u{1b}[31mbug \u{202e}\r\nnow",
                Some("fix the [31mbug"),
            ),
            ("reply <<LLMUX_DONE_0badf00d>>", None),
            ("end with %%LLMUX-DONE-0badf00d%%\nfix it", Some("fix it")),
            ("<<LLMUXDONE0badf00d>>", None),
            (
                "[llmux] This session is driven by a program. From now on,\nmore",
                None,
            ),
            ("Echo: \"[llmux] This session is driven", None),
            ("/clear", None),
            ("/clear the table", Some("/clear the table")),
            ("llmux is done", Some("llmux is done")),
            (" \n", None),
        ] {
            assert_eq!(clean(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn history_titles_are_cut_at_a_character() {
        let title = clean(&"ü".repeat(10_000)).unwrap();
        assert_eq!(title.chars().count(), MAX_CHARS);
        assert!(title.ends_with('…'));
        assert_eq!(clean(&"ü".repeat(MAX_CHARS)).unwrap(), "ü".repeat(MAX_CHARS));
    }
}
