//! How one daemon follows another: it waits for the one that leaves, and takes over from the one that serves.

use std::{
    fmt::Display,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use llmux_protocol::api::{DaemonStatus, Handover};
use tokio::time::{sleep, timeout};

use super::DaemonError;
use crate::{
    client::{Client, ClientError},
    server::listen::{self, Sockets},
    store::{
        StateDir,
        file::{self, Lock},
    },
};

/// How often a daemon that is not the only one looks whether the other one serves.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a predecessor may take to leave.
const SUCCESSION: Duration = Duration::from_secs(15);

/// What became of the daemon that had the state directory first.
pub(super) enum Other {
    /// It is none, or has left.
    Gone(Lock),
    /// It serves.
    Serves { client: Client, socket: PathBuf },
}

/// Waits until the daemon that holds the lock, if any does, serves or has left: it may have just begun, or be about
/// to leave.
pub(super) async fn settle(state: &StateDir, sockets: &[PathBuf]) -> Result<Other, DaemonError> {
    let deadline = Instant::now() + SUCCESSION;
    loop {
        if let Some(lock) = file::try_lock(&state.daemon())? {
            return Ok(Other::Gone(lock));
        }
        for socket in sockets {
            if let Ok(client) = Client::connect(socket).await {
                return Ok(Other::Serves {
                    client,
                    socket: socket.clone(),
                });
            }
        }
        if Instant::now() >= deadline {
            let place = sockets.first().cloned();
            return Err(DaemonError::Deaf(place.unwrap_or_else(|| state.door())));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// What the daemon that serves says of itself; it may be taken over.
///
/// # Errors
/// A person runs it in a terminal, and nobody said that it may be replaced.
pub(super) async fn may_take_over(from: &mut Client, replace: bool) -> Result<DaemonStatus, DaemonError> {
    let status: DaemonStatus = from.get("/api/daemon").await.map_err(failed)?;
    if status.background || replace {
        Ok(status)
    } else {
        Err(DaemonError::Foreground(status.pid))
    }
}

/// Asks the daemon that serves for its sockets and waits until it is gone. Whoever connects meanwhile waits in
/// a socket's backlog and is served by us.
pub(super) async fn take_over(
    state: &StateDir,
    mut from: Client,
    socket: &Path,
) -> Result<(Sockets, Lock), DaemonError> {
    let dir = tempfile::tempdir_in(socket.parent().unwrap_or(Path::new("/")))?;
    let meeting = dir.path().join("s");
    let waiting = UnixListener::bind(&meeting)?;
    let asked = Handover {
        socket: meeting.to_string_lossy().into_owned(),
    };
    let taking = tokio::task::spawn_blocking(move || listen::take(&waiting));
    let answer: Result<serde_json::Value, ClientError> = from.post("/api/daemon/handover", &asked).await;
    answer.map_err(failed)?;
    let sockets = taking.await.map_err(failed)??;
    let lock_path = state.daemon();
    let locking = tokio::task::spawn_blocking(move || file::lock(&lock_path));
    match timeout(SUCCESSION, locking).await {
        Ok(Ok(lock)) => Ok((sockets, lock?)),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(failed("it gave its socket away but does not leave")),
    }
}

fn failed(error: impl Display) -> DaemonError {
    DaemonError::Takeover(error.to_string())
}
