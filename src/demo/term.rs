//! The terminal: raw mode, size, and its bytes as a channel.

use std::io::{self, Read};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// Largest read; a terminal gives at most 4 KiB at a time.
const READ_BYTES: usize = 16 * 1024;

/// Reads waiting for the event loop before the reader pauses.
const READS_QUEUED: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) cols: usize,
    pub(super) rows: usize,
}

/// The terminal's size; 80 x 24 if it has none, and never less than 4 x 2.
pub(super) fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            cols: usize::from(size.ws_col).max(4),
            rows: usize::from(size.ws_row).max(2),
        },
        _ => Size { cols: 80, rows: 24 },
    }
}

/// Raw mode, until it is dropped.
pub(super) struct Raw {
    saved: Termios,
}

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        let saved = tcgetattr(io::stdin())?;
        let mut raw = saved.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { saved })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may have hung up.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.saved);
    }
}

/// What is typed, as it comes. A thread, because making the terminal non-blocking would make it so for every
/// process that shares it.
pub(super) fn reader() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(READS_QUEUED);
    std::thread::spawn(move || {
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
