//! Taking secrets out of text.

use std::{
    io::{self, Write},
    sync::LazyLock,
};

use regex::Regex;

/// What secrets look like; the first group and a second are kept.
static SECRETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Whoever is named before a host, too: a token may stand there alone.
        r#"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/?\#"'@]+(?:@[^\s/?\#"'@]+)*(@)"#,
        r"(sas_)[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]+)?",
        r"(?i)(bearer\s+)[^\s,;]+",
        r#"(?i)((?:token|passphrase|password|secret|api[_-]?key|llmux_session|llmuxd_token)["']?\s*[=:]\s*["']?)[^\s"'&;,}]+"#,
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// A text in which what looks like a secret is `***`.
#[must_use]
pub fn redact(text: &str) -> String {
    SECRETS.iter().fold(text.to_owned(), |text, secret| {
        secret.replace_all(&text, "${1}***${2}").into_owned()
    })
}

/// The key of a line of YAML whose value is a secret.
static SECRET_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)^([ \t]*(?:-[ \t]+)*)["']?[\w.-]*(?:token|passphrase|password|secret|api[_-]?key)["']?[ \t]*:(?:\s|$)"#).ok()
});

/// [`redact`] for a configuration file, where a value may go on over several lines.
#[must_use]
pub fn redact_file(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // How far the key is indented whose value is left out.
    let mut hidden: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - body.len();
        if hidden.is_some_and(|key| body.trim_end().is_empty() || indent > key) {
            continue;
        }
        let key = SECRET_KEY.as_ref().and_then(|key| key.captures(line));
        hidden = key.as_ref().and_then(|key| key.get(1)).map(|before| before.len());
        match key.and_then(|key| key.get(0)) {
            // What stands on the line may be the mark of a block, or the first words of more.
            Some(key) => {
                kept.push_str(line[..key.end()].trim_end());
                kept.push_str(" ***\n");
            }
            None => kept.push_str(line),
        }
    }
    redact(&kept)
}

/// A writer of whole lines, without secrets.
pub(super) struct Writer<W>(pub(super) W);

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(redact(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, clean) in [
            ("sas_AbC-12_x.secret-part in use", "sas_*** in use"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("GET /setup?token=abc&x=1", "GET /setup?token=***&x=1"),
            (
                r#"{"passphrase": "hunter22", "a": 1}"#,
                r#"{"passphrase": "***", "a": 1}"#,
            ),
            ("apiKey: xyz", "apiKey: ***"),
            ("at https://u:p@w@h:1/x", "at https://***@h:1/x"),
            ("at https://h/x@y and a@b", "at https://h/x@y and a@b"),
            (
                "cookie llmux_session=sas_aaaa.bbbb; Path=/",
                "cookie llmux_session=***; Path=/",
            ),
            ("a token was revoked", "a token was revoked"),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn a_value_of_several_lines_goes_too() {
        for (text, clean) in [
            (
                "turnq:\n  apiKey: |\n    abc\n\n    def\n  enabled: true\n",
                "turnq:\n  apiKey: ***\n  enabled: true\n",
            ),
            ("- token: >-\n    abc\n  a: 1\n", "- token: ***\n  a: 1\n"),
            ("'x-secret':\n  abc\nb: 2\n", "'x-secret': ***\nb: 2\n"),
            ("password: two words\n  and more", "password: ***\n"),
            ("token:\nurl: http://a:b@c\n", "token: ***\nurl: http://***@c\n"),
            (
                "turnq: {apiKey: abc, enabled: true}\n",
                "turnq: {apiKey: ***, enabled: true}\n",
            ),
            ("tokenExpiry: 5\n", "tokenExpiry: 5\n"),
        ] {
            assert_eq!(redact_file(text), clean);
        }
    }

    #[test]
    fn every_pattern_is_one() {
        assert_eq!((SECRETS.len(), SECRET_KEY.is_some()), (4, true));
    }
}
