//! The terminal that this process runs in: raw mode, its size, and what is typed there.

use std::{
    io::{self, Read},
    thread,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// Largest read; a terminal gives at most 4 KiB at a time.
const READ_BYTES: usize = 16 << 10;
/// Reads that wait for whoever takes them, before the terminal itself has to.
const READS: usize = 16;

/// Raw mode, until it is dropped. A panic drops it too.
pub(crate) struct Raw {
    saved: Termios,
    typed_before: OptionalActions,
}

impl Raw {
    /// `typed_before` says what becomes of keys that nobody has read when the mode changes.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub(crate) fn enter(typed_before: OptionalActions) -> io::Result<Self> {
        let saved = tcgetattr(io::stdin())?;
        let mut raw = saved.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), typed_before, &raw)?;
        Ok(Self { saved, typed_before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may have hung up; then there is nothing to restore.
        let _ = tcsetattr(io::stdin(), self.typed_before, &self.saved);
    }
}

/// Columns and rows of the terminal; 80 and 24 if it does not tell.
pub(crate) fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// What is typed, as it comes; closed when the terminal hangs up. A thread, because to make the terminal non-blocking
/// would make it so for every process that shares it.
pub(crate) fn typed() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(READS);
    thread::spawn(move || {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) if count > 0 => {
                    if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    });
    receiver
}
