//! `llmux server reload` and `llmux server upgrade`: a running daemon that changes.

use llmux_protocol::api::DaemonStatus;
use rustix::process::{Pid, Signal, kill_process};

use super::install;
use crate::cli::{
    context::Context,
    failure::{Exit, Failure},
    out::Out,
};

/// Tells the daemon to read its configuration again.
pub(super) async fn reload(context: &Context) -> Result<(), Failure> {
    context.only_here("server reload")?;
    let status: DaemonStatus = context.running().await?.get("/api/daemon").await?;
    let pid = i32::try_from(status.pid).ok().and_then(Pid::from_raw);
    let told = pid.map(|pid| kill_process(pid, Signal::HUP));
    match told {
        Some(Ok(())) => Out::new()
            .line("told the daemon to read its configuration again; `llmux logs list` shows what changed"),
        Some(Err(error)) => Err(Failure::failed(format!(
            "cannot signal the daemon, pid {}: {error}",
            status.pid
        ))),
        None => Err(Failure::failed("the daemon's pid is none")),
    }
}

/// Puts this program in the place of the daemon that runs: no session, turn or queued prompt is lost, and clients wait.
pub(super) async fn upgrade(context: &Context) -> Result<(), Failure> {
    context.only_here("server upgrade")?;
    let mut out = Out::new();
    let before: DaemonStatus = match context.running().await {
        Ok(mut client) => client.get("/api/daemon").await?,
        Err(failure) if failure.kind() == Exit::Unavailable => {
            return out.line("no daemon runs; the next command starts one of this version");
        }
        Err(failure) => return Err(failure),
    };
    if before.background {
        context.replace_daemon().await?;
    } else if install::is_active() {
        install::restart()?;
    } else {
        return Err(Failure::failed(format!(
            "the daemon, pid {}, runs in a terminal, from which it can't be taken",
            before.pid
        ))
        .hint("in that terminal or another: llmux server start --replace, with the flags that it has"));
    }
    let after: DaemonStatus = context.running().await?.get("/api/daemon").await?;
    out.line(&format!(
        "upgraded from {}, pid {}, to {}, pid {}",
        before.version, before.pid, after.version, after.pid
    ))
}
