//! The placeholder process of the hub session, which removes the hub when the daemon is gone.
//!
//! A hub without a daemon keeps the windows of killed sessions alive, unseen. tmux's own
//! `destroy-unattached` would do the removing, but it can crash the server (tmux#5497), so a process waits for
//! the daemon's file lock instead: the kernel releases it at any kind of death.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::termios::{InputModes, LocalModes, OptionalActions, tcgetattr, tcsetattr};
use thiserror::Error;

#[derive(Debug, Error)]
enum GuardError {
    #[error("TMUX is not set: run this only as the command of a tmux session")]
    NoTmux,
    #[error("TMUX is not \"socket,pid,session\": {0:?}")]
    OddTmux(OsString),
    #[error("cannot wait for the daemon's lock: {0}")]
    Lock(#[source] io::Error),
    #[error("cannot run tmux kill-session: {0}")]
    Kill(#[source] io::Error),
    #[error("tmux kill-session failed")]
    Refused,
}

/// Waits until nobody holds the exclusive lock on `alive_file`, then kills exactly its own tmux session
/// and removes the file.
///
/// The lock is an advisory `flock(2)` (`std::fs::File::lock`); a missing file counts as a dead daemon. The
/// shared lock is kept until the session is gone, and the file is removed under it: a next daemon
/// that locks the same path must check afterwards that the path still names the file it locked. Keys typed into
/// the pane do nothing; SIGHUP (the pane was killed) ends the guard at once. Blocks; not cancellable otherwise.
#[must_use]
pub fn run(alive_file: &Path) -> ExitCode {
    match guard(alive_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("llmux hub-guard: {error}");
            ExitCode::FAILURE
        }
    }
}

fn guard(alive_file: &Path) -> Result<(), GuardError> {
    let own = Own::from_env(std::env::var_os("TMUX"))?;
    deafen_tty();
    explain();
    // Held, unread, until the session is gone.
    let _lock = wait_for_death(alive_file).map_err(GuardError::Lock)?;
    own.kill()
}

fn explain() {
    let text =
        "This window belongs to the llmux daemon and goes with it; agents do not need it. Detach to leave.";
    // Nothing depends on anybody reading it.
    let _ = writeln!(io::stdout(), "{text}");
}

/// Stops the terminal from turning keys into signals: a wandering human's Ctrl-C must not end the guard.
fn deafen_tty() {
    let tty = io::stdin();
    let Ok(mut modes) = tcgetattr(&tty) else { return };
    modes.local_modes -= LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO;
    modes.input_modes -= InputModes::IXON;
    let _ = tcsetattr(&tty, OptionalActions::Now, &modes);
}

fn wait_for_death(alive_file: &Path) -> io::Result<Option<File>> {
    let file = match File::open(alive_file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    while let Err(error) = file.lock_shared() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    if is_still(&file, alive_file) {
        // Left behind it is only litter.
        let _ = std::fs::remove_file(alive_file);
    }
    Ok(Some(file))
}

/// Tells whether `path` still names the open `file`, and not one that a next daemon made.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// The session this process runs in, as tmux told it.
#[derive(Debug, PartialEq)]
struct Own {
    socket: OsString,
    session: String,
}

impl Own {
    /// Reads `TMUX` = "socket,pid,session-number" (tmux(1), ENVIRONMENT). The socket path may contain commas.
    fn from_env(tmux: Option<OsString>) -> Result<Self, GuardError> {
        let tmux = tmux.filter(|text| !text.is_empty()).ok_or(GuardError::NoTmux)?;
        let mut fields = tmux.as_bytes().rsplitn(3, |&byte| byte == b',');
        let number = fields
            .next()
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse::<u32>().ok());
        match (number, fields.nth(1)) {
            (Some(number), Some(socket)) if !socket.is_empty() => Ok(Self {
                socket: OsStr::from_bytes(socket).to_owned(),
                session: format!("${number}"),
            }),
            _ => Err(GuardError::OddTmux(tmux)),
        }
    }

    /// By id, which tmux never uses twice: a renamed hub is found, a namesake is not touched.
    fn kill(&self) -> Result<(), GuardError> {
        let status = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(["kill-session", "-t", &self.session])
            .status()
            .map_err(GuardError::Kill)?;
        if status.success() {
            Ok(())
        } else {
            Err(GuardError::Refused)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_with_commas_is_read_whole() {
        let own = Own::from_env(Some("/tmp/a,b/default,4711,12".into())).unwrap();
        assert_eq!(
            own,
            Own {
                socket: "/tmp/a,b/default".into(),
                session: "$12".into()
            }
        );
    }

    #[test]
    fn an_odd_tmux_variable_is_refused() {
        for odd in ["/tmp/x", "/tmp/x,1", "/tmp/x,1,", "/tmp/x,1,$2", ",1,2", "x,1,-2"] {
            assert!(Own::from_env(Some(odd.into())).is_err(), "{odd}");
        }
        assert!(matches!(Own::from_env(None), Err(GuardError::NoTmux)));
        assert!(matches!(
            Own::from_env(Some(OsString::new())),
            Err(GuardError::NoTmux)
        ));
    }
}
