//! `llmux server reload` and `llmux server upgrade`: a running daemon that changes.

use llmux_protocol::api::{DaemonStatus, ReloadReply};
use serde_json::json;

use super::install;
use crate::cli::{
    context::Context,
    failure::{Exit, Failure, say},
    out::Out,
    table::plain,
};

/// Has the daemon read its configuration again, and says what became of it.
pub(super) async fn reload(context: &Context) -> Result<(), Failure> {
    context.only_here("server reload")?;
    let asked = context
        .running()
        .await?
        .post("/api/daemon/reload", &json!({}))
        .await;
    let reply: ReloadReply = asked
        .map_err(|error| Failure::from(error).about("the configuration as it was is still in effect"))?;
    for warning in &reply.warnings {
        say(&plain(warning));
    }
    let mut out = Out::new();
    if reply.changed.is_empty() {
        return out.line("in effect; nothing has changed since it was read last");
    }
    out.line(&format!("in effect; changed: {}", reply.changed.join(", ")))
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
