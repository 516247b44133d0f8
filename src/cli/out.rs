//! Standard output, for readers that may go away.

use std::{
    future::pending,
    io::{self, BufWriter, StdoutLock, Write},
    os::fd::AsFd,
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde::Serialize;
use tokio::sync::oneshot;

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

/// Waits until nobody can read standard output any more, and says so. Cancel safe.
///
/// For commands that wait for what they write next: else they would learn it only by then. A thread, because to wait for
/// standard output as for a socket would make it non-blocking for every process that shares it.
pub(crate) async fn unread() -> Failure {
    let (sender, gone) = oneshot::channel();
    thread::spawn(move || {
        if is_left(io::stdout(), None) {
            let _ = sender.send(());
        }
    });
    match gone.await {
        Ok(()) => broken(&io::ErrorKind::BrokenPipe.into()),
        Err(_) => pending().await,
    }
}

/// Carries `work` out as long as somebody can read standard output.
pub(crate) async fn while_read<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done,
        unread = unread() => Err(unread),
    }
}

/// Waits until nobody is at the other end; says whether that came in time. A file has no other end.
fn is_left(writer: impl AsFd, at_most: Option<&Timespec>) -> bool {
    // Nothing is asked for: what is always told are errors and that the other end is gone.
    let mut polled = [PollFd::new(&writer, PollFlags::empty())];
    loop {
        match poll(&mut polled, at_most) {
            Err(Errno::INTR) => {}
            told => return told.is_ok_and(|count| count > 0),
        }
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
    use std::{net::Shutdown, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn a_reader_that_went_away_ends_the_command_quietly() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut out = Out(BufWriter::new(writer));
        let failure = out.line("x").unwrap_err();
        assert_eq!(failure.report(), Exit::Pipe);
    }

    #[test]
    fn a_reader_that_goes_away_is_missed_before_anything_is_written() {
        let now = Some(&Timespec::default());
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_left(&writer, now));
        drop(reader);
        assert!(is_left(&writer, None));
        // Some start programs with sockets for pipes, and close their half.
        let (mut reader, writer) = UnixStream::pair().unwrap();
        reader.write_all(b"?").unwrap();
        reader.shutdown(Shutdown::Write).unwrap();
        assert!(!is_left(&writer, now));
        drop(reader);
        assert!(is_left(&writer, None));
        assert!(!is_left(tempfile::tempfile().unwrap(), now));
    }
}
