//! Comparing what a composer shows with what was pasted into it.

use std::sync::LazyLock;

use regex::Regex;

use super::conversation::squeeze;
use crate::agent::Composer;

/// What a composer holds, seen from one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    /// All of the prompt, or the end of one that is longer than the composer.
    Prompt,
    /// The beginning or the middle of it: more may come, or the composer shows no more.
    Part,
    /// Something else, or the prompt and more.
    Other,
}

/// A prompt, to be looked for in composers.
pub(super) struct Wanted(String);

impl Wanted {
    pub(super) fn new(prompt: &[u8]) -> Self {
        Self(squeeze(&String::from_utf8_lossy(prompt)))
    }

    pub(super) fn squeezed(&self) -> &str {
        &self.0
    }

    pub(super) fn in_composer(&self, composer: &Composer) -> Holds {
        if composer.text.trim().is_empty() {
            return Holds::Nothing;
        }
        let (shown, pastes) = without_stand_ins(&composer.text);
        match (pastes, shown.as_str()) {
            (0, shown) if self.0 == shown => Holds::Prompt,
            // A prompt that is all blanks to `squeeze`, such as a zero-width one.
            (0, "") if self.0.is_empty() => Holds::Prompt,
            (1, "") => Holds::Prompt,
            (0 | 1, shown) if is_cut_short(&self.0, shown) => Holds::Prompt,
            (0 | 1, shown) if !shown.is_empty() && self.0.contains(shown) => Holds::Part,
            _ => Holds::Other,
        }
    }
}

/// Whether a composer that shows `shown` shows the last rows of a longer text.
fn is_cut_short(prompt: &str, shown: &str) -> bool {
    // A few characters at the end may stand anywhere.
    const TELLING: usize = 40;
    shown.len() >= TELLING && prompt.ends_with(shown)
}

/// The text around the stand-ins for collapsed pastes, squeezed, and how many of these there are.
fn without_stand_ins(text: &str) -> (String, usize) {
    static STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::unwrap_used, reason = "a constant pattern, tested below")]
        Regex::new(r"\[Past(?:e|ed)\b[^\]\n]*\](?: #\d+)?").unwrap()
    });
    let count = STAND_IN.find_iter(text).count();
    (squeeze(&STAND_IN.replace_all(text, "")), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(prompt: &str, composer: &str) -> Holds {
        Wanted::new(prompt.as_bytes()).in_composer(&Composer {
            top: 0,
            rows: 1,
            text: composer.to_owned(),
            collapsed: false,
        })
    }

    #[test]
    fn the_prompt_is_known_however_it_is_wrapped() {
        assert_eq!(holds("say hello\nto all", "say\nhello to\n  all"), Holds::Prompt);
        assert_eq!(holds("日本 🦀", "日本 🦀\u{200b}"), Holds::Prompt);
        assert_eq!(holds("a\nb\nc\nd", "[Pasted text #1 +3 lines]"), Holds::Prompt);
        assert_eq!(
            holds("a\nb\nc\nd", "[Pasted Content 4044 chars] #2"),
            Holds::Prompt
        );
        let long = "one two three four five six seven eight nine ten ".repeat(9);
        assert_eq!(holds(&long, &long[200..]), Holds::Prompt);
    }

    #[test]
    fn a_prompt_on_its_way_is_a_part() {
        assert_eq!(holds("say hello", "say hel"), Holds::Part);
        assert_eq!(holds("say hello", "lo"), Holds::Part);
        assert_eq!(holds("say hello", " "), Holds::Nothing);
    }

    #[test]
    fn what_somebody_else_typed_is_not_the_prompt() {
        for composer in ["say helloo", "xsay hello", "say hellosay hello"] {
            assert_eq!(holds("say hello", composer), Holds::Other, "{composer}");
        }
        assert_eq!(holds("a\nb", "fix it [Pasted text #1]"), Holds::Other);
        assert_eq!(holds("a\nb", "[Pasted text #1][Pasted text #2]"), Holds::Other);
    }
}
