//! The signals that a daemon heeds.

use std::{fs::File, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that a daemon heeds, caught from before anything is started.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether it was started from a terminal.
    had_terminal: bool,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Leave,
    /// Read the configuration again.
    Reload,
}

impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            had_terminal: has_terminal(),
        })
    }

    /// Waits for the next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Leave,
            _ = self.interrupt.recv() => Told::Leave,
            // SIGHUP is the word of a person, and of the system where the terminal has gone.
            _ = self.hangup.recv() => if self.had_terminal && !has_terminal() { Told::Leave } else { Told::Reload },
        }
    }

    /// Waits until it is told to leave. Cancel safe.
    pub(super) async fn leave(&mut self) {
        while self.next().await != Told::Leave {}
    }
}

/// Whether the process has a controlling terminal; the kernel takes it away before it sends SIGHUP.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
