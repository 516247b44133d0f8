//! A second reading of command lines, written from tmux(1) section COMMAND PARSING SYNTAX and not from our writer.
//!
//! It knows just enough: plain words, double quotes with octal escapes, and ` ; ` between commands. Whatever else
//! tmux gives a meaning to makes it fail, so that nothing passes which tmux might read in another way.

/// The commands of a line, each as its words; nothing if the line is not one plain line.
pub(crate) fn commands(line: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut rest = line.strip_suffix(b"\n")?;
    let mut commands = vec![vec![]];
    loop {
        let (word, after) = match rest {
            [b'"', quoted @ ..] => quoted_word(quoted)?,
            [b';', after @ ..] => (None, after),
            _ => plain_word(rest)?,
        };
        match word {
            Some(word) => commands.last_mut()?.push(word),
            None => commands.push(vec![]),
        }
        match after {
            [] => break,
            [b' ', next @ ..] => rest = next,
            _ => return None,
        }
    }
    commands.iter().all(|words| !words.is_empty()).then_some(commands)
}

type Word<'a> = (Option<Vec<u8>>, &'a [u8]);

fn plain_word(text: &[u8]) -> Option<Word<'_>> {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-@".contains(b);
    let length = text.iter().position(|b| !harmless(b)).unwrap_or(text.len());
    (length > 0).then(|| (Some(text[..length].to_vec()), &text[length..]))
}

fn quoted_word(text: &[u8]) -> Option<Word<'_>> {
    let mut word = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [b'"', after @ ..] => return Some((Some(word), after)),
            [b'\\', digits @ ..] => {
                let octal = std::str::from_utf8(digits.get(..3)?).ok()?;
                word.push(u8::from_str_radix(octal, 8).ok().filter(|byte| *byte != 0)?);
                rest = &digits[3..];
            }
            [..0x20 | 0x7f | 0xff | b'$' | b'~', ..] | [] => return None,
            [plain, after @ ..] => {
                word.push(*plain);
                rest = after;
            }
        }
    }
}
