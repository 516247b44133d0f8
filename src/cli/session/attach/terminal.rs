//! This terminal while a session is shown in it, and as it was before whatever happens.

use std::io::{self, IsTerminal, Write};

use rustix::termios::OptionalActions;

use crate::tty;

/// Undoes what a program may have asked of its terminal: screen, margins, keys, mouse, focus, paste, pen, cursor.
const CALM: &[u8] =
    b"\x18\x1b[?1049l\x1b[!p\x1b[?1000;1002;1003;1004;1006;2004l\x1b[<99u\x1b>\x1b[0m\x1b[?25h";

/// The terminal, in raw mode until this is dropped. A panic drops it too.
pub(super) struct Raw(Option<tty::Raw>);

impl Raw {
    /// # Errors
    /// Standard input or output is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        let raw = tty::Raw::enter(OptionalActions::Flush)
            .map_err(|_| io::Error::other("standard input is no terminal"))?;
        Ok(Self(Some(raw)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may have hung up; then there is nothing to calm.
        let _ = show(CALM);
        self.0.take();
        let _ = show(b"\r\n");
    }
}

/// Columns and rows, as far as a pane can have them.
pub(super) fn size() -> (u16, u16) {
    let (cols, rows) = tty::size();
    (cols.clamp(2, 500), rows.clamp(1, 300))
}

/// Shows bytes as they are.
pub(super) fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
