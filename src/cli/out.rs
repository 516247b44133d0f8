//! Standard output, for readers that may go away.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

use super::failure::{Exit, Failure};

/// Standard output. What is written is seen at the latest when [`Out::finish`] is called.
pub(crate) struct Out<W: Write = StdoutLock<'static>>(BufWriter<W>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }
}

impl<W: Write> Out<W> {
    /// Writes to something else than standard output.
    #[cfg(test)]
    pub(crate) fn to(writer: W) -> Self {
        Self(BufWriter::new(writer))
    }

    /// Writes one line and lets it be seen.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.0, "{line}")
            .and_then(|()| self.0.flush())
            .map_err(|e| broken(&e))
    }

    /// Writes a text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(|e| broken(&e))
    }

    /// Writes bytes and lets them be seen.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0
            .write_all(bytes)
            .and_then(|()| self.0.flush())
            .map_err(|e| broken(&e))
    }

    /// Writes a value as JSON, indented by two spaces.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(Failure::internal)?;
        self.line(&text)
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.0.flush().map_err(|e| broken(&e))
    }
}

/// A reader that has seen enough (`llmux ls | head -1`) is no error worth a word.
fn broken(error: &io::Error) -> Failure {
    let kind = if error.kind() == io::ErrorKind::BrokenPipe {
        Exit::Pipe
    } else {
        Exit::Failed
    };
    Failure::new(kind, format!("cannot write to standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_ends_the_command_quietly() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut out = Out(BufWriter::new(writer));
        let failure = out.line("x").unwrap_err();
        assert_eq!(failure.report(), Exit::Pipe);
    }
}
