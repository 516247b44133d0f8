//! Directories and sockets: whether they are there, ours, and ours alone.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::fs::{Access, access, statvfs};

use super::{because, finding::Findings};
use crate::{
    cli::context::Context,
    store::{StateDir, check_runtime_dir, runtime_dir},
};

const STATE: &str = "state";
const SOCKET: &str = "socket";
const CLOCK: &str = "clock";

/// With less free space than this, in bytes, the journal will soon refuse prompts.
const LITTLE_SPACE: u64 = 100 << 20;
/// When this was written, in seconds since 1970: an earlier clock is wrong.
const WRITTEN: Duration = Duration::from_secs(1_795_000_000);
/// How far a file's time may be ahead, as on a file server.
const AHEAD: Duration = Duration::from_mins(5);

/// Looks at the places, and says where the state is, if there is any.
pub(super) fn look(context: &Context, findings: &mut Findings) -> Option<StateDir> {
    let state = StateDir::find(&context.env);
    match &state {
        Some(state) => state_dir(state.path(), findings),
        None => no_state(&StateDir::place(&context.env), findings),
    }
    sockets(context, state.as_ref(), findings);
    clock(state.as_ref(), findings);
    state
}

fn state_dir(path: &Path, findings: &mut Findings) {
    let shown = path.display();
    let Ok(found) = fs::metadata(path) else { return };
    if !found.is_dir() {
        let fix = format!("move {shown} away, or set XDG_STATE_HOME to another directory");
        return findings.error(STATE, format!("{shown} is no directory"), fix);
    }
    if access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let fix = format!("chown and chmod 700 {shown}, or set XDG_STATE_HOME to another directory");
        return findings.error(STATE, format!("{shown} can't be written to"), fix);
    }
    if found.mode() & 0o022 != 0 {
        let said = format!("others can write to {shown}, and so make agents start what they want");
        findings.error(STATE, said, format!("chmod 700 {shown}"));
    } else {
        findings.ok(STATE, shown.to_string());
    }
    if let Ok(disk) = statvfs(path)
        && disk.f_bavail.saturating_mul(disk.f_frsize) < LITTLE_SPACE
    {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
        let said =
            format!("only {free} MiB are free in {shown}; prompts that can't be written down are refused");
        findings.warn(STATE, said, "free some space");
    }
}

fn no_state(path: &Path, findings: &mut Findings) {
    let mut above = path.ancestors().skip(1);
    let existing = above.find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    if existing.is_dir() && access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        return findings.note(STATE, format!("{} is not there yet", path.display()));
    }
    let said = format!("{} can't be made in {}", path.display(), existing.display());
    findings.error(
        STATE,
        said,
        "set HOME or XDG_STATE_HOME to a directory that you can write to",
    );
}

fn sockets(context: &Context, state: Option<&StateDir>, findings: &mut Findings) {
    let dir = runtime_dir(&context.env);
    if context.env.os("LLMUX_SOCKET").is_none() && dir.symlink_metadata().is_ok() {
        match check_runtime_dir(&dir) {
            Ok(()) => findings.ok(SOCKET, format!("{} is yours alone", dir.display())),
            Err(error) => findings.error(SOCKET, because(&error), error.hint()),
        }
    }
    for socket in state.map(|state| context.places(state)).unwrap_or_default() {
        let Ok(found) = fs::metadata(&socket) else {
            continue;
        };
        if found.mode() & 0o077 != 0 {
            let said = format!("others have access to {}", socket.display());
            findings.error(SOCKET, said, format!("chmod 600 {}", socket.display()));
        }
    }
}

/// A clock that is wrong ends tokens too early or too late, and makes certificates invalid.
fn clock(state: Option<&StateDir>, findings: &mut Findings) {
    let now = SystemTime::now();
    if now < SystemTime::UNIX_EPOCH + WRITTEN {
        return findings.error(
            CLOCK,
            "it is before the time at which this llmux was made",
            "set the clock",
        );
    }
    let entries = state.and_then(|state| fs::read_dir(state.path()).ok());
    let ahead = entries.into_iter().flatten().flatten().find(|entry| {
        let written = entry.metadata().and_then(|found| found.modified());
        written.is_ok_and(|at| at.duration_since(now).is_ok_and(|ahead| ahead > AHEAD))
    });
    match ahead {
        Some(entry) => findings.warn(
            CLOCK,
            format!("{} was written in the future", entry.path().display()),
            "set the clock; tokens may end at the wrong time until then",
        ),
        None => findings.ok(CLOCK, "no file is from the future"),
    }
}
