//! What is wrong with a command line, in this program's own shape of errors.

use std::fmt::Write;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{failure::Failure, out::Out};

/// Prints what was asked for (help, version), or turns the parser's complaint into a failure.
pub(super) fn explain(error: &clap::Error) -> Result<(), Failure> {
    let mut out = Out::new();
    match error.kind() {
        ErrorKind::DisplayVersion => out.line(env!("CARGO_PKG_VERSION"))?,
        ErrorKind::DisplayHelp => out.text(&error.render().to_string())?,
        _ => return Err(complaint(error)),
    }
    out.finish()
}

fn complaint(error: &clap::Error) -> Failure {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n");
    let mut failure = Failure::usage(message(error, paragraphs.next().unwrap_or_default()));
    for line in paragraphs.flat_map(str::lines) {
        let line = line.trim();
        if let Some(tip) = line.strip_prefix("tip: ") {
            failure = failure.hint(tip);
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            failure = failure.hint(format!("usage: {usage}"));
        }
    }
    failure.hint("see `llmux --help`")
}

fn message(error: &clap::Error, first: &str) -> String {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
    {
        return format!("unknown command \"{word}\"");
    }
    let mut message = String::new();
    for line in first.strip_prefix("error: ").unwrap_or(first).lines() {
        let space = if message.is_empty() { "" } else { " " };
        let _ = write!(message, "{space}{}", line.trim());
    }
    message
}
