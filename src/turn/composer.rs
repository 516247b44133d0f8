//! Comparing what a composer shows with what was pasted into it.

use std::sync::{Arc, LazyLock};

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

/// How many rows must show the end of a prompt where its composer can't be seen.
const ROWS_OF_END: usize = 5;

/// A prompt, to be looked for in composers, in echoes and in transcripts.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    key: String,
    /// Whether it is compared without emoji: it has such that are joined of several characters, and terminals and
    /// agents that disagree on their width leave only pieces of them.
    is_joined: bool,
}

impl Wanted {
    pub(super) fn new(prompt: &[u8]) -> Self {
        let prompt = String::from_utf8_lossy(prompt);
        let key = squeeze(&prompt);
        let rest = without_emoji(&key);
        let is_joined = prompt.contains(joins) && !rest.is_empty();
        Self {
            key: if is_joined { rest } else { key },
            is_joined,
        }
    }

    /// The prompt, as [`Wanted::squeeze`] makes it.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it is a command of the agent's own: those may do their work without a word.
    pub(super) fn is_command(&self) -> bool {
        self.key.starts_with('/')
    }

    /// A text in the form in which it can be compared with this prompt.
    pub(super) fn squeeze(&self, text: &str) -> String {
        let text = squeeze(text);
        if self.is_joined {
            without_emoji(&text)
        } else {
            text
        }
    }

    /// Whether a text contains the prompt.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.squeeze(text).contains(&self.key)
    }

    /// Whether the last of these rows show the end of the prompt.
    pub(super) fn ends(&self, rows: &[Arc<str>]) -> bool {
        let last = &rows[rows.len().saturating_sub(ROWS_OF_END)..];
        is_cut_short(&self.key, &self.squeeze(&last.concat()))
    }

    /// Whether a composer shows the prompt and further rows below it.
    pub(super) fn is_followed(&self, composer: &Composer) -> bool {
        let text = composer.text.as_str();
        let mut ends = text.match_indices('\n').map(|(end, _)| text.split_at(end));
        ends.any(|(above, below)| !below.trim().is_empty() && self.squeeze(above) == self.key)
    }

    pub(super) fn in_composer(&self, composer: &Composer) -> Holds {
        if composer.text.trim().is_empty() {
            return Holds::Nothing;
        }
        // A prompt may speak of pastes itself: what is shown as it was typed stands for nothing else.
        match self.compare(&composer.text, 0) {
            Holds::Prompt => Holds::Prompt,
            as_it_is => {
                let (shown, pastes) = without_stand_ins(&composer.text);
                match self.compare(&shown, pastes) {
                    Holds::Other | Holds::Nothing => as_it_is,
                    holds => holds,
                }
            }
        }
    }

    /// Compares the text around so many pastes that are collapsed.
    fn compare(&self, shown: &str, pastes: usize) -> Holds {
        let shown = self.squeeze(shown);
        match (pastes, shown.as_str()) {
            (0, shown) if self.key == shown => Holds::Prompt,
            (1, "") => Holds::Prompt,
            (0 | 1, shown) if is_cut_short(&self.key, shown) => Holds::Prompt,
            (0 | 1, shown) if !shown.is_empty() && self.key.contains(shown) => Holds::Part,
            _ => Holds::Other,
        }
    }
}

/// Whether a character makes one emoji of several: a joiner, a variation, a skin tone or a half of a flag.
fn joins(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{1f1e6}'..='\u{1f1ff}')
}

fn without_emoji(text: &str) -> String {
    let is_emoji = |c: char| {
        matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{fffd}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
    };
    text.chars().filter(|c| !is_emoji(*c)).collect()
}

/// Whether a composer that shows `shown` shows the last rows of a longer text.
fn is_cut_short(prompt: &str, shown: &str) -> bool {
    // A few characters at the end may stand anywhere.
    const TELLING: usize = 40;
    shown.len() >= TELLING && prompt.ends_with(shown)
}

/// The text around the stand-ins for collapsed pastes, and how many of these there are.
fn without_stand_ins(text: &str) -> (String, usize) {
    static STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::unwrap_used, reason = "a constant pattern, tested below")]
        Regex::new(r"\[Past(?:e|ed)\b[^\]\n]*\](?: #\d+)?").unwrap()
    });
    let count = STAND_IN.find_iter(text).count();
    (STAND_IN.replace_all(text, "").into_owned(), count)
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
        assert_eq!(holds("cafe\u{301}", "caf\u{e9}"), Holds::Prompt);
        assert_eq!(holds("a\nb\nc\nd", "[Pasted text #1 +3 lines]"), Holds::Prompt);
        assert_eq!(
            holds("a\nb\nc\nd", "[Pasted Content 4044 chars] #2"),
            Holds::Prompt
        );
        let long = "one two three four five six seven eight nine ten ".repeat(9);
        assert_eq!(holds(&long, &long[200..]), Holds::Prompt);
    }

    #[test]
    fn a_joined_emoji_is_known_by_what_the_terminal_leaves_of_it() {
        for shown in [
            "A family 👩\u{200d} for x",
            "A family 👩👩👧 for x",
            "A family  for x",
        ] {
            assert_eq!(
                holds("A family 👩\u{200d}👩\u{200d}👧 for x", shown),
                Holds::Prompt,
                "{shown}"
            );
        }
        assert_eq!(
            holds("A family 👩\u{200d}👧 for x", "A family 👩 for y"),
            Holds::Other
        );
        // Others are whole everywhere.
        assert_eq!(holds("a crab 🦀", "a crab"), Holds::Part);
        assert_eq!(holds("👩\u{200d}👧", "👧"), Holds::Part);
    }

    #[test]
    fn the_end_of_a_prompt_fills_a_screen() {
        let rows: Vec<Arc<str>> = (0..30).map(|n| format!("  line number {n}").into()).collect();
        let wanted = Wanted::new(rows.join("\n").as_bytes());
        assert!(wanted.ends(&rows[9..]));
        assert!(!wanted.ends(&rows[..29]) && !wanted.ends(&rows[29..]));
    }

    #[test]
    fn rows_below_a_prompt_follow_it() {
        let is_followed = |text: &str| {
            Wanted::new(b"say hello\nto all").is_followed(&Composer {
                top: 0,
                rows: 1,
                text: text.to_owned(),
                collapsed: false,
            })
        };
        assert!(is_followed("say hello\nto all\nHello."));
        assert!(!is_followed("say hello\nto all\n ") && !is_followed("say hello\nto all. Hello."));
    }

    #[test]
    fn a_prompt_on_its_way_is_a_part() {
        assert_eq!(holds("say hello", "say hel"), Holds::Part);
        assert_eq!(holds("say hello", "lo"), Holds::Part);
        assert_eq!(holds("say hello", " "), Holds::Nothing);
    }

    #[test]
    fn a_prompt_may_speak_of_pastes() {
        for prompt in [
            "[Paste]",
            "why [Pasted text #1] twice: [Pasted text #1]?",
            "what does [Paste here] mean",
        ] {
            assert_eq!(holds(prompt, prompt), Holds::Prompt, "{prompt}");
            assert_eq!(
                holds(prompt, &prompt.replace(' ', "\n ")),
                Holds::Prompt,
                "{prompt}"
            );
            assert_eq!(
                holds(prompt, &format!("{prompt} and more")),
                Holds::Other,
                "{prompt}"
            );
            assert_eq!(
                holds(prompt, "[Pasted text #1 +9 lines]"),
                Holds::Prompt,
                "{prompt}"
            );
        }
        assert_eq!(
            holds("see [Paste a] and [Paste b]", "see [Paste a] and [Pas"),
            Holds::Part
        );
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
