//! Who owns the pane's terminal: the foreground process group, and the modes to leave behind.
//!
//! Lending is easy: the wrapper is in the foreground when it lends. Taking back is not: from the background
//! `tcsetpgrp` and `tcsetattr` raise SIGTTOU, which safe code can neither block nor ignore. So a small
//! process is *born into* the foreground group (`process_group` may join any group of the session) and
//! hands the terminal over from there.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};

use rustix::process::{Pid, getpgrp};
use rustix::termios::{
    Action, ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, Termios, tcflow, tcgetattr,
    tcgetpgrp, tcsetattr, tcsetpgrp,
};

/// The terminal on standard input as this process found it.
pub(super) struct Terminal {
    group: Pid,
    modes: Termios,
}

impl Terminal {
    /// Looks at standard input; `None` if it is no terminal, or one whose foreground is somebody else.
    pub(super) fn find() -> Option<Self> {
        let group = getpgrp();
        let modes = tcgetattr(io::stdin()).ok()?;
        (tcgetpgrp(io::stdin()).ok()? == group).then_some(Self { group, modes })
    }

    /// Makes `group` the foreground group.
    pub(super) fn lend(&self, group: Pid) -> io::Result<()> {
        debug_assert_ne!(group, self.group, "lent to itself");
        Ok(tcsetpgrp(io::stdin(), group)?)
    }

    /// Starts the process that restores the modes and the foreground group.
    ///
    /// # Errors
    ///
    /// Fails if the foreground group has no process left, or the process cannot be started.
    pub(super) fn take_back(&self) -> io::Result<Child> {
        let foreground = tcgetpgrp(io::stdin())?;
        Command::new(own_program()?)
            .arg("return-tty")
            .arg(self.group.as_raw_nonzero().to_string())
            .arg(encode(&self.modes))
            .process_group(foreground.as_raw_nonzero().get())
            .spawn()
    }
}

/// This program's file; after an upgrade has removed it, the kernel's own link to it.
pub(super) fn own_program() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    Ok(if file.exists() {
        file
    } else {
        PathBuf::from("/proc/self/exe")
    })
}

/// Restores the terminal's `modes` and makes `group` its foreground group: hidden `llmux return-tty GROUP MODES`.
///
/// Started by the wrapper inside the foreground group; anywhere else it does nothing and fails, because the
/// kernel would stop it. `modes` are the four `termios(3)` flag words in hexadecimal, separated by colons.
#[must_use]
pub fn return_tty(group: i32, modes: &str) -> ExitCode {
    match restore(group, modes) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn restore(group: i32, modes: &str) -> Option<()> {
    let tty = io::stdin();
    if tcgetpgrp(&tty).ok()? != getpgrp() {
        return None;
    }
    let mut termios = tcgetattr(&tty).ok()?;
    apply(&mut termios, modes)?;
    tcsetattr(&tty, OptionalActions::Now, &termios).ok()?;
    // Somebody's Ctrl-S must not hold back the exit message.
    tcflow(&tty, Action::OOn).ok()?;
    tcsetpgrp(&tty, Pid::from_raw(group)?).ok()
}

fn encode(modes: &Termios) -> String {
    let words = [
        modes.input_modes.bits(),
        modes.output_modes.bits(),
        modes.control_modes.bits(),
        modes.local_modes.bits(),
    ];
    words.map(|word| format!("{word:x}")).join(":")
}

fn apply(termios: &mut Termios, modes: &str) -> Option<()> {
    // How wide they are differs between systems.
    let mut words = modes.split(':').map(|word| u64::from_str_radix(word, 16));
    let mut next = || words.next().and_then(Result::ok);
    termios.input_modes = InputModes::from_bits_retain(next()?.try_into().ok()?);
    termios.output_modes = OutputModes::from_bits_retain(next()?.try_into().ok()?);
    termios.control_modes = ControlModes::from_bits_retain(next()?.try_into().ok()?);
    termios.local_modes = LocalModes::from_bits_retain(next()?.try_into().ok()?);
    Some(())
}

/// Writes all of `text` to the terminal at once.
pub(super) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
