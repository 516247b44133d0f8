//! This terminal: raw while a session is shown in it, and as it was before whatever happens.

use std::{
    io::{self, IsTerminal, Read, Write},
    thread,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

/// Largest read; a terminal gives at most 4 KiB at a time.
const READ_BYTES: usize = 16 << 10;
/// Reads that wait.
const READS: usize = 16;
/// Undoes what a program may have asked of its terminal: screen, margins, keys, mouse, focus, paste, pen, cursor.
const CALM: &[u8] =
    b"\x18\x1b[?1049l\x1b[!p\x1b[?1000;1002;1003;1004;1006;2004l\x1b[<99u\x1b>\x1b[0m\x1b[?25h";

/// The terminal, in raw mode until this is dropped. A panic drops it too.
pub(super) struct Raw(Termios);

impl Raw {
    /// # Errors
    /// Standard input or output is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        let saved = tcgetattr(io::stdin()).map_err(|_| io::Error::other("standard input is no terminal"))?;
        let mut raw = saved.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self(saved))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may have hung up; then there is nothing to restore.
        let _ = show(CALM);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        let _ = show(b"\r\n");
    }
}

/// Columns and rows, as far as a pane can have them.
pub(super) fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (size.ws_col.clamp(2, 500), size.ws_row.clamp(1, 300))
        }
        _ => (80, 24),
    }
}

/// Shows bytes as they are.
pub(super) fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// What is typed, as it comes; closed when the terminal hangs up. A thread, because to make the terminal non-blocking
/// would make it so for every process that shares it.
pub(super) fn keys() -> mpsc::Receiver<Vec<u8>> {
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
