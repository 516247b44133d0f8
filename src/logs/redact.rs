//! Taking secrets out of text.

use std::{
    io::{self, Write},
    sync::LazyLock,
};

use regex::Regex;

/// What secrets look like; the first group is kept.
static SECRETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
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
        secret.replace_all(&text, "$1***").into_owned()
    })
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
    fn every_pattern_is_one() {
        assert_eq!(SECRETS.len(), 3);
    }
}
