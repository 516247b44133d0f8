//! Becoming the user's own tmux client.

use std::{ffi::OsStr, io, os::unix::process::CommandExt, process::Command};

use super::Socket;

/// Which session to show, and where it is.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The tmux server.
    pub socket: Socket,
    /// That server's process; tells whether the caller already sits in one of its panes.
    pub server_pid: u32,
    /// The session: an id such as `$3`, or `=NAME` for an exact name.
    pub session: String,
    /// Whether keys are kept from it, and its size from them.
    pub read_only: bool,
}

impl Attach {
    /// Replaces this process by `tmux attach-session`, or by `switch-client` if it runs inside the same tmux server.
    ///
    /// `inside` is the value of the variable `TMUX`. Returns only if tmux can't be run.
    #[must_use]
    pub fn exec(&self, inside: Option<&OsStr>) -> io::Error {
        self.command(inside).exec()
    }

    /// Whether the caller sits in a pane of the same server; then its own client is switched, which can't be made read-only.
    #[must_use]
    pub fn is_inside(&self, inside: Option<&OsStr>) -> bool {
        inside.and_then(server_of) == Some(self.server_pid)
    }

    fn command(&self, inside: Option<&OsStr>) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(self.socket.args());
        if self.is_inside(inside) {
            tmux.args(["switch-client", "-t"]);
        } else {
            // A pane of another server: tmux refuses to nest while TMUX is set, but this is no loop.
            tmux.env_remove("TMUX").arg("attach-session");
            if self.read_only {
                tmux.arg("-r");
            }
            tmux.arg("-t");
        }
        tmux.arg(&self.session);
        tmux
    }
}

/// The server's process in `socket,pid,session`; the socket may hold commas.
fn server_of(tmux: &OsStr) -> Option<u32> {
    tmux.to_str()?.rsplit(',').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(inside: Option<&str>, read_only: bool) -> Vec<String> {
        let attach = Attach {
            socket: Socket::Name("t".to_owned()),
            server_pid: 42,
            session: "$3".to_owned(),
            read_only,
        };
        let command = attach.command(inside.map(OsStr::new));
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_client_of_the_same_server_is_switched_and_any_other_attaches() {
        let attach = ["-L", "t", "attach-session", "-t", "$3"];
        assert_eq!(args(None, false), attach);
        assert_eq!(args(Some("/tmp/tmux-0/default,41,0"), false), attach);
        assert_eq!(args(Some("nonsense"), false), attach);
        assert_eq!(args(None, true), ["-L", "t", "attach-session", "-r", "-t", "$3"]);
        assert_eq!(
            args(Some("/tmp/a,b/default,42,0"), false),
            ["-L", "t", "switch-client", "-t", "$3"]
        );
    }
}
