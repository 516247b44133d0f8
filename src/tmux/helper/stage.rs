//! The moment between a program's birth and its first instruction.
//!
//! A program that touches its terminal before it is in the foreground gets EIO: tmux leaves SIGTTIN and SIGTTOU
//! ignored in its panes, so it is not even stopped and continued. And only its parent can put it there. So the
//! wrapper starts this stage in the program's process; it stops itself until the parent has lent the terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, kill_process_group, waitid};

use super::message;
use super::refusal::{Refusal, refuse};
use super::terminal::{Terminal, own_program, say};

/// Becomes the program `argv`, once the parent has continued it: hidden `llmux stage [--key KEY] -- PROG
/// ARGS..`.
///
/// Says `started` (see [`super::wrapper`]) just before, so that it precedes all the program's output. Returns
/// only if the program cannot be executed.
#[must_use]
pub fn run(argv: &[OsString]) -> ExitCode {
    let Some((program, rest)) = argv.split_first() else {
        return ExitCode::from(refuse(&Refusal::no_program()));
    };
    if io::stdin().is_terminal() {
        // Cannot fail: a process may signal itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
    // A terminal that hung up already shows as SIGHUP.
    let _ = say(&message::started(getpid().as_raw_nonzero().get()));
    let error = Command::new(program).args(rest).exec();
    ExitCode::from(refuse(&Refusal::of_program(program, &error)))
}

/// Starts `argv` in a process group of its own, stopped if there is a terminal.
pub(super) fn start(argv: &[OsString], cwd: Option<&Path>) -> io::Result<Pid> {
    let mut command = Command::new(own_program()?);
    command.arg("stage");
    // It speaks before the program does, and is believed by the same key; the program itself never sees that.
    if let Some(key) = message::key() {
        command.args(["--key", key]);
    }
    command.arg("--").args(argv).process_group(0);
    if let Some(cwd) = cwd {
        command.current_dir(cwd);
    }
    Ok(Pid::from_child(&command.spawn()?))
}

/// Waits for the stage to stop, lends it the terminal and lets it go on.
pub(super) fn release(pid: Pid, terminal: Option<&Terminal>) -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), options)?;
    if let Some(terminal) = terminal {
        terminal.lend(pid)?;
    }
    Ok(kill_process_group(pid, Signal::CONT)?)
}
