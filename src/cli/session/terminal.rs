//! This terminal while a session is shown in it, and as it was before whatever happens.

use std::io::{self, IsTerminal, Write};

use rustix::termios::OptionalActions;

use crate::tty;

/// Undoes what a program may have asked of its terminal: screen, margins, keys, mouse, focus, paste, pen, cursor.
const CALM: &[u8] =
    b"\x18\x1b[?1049l\x1b[!p\x1b[?1000;1002;1003;1004;1006;2004l\x1b[<99u\x1b>\x1b[0m\x1b[?25h";

/// This terminal, which shows what a program writes to its own; calmed when this is dropped.
pub(super) struct Shown(());

impl Shown {
    /// None if standard output is no terminal.
    pub(super) fn begin() -> Option<Self> {
        io::stdout().is_terminal().then_some(Self(()))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // The terminal may have hung up; then there is nothing to calm.
        let _ = show(CALM);
        let _ = show(b"\r\n");
    }
}

/// The same in raw mode. A panic drops it too.
pub(super) struct Raw {
    // Dropped in this order: it is calmed while it is still raw.
    _shown: Shown,
    _raw: tty::Raw,
}

impl Raw {
    /// # Errors
    /// Standard input or output is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        let raw = tty::Raw::enter(OptionalActions::Flush)
            .map_err(|_| io::Error::other("standard input is no terminal"))?;
        Ok(Self {
            _shown: Shown(()),
            _raw: raw,
        })
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
