//! "Did you mean": the known words nearest to an unknown one.

/// How many near words are worth reading.
const MOST: usize = 3;

/// Returns the candidate nearest to `word`, or none if nothing is near enough to be meant; see [`near`].
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(word, candidates).into_iter().next()
}

/// Returns the candidates near `word` by edit distance, at most three, the nearest first.
///
/// Case is ignored. Near enough is one edit in three characters, and at least one; a swap of neighbours is one edit.
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    let mut near: Vec<_> = candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|&(distance, _)| distance <= limit)
        .collect();
    near.sort_by_key(|&(distance, _)| distance);
    near.into_iter()
        .take(MOST)
        .map(|(_, candidate)| candidate)
        .collect()
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
    fn of_many_near_words_the_three_nearest_are_named() {
        let names = ["worker-4", "worker-33", "worker-1", "worker-2", "other"];
        assert_eq!(near("worker-3", names), ["worker-4", "worker-33", "worker-1"]);
    }

    #[test]
    fn a_foreign_word_suggests_nothing() {
        for typed in ["", "xyzzy", "vim", "completely-different"] {
            assert_eq!(nearest(typed, ["claude", "codex"]), None, "{typed}");
        }
    }
}
