//! Starting the daemon in the background, as `tmux` itself does.
//!
//! The daemon says on its standard output how it went: `ready`, or `error: ..` and perhaps `hint: ..` lines, and closes it.
//! Of two daemons started at once one wins the lock; the other says `ready` as soon as the winner is.

use std::{
    ffi::OsString,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
    time::timeout,
};

use super::{Client, ClientError, LaunchError};
use crate::store::file;

/// How long a daemon may take until it is ready. It takes milliseconds; a cold disk and a slow tmux take seconds.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Variables that belong to whoever calls, and must not become the daemon's.
const CALLERS_OWN: [&str; 4] = ["TMUX", "TMUX_PANE", "LLMUX_SESSION", "LLMUX_AGENT"];

/// How to start the background daemon.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program: this one.
    pub exe: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where its standard error goes; made with mode 0600.
    pub log: PathBuf,
}

/// Connects to the daemon at the first of `sockets` that answers; if none does, starts one and looks again.
///
/// The first socket is where a new daemon listens; the others are where one was last seen.
///
/// # Errors
///
/// [`ClientError::Launch`] if it can't be started, else as [`Client::connect`].
pub async fn connect(sockets: &[PathBuf], launcher: &Launcher) -> Result<Client, ClientError> {
    if let Some(client) = first_answering(sockets).await? {
        return Ok(client);
    }
    launcher.launch().await?;
    match first_answering(sockets).await? {
        Some(client) => Ok(client),
        None => Err(LaunchError::Lost.into()),
    }
}

/// Connects to the daemon at the first of `sockets` that answers; starts none.
///
/// # Errors
///
/// [`ClientError::NoDaemon`] about the first socket if none answers.
pub async fn running(sockets: &[PathBuf]) -> Result<Client, ClientError> {
    match (first_answering(sockets).await?, sockets) {
        (Some(client), _) => Ok(client),
        // Asked once more for its error.
        (None, [first, ..]) => Client::connect(first).await,
        (None, []) => Err(LaunchError::Lost.into()),
    }
}

async fn first_answering(sockets: &[PathBuf]) -> Result<Option<Client>, ClientError> {
    for (place, socket) in sockets.iter().enumerate() {
        match Client::connect(socket).await {
            Ok(client) => return Ok(Some(client)),
            Err(ClientError::NoDaemon { .. }) => {}
            Err(error) if place == 0 => return Err(error),
            // What was noted once may be anybody's by now.
            Err(_) => {}
        }
    }
    Ok(None)
}

impl Launcher {
    /// Starts the daemon and waits until it says that it is ready.
    ///
    /// # Errors
    /// It could not be started, said why it can't run, or took too long.
    pub(crate) async fn launch(&self) -> Result<(), LaunchError> {
        let mut child = self.spawn()?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let said = pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?;
        match timeout(READY_WITHIN, outcome(said)).await {
            Ok(outcome) => match outcome? {
                Outcome::Ready => Ok(()),
                Outcome::Refused { message, hints } => Err(LaunchError::Refused {
                    message,
                    hints,
                    status: child.wait()?,
                }),
                Outcome::Silent => Err(LaunchError::Died {
                    status: child.wait()?,
                    log: self.log.clone(),
                }),
            },
            Err(_) => Err(LaunchError::Slow {
                waited: READY_WITHIN,
                log: self.log.clone(),
            }),
        }
    }

    fn spawn(&self) -> Result<Child, LaunchError> {
        let log = file::append(&self.log)?;
        let mut command = Command::new(&self.exe);
        command
            .args(&self.args)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        for name in CALLERS_OWN {
            command.env_remove(name);
        }
        command.spawn().map_err(|source| LaunchError::Spawn {
            exe: self.exe.clone(),
            source,
        })
    }
}

/// What a daemon said before it closed its standard output.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Ready,
    Refused { message: String, hints: Vec<String> },
    Silent,
}

async fn outcome(said: impl tokio::io::AsyncRead + Unpin) -> Result<Outcome, LaunchError> {
    let mut lines = BufReader::new(said).lines();
    let (mut message, mut hints) = (None, Vec::new());
    while let Some(line) = lines.next_line().await? {
        if line == "ready" {
            return Ok(Outcome::Ready);
        } else if let Some(text) = line.strip_prefix("error: ") {
            message = Some(text.to_owned());
        } else if let Some(text) = line.strip_prefix("hint: ") {
            hints.push(text.to_owned());
        }
    }
    Ok(message.map_or(Outcome::Silent, |message| Outcome::Refused { message, hints }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Target;

    /// A "daemon" that is a shell script.
    fn launcher(dir: &std::path::Path, script: &str) -> Launcher {
        let args = ["-c", script].map(OsString::from).to_vec();
        Launcher {
            exe: "/bin/sh".into(),
            args,
            log: dir.join("daemon.log"),
        }
    }

    async fn launch(script: &str) -> (Result<(), LaunchError>, String) {
        let dir = tempfile::tempdir().unwrap();
        let result = launcher(dir.path(), script).launch().await;
        (
            result,
            std::fs::read_to_string(dir.path().join("daemon.log")).unwrap(),
        )
    }

    #[tokio::test]
    async fn ready_is_believed_at_once_though_the_daemon_goes_on() {
        // The daemon outlives the line; only its standard output matters here.
        let (result, log) = launch("pwd >&2; echo noise; echo ready; exec >&-; exit 3").await;
        assert!(result.is_ok());
        assert!(log.is_empty() || log == "/\n");
    }

    #[tokio::test]
    async fn a_refusal_brings_its_hints() {
        let (result, _) = launch("echo 'error: tmux is not installed'; echo 'hint: apt install tmux'").await;
        let error = ClientError::from(result.unwrap_err());
        assert_eq!(error.hints(), ["apt install tmux"]);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "tmux is not installed");
    }

    #[tokio::test]
    async fn a_daemon_that_dies_silently_points_to_its_log() {
        let (result, log) = launch("echo oh >&2; exit 7").await;
        assert!(matches!(result, Err(LaunchError::Died { .. })));
        assert_eq!(log, "oh\n");
    }

    #[tokio::test]
    async fn a_program_that_is_gone_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let launcher = Launcher {
            exe: dir.path().join("gone"),
            ..launcher(dir.path(), "")
        };
        assert!(matches!(launcher.launch().await, Err(LaunchError::Spawn { .. })));
    }

    #[tokio::test]
    async fn a_running_daemon_is_used_and_none_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let announced = dir.path().join("announced");
        let _listener = tokio::net::UnixListener::bind(&announced).unwrap();
        let sockets = [dir.path().join("usual"), announced.clone()];
        let client = connect(&sockets, &launcher(dir.path(), "echo ready"))
            .await
            .unwrap();
        assert!(matches!(client.target(), Target::Unix(path) if *path == announced));
        assert!(!dir.path().join("daemon.log").exists());
    }
}
