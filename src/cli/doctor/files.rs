//! Files that outlive the daemon: whether they can be read, and by nobody else.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{because, finding::Findings};
use crate::{
    cli::context::Context,
    client::Credentials,
    store::{Registry, StateDir, corrupt_journal_notice, corrupt_registry_notice, examine},
};

const AREA: &str = "files";

pub(super) fn look(context: &Context, state: Option<&StateDir>, findings: &mut Findings) {
    let users = context.env.xdg("XDG_DATA_HOME", ".local/share").join("llmux/v2");
    let own = context.env.home().join(".config/llmux");
    let mut secret = ["users.json", "tokens.json", "setup-token"]
        .map(|name| users.join(name))
        .to_vec();
    secret.extend([own.join("credentials.json"), context.env.dotenv_path()]);
    if let Some(state) = state {
        sessions(state, findings);
        turns(state, findings);
        list(&state.path().join("auth.json"), findings);
        devices(state, findings);
        let (_, key) = state.certificate();
        secret.extend([
            state.sessions(),
            state.turns(),
            state.daemon_log(),
            state.devices(),
            key,
        ]);
        secret.extend(["auth.json", "audit.jsonl", "push.key"].map(|name| state.path().join(name)));
    }
    for name in ["users.json", "tokens.json"] {
        list(&users.join(name), findings);
    }
    if let Err(error) = Credentials::load(&context.env) {
        let fix = error
            .hint()
            .unwrap_or_else(|| "make it readable, or move it away".to_owned());
        findings.error(AREA, because(&error), fix);
    }
    modes(&secret, findings);
}

fn sessions(state: &StateDir, findings: &mut Findings) {
    let path = state.sessions();
    let shown = path.display();
    match Registry::new(path.clone()).examine() {
        Ok(None) => {}
        Ok(Some(read)) => {
            findings.ok(AREA, format!("{shown}: {} sessions", read.records.len()));
            for name in read.unreadable {
                let said = format!("{shown}: the record of {name:?} can't be read; the session is left out");
                findings.warn(AREA, said, "correct the record, or remove it");
            }
        }
        Err(why) => findings.error(
            AREA,
            format!("{shown}: {why}"),
            "correct it, or move it away; running sessions are found again without it",
        ),
    }
    for aside in state.set_aside() {
        findings.warn(
            AREA,
            corrupt_registry_notice(&aside),
            format!("rm {}", aside.display()),
        );
    }
}

fn turns(state: &StateDir, findings: &mut Findings) {
    let path = state.turns();
    match examine::turns(&path) {
        Ok(None) => {}
        Ok(Some(turns)) => findings.ok(AREA, format!("{}: {turns} turns", path.display())),
        Err(why) => findings.error(
            AREA,
            format!("{}: {why}", path.display()),
            "restart the daemon: it keeps the file as .corrupt-<time> and begins a new one",
        ),
    }
    for aside in state.turns_set_aside() {
        let fix = format!("rm {}", aside.display());
        findings.warn(AREA, corrupt_journal_notice(&aside), fix);
    }
}

fn devices(state: &StateDir, findings: &mut Findings) {
    let path = state.devices();
    if let Err(why) = examine::json(&path) {
        findings.error(
            AREA,
            format!("{}: {why}; no device is told anything", path.display()),
            "restart the daemon: it keeps the file as .corrupt-<time>, and devices subscribe again",
        );
    }
    for (aside, notice) in state.push_notices() {
        findings.warn(AREA, notice, format!("rm {}", aside.display()));
    }
}

fn list(path: &Path, findings: &mut Findings) {
    match examine::json(path) {
        Ok(None) => {}
        Ok(Some(entries)) => findings.ok(AREA, format!("{}: {entries} entries", path.display())),
        Err(why) => findings.error(
            AREA,
            format!("{}: {why}; whoever needs it is refused", path.display()),
            "correct it, or restore it from a backup",
        ),
    }
}

/// What is in these files is nobody else's.
fn modes(files: &[PathBuf], findings: &mut Findings) {
    let uid = rustix::process::geteuid().as_raw();
    for path in files {
        let Ok(found) = fs::metadata(path) else { continue };
        let shown = path.display();
        if found.is_dir() {
            let said = format!("{shown} is a directory, where llmux has a file");
            findings.error(AREA, said, format!("move it away: mv {shown} {shown}.away"));
        } else if found.uid() != uid {
            let said = format!("{shown} belongs to user {}", found.uid());
            findings.warn(
                AREA,
                said,
                format!("chown it to yourself, with root's help: {shown}"),
            );
        } else if found.mode() & 0o077 != 0 {
            let said = format!(
                "others can read or write {shown} (mode {:o})",
                found.mode() & 0o777
            );
            findings.warn(AREA, said, format!("chmod 600 {shown}"));
        }
    }
}
