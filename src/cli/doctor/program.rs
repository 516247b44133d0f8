//! The programs that llmux runs: tmux and the agents.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::{because, finding::Findings};
use crate::{
    agent::ProgramSearch,
    cli::{agent::catalog, context::Context},
    config::Config,
    tmux::{self, Socket},
};

const TMUX: &str = "tmux";
const AGENTS: &str = "agents";

/// What tmux asks of the directory of its sockets: others have no access.
const OTHERS: u32 = 0o007;

pub(super) async fn tmux(context: &Context, findings: &mut Findings) {
    match tmux::installed().await {
        Ok(version) => {
            findings.ok(TMUX, format!("{version} is installed"));
            for fault in version.known_faults() {
                findings.note(TMUX, fault);
            }
        }
        Err(error) => findings.error(TMUX, because(&error), error.hint()),
    }
    if !matches!(context.tmux_socket(), Socket::Path(_)) {
        sockets(context, findings);
    }
}

/// tmux itself refuses a directory that is not its user's.
fn sockets(context: &Context, findings: &mut Findings) {
    let uid = rustix::process::geteuid().as_raw();
    let parent = context.env.os("TMUX_TMPDIR").unwrap_or("/tmp".as_ref());
    let dir = Path::new(parent).join(format!("tmux-{uid}"));
    let Ok(found) = fs::metadata(&dir) else { return };
    let shown = dir.display();
    if found.uid() != uid {
        let fix = format!("remove {shown}, or set TMUX_TMPDIR to a directory of yours");
        findings.error(TMUX, format!("{shown} belongs to user {}", found.uid()), fix);
    } else if found.mode() & OTHERS != 0 {
        let said = format!("others have access to {shown}; tmux refuses to use it");
        findings.error(TMUX, said, format!("chmod 700 {shown}"));
    }
}

pub(super) fn agents(context: &Context, config: &Config, findings: &mut Findings) {
    let catalog = match catalog::of(config, context) {
        Ok(catalog) => catalog,
        Err(failure) => return findings.error(AGENTS, failure.message(), "correct the configuration file"),
    };
    for warning in catalog.warnings() {
        findings.warn(AGENTS, warning, "correct the file, or move it away");
    }
    let search = ProgramSearch::new(&context.env);
    let real = catalog.all().filter(|agent| agent.builtin.is_none());
    let (installed, absent): (Vec<_>, Vec<_>) =
        real.partition(|agent| agent.installed(&search, &context.env));
    let keys: Vec<_> = installed.iter().map(|agent| agent.key.as_str()).collect();
    match absent.first() {
        Some(agent) if keys.is_empty() => findings.warn(
            AGENTS,
            "none is installed, or none is on PATH",
            format!(
                "for example: {}; `llmux agent list --all` shows all",
                agent.install_hint
            ),
        ),
        _ => findings.ok(AGENTS, format!("installed: {}", keys.join(", "))),
    }
    if context.env.os("PATH").is_none() {
        findings.error(
            AGENTS,
            "PATH is not set",
            "set PATH; no program is found without it",
        );
    }
}
