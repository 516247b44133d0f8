//! "Did you mean": the known word nearest to an unknown one.

/// Returns the candidate nearest to `word` by edit distance, or none if nothing is near enough to be meant.
///
/// Case is ignored. Near enough is one edit in three characters, and at least one; a swap of neighbours is one edit.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["claude", "codex", "copilot", "q"];

    #[test]
    fn a_typing_error_finds_the_word_that_was_meant() {
        for (typed, meant) in [
            ("cluade", "claude"),
            ("Claud", "claude"),
            ("codx", "codex"),
            ("copliot", "copilot"),
        ] {
            assert_eq!(nearest(typed, KEYS), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_foreign_word_suggests_nothing() {
        for typed in ["", "xyzzy", "vim", "completely-different"] {
            assert_eq!(nearest(typed, ["claude", "codex"]), None, "{typed}");
        }
    }
}
