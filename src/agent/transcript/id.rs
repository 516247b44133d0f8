//! The id of a conversation that is about to begin.

use std::io;

/// Flags and words that choose a conversation; next to one of them an id of ours would be refused.
const CHOOSES: [&str; 10] = [
    "--session-id",
    "--resume",
    "-r",
    "--continue",
    "-c",
    "resume",
    "--fork-session",
    "--session-file",
    "--from-pr",
    "--teleport",
];

/// Whether a command line chooses its conversation itself, by the agent's own `flag` or by resuming one.
pub(crate) fn chooses_conversation(argv: &[String], flag: &str) -> bool {
    let chooses = |word: &str| word == flag || CHOOSES.contains(&word);
    argv.iter()
        .skip(1)
        .any(|word| chooses(word.split_once('=').map_or(word, |(name, _)| name)))
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let mut bits = u128::from_be_bytes(bytes);
    bits = bits & !(0xf << 76) | 0x4 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_a_uuid_of_version_4() {
        let ids: Vec<String> = (0..64).map(|_| random_id().unwrap()).collect();
        let lengths = |id: &str| id.split('-').map(str::len).collect::<Vec<_>>();
        for id in &ids {
            assert_eq!(lengths(id), [8, 4, 4, 4, 12], "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 64);
    }

    #[test]
    fn a_command_line_that_chooses_a_conversation_is_known() {
        let chooses = |line: &str| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            chooses_conversation(&argv, "-s")
        };
        for line in [
            "a --resume x",
            "a -x --resume=x",
            "a -c",
            "a -s 1",
            "a --session-id=1",
        ] {
            assert!(chooses(line), "{line}");
        }
        for line in ["resume", "a", "a --resumed -cx --model resume-me"] {
            assert!(!chooses(line), "{line}");
        }
    }
}
