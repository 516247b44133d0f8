//! Becomes the daemon's tmux client.
//!
//! A client that outlives its daemon with output still queued stays attached as a zombie, and a later
//! `tmux kill-server` then never returns. So the client asks the kernel to kill it when its parent dies.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{getppid, setsid};

/// Bytes the kernel may hold between tmux and the daemon; fewer and larger reads during a flood.
const PIPE_BYTES: usize = 1024 * 1024;

/// Replaces this process by the tmux client `args[1..]`, which dies with the parent `args[0]`.
///
/// `args` is the decimal pid of the process that started this one, then the tmux program and its
/// arguments. The client gets a session of its own (Ctrl-C in the daemon's terminal does not reach it),
/// a 1 MiB pipe on standard output where the system allows it, and neither `TMUX` nor `TMUX_PANE`.
/// On Linux it is killed (`PR_SET_PDEATHSIG`, `prctl(2)`) when the *thread* that started it ends, so start
/// it from one that lives as long as the daemon.
///
/// # Errors
///
/// Returns only on failure: bad arguments, a parent that is gone already, a process that leads its group
/// (`setsid(2)`), or a tmux that cannot be executed.
#[must_use]
pub fn exec(args: &[OsString]) -> io::Error {
    let [parent, tmux, rest @ ..] = args else {
        return io::Error::new(io::ErrorKind::InvalidInput, "usage: PARENT-PID TMUX [ARGS..]");
    };
    if let Err(error) = prepare(parent) {
        return error;
    }
    Command::new(tmux)
        .args(rest)
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .exec()
}

fn prepare(parent: &OsString) -> io::Result<()> {
    let parent: i32 = parent
        .to_str()
        .and_then(|pid| pid.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the parent pid is not a number"))?;
    setsid()?;
    die_with_parent()?;
    // The parent may have died before the signal was armed: then nothing would ever fire.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Err(io::Error::new(
            io::ErrorKind::BrokenPipe,
            "the parent process is gone",
        ));
    }
    enlarge_stdout();
    Ok(())
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the Linux version")]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn enlarge_stdout() {
    // A comfort only: not a pipe, or over the user's pipe quota, is fine.
    let _ = rustix::pipe::fcntl_setpipe_size(io::stdout(), PIPE_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn enlarge_stdout() {
    let _ = PIPE_BYTES;
}
