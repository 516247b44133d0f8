//! Command lines as words: the quoting of a POSIX shell, without its expansions.
//!
//! The words reach the program as they are; no shell sees them, so `$`, `;`, `|` and backquotes are ordinary characters.

/// Says why a command line has no words to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// A quote is opened and not closed, or a backslash is last.
    #[error("unbalanced quotes in {0:?}")]
    Unbalanced(String),
    /// A NUL can't be passed to a program.
    #[error("a NUL character in {0:?}")]
    Nul(String),
    /// There is no program.
    #[error("the command is empty")]
    Empty,
}

impl CommandLineError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unbalanced(_) => {
                "close each ' and \", or write a backslash before a quote that is meant as itself"
            }
            Self::Nul(_) => "leave the NUL out",
            Self::Empty => "set `cmd` to the program's name or path",
        }
    }
}

/// Splits a text into words. A `#` that begins a word is an ordinary character.
///
/// # Errors
///
/// Quotes are unbalanced, or the text holds a NUL.
pub fn split(text: &str) -> Result<Vec<String>, CommandLineError> {
    if text.contains('\0') {
        return Err(CommandLineError::Nul(text.to_owned()));
    }
    let uncommented = escape_comments(text);
    shlex::split(&uncommented).ok_or_else(|| CommandLineError::Unbalanced(text.to_owned()))
}

/// Puts a backslash before each `#` that would begin a comment; flags have no comments, and losing the rest of them
/// in silence helps nobody.
fn escape_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quote, mut escaped, mut word) = (None, false, false);
    for c in text.chars() {
        if c == '#' && !word && quote.is_none() {
            out.push('\\');
        }
        match quote {
            _ if escaped => escaped = false,
            Some(open) if c == open => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some('\'') => {}
            _ => escaped = c == '\\',
        }
        word = quote.is_some() || !matches!(c, ' ' | '\t' | '\n');
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_posix_quoting_and_nothing_is_expanded() {
        for (text, words) in [
            ("", &[][..]),
            ("  -a   -b\t-c\n", &["-a", "-b", "-c"]),
            ("--model 'claude opus' -x", &["--model", "claude opus", "-x"]),
            (r#"-p "say \"hi\" $HOME `id`""#, &["-p", r#"say "hi" $HOME `id`"#]),
            (r"a\ b 'c\d' e''f ''", &["a b", r"c\d", "ef", ""]),
            (
                "a;b | c > d $(x) * ~",
                &["a;b", "|", "c", ">", "d", "$(x)", "*", "~"],
            ),
            (
                "--color #fff a#b '#' \\# -z",
                &["--color", "#fff", "a#b", "#", "#", "-z"],
            ),
            ("#x", &["#x"]),
            ("'a '#b \"c\\\" #\" #d", &["a #b", "c\" #", "#d"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text:?}");
        }
    }

    #[test]
    fn unbalanced_quotes_are_an_error() {
        for text in ["'a", "\"a", "a\\", "\"a\\\""] {
            assert_eq!(split(text), Err(CommandLineError::Unbalanced(text.to_owned())));
        }
        assert!(matches!(split("a\0b"), Err(CommandLineError::Nul(_))));
    }
}
