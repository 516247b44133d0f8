use clap::Args;
use llmux_protocol::api::{RestartRequest, SessionReply, SessionView, StopRequest, Stopped};

use super::start::report;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::Out,
        table::plain,
    },
    client::{Client, session_path},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session stop main --cascade")]
pub(crate) struct Stop {
    /// Exact names, or the single word `all`
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Also end the sessions it started, and theirs
    #[arg(long)]
    cascade: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session restart main review")]
pub(crate) struct Restart {
    /// Exact names, or the single word `all`
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Type no init prompts this time
    #[arg(long)]
    skip_init: bool,
}

pub(super) async fn stop(args: &Stop, context: &Context) -> Result<(), Failure> {
    if args.cascade && (args.names.len() > 1 || args.names[0] == "all") {
        return Err(Failure::usage("--cascade takes one session").hint("stop them one by one"));
    }
    let mut client = context.client().await?;
    let names = expand(&args.names, &mut client).await?;
    let request = StopRequest {
        cascade: args.cascade,
    };
    each("kill", &names, &mut client, async |client, name, out| {
        let stopped: Stopped = client.post(&session_path(name, "kill"), &request).await?;
        stopped
            .names
            .iter()
            .try_for_each(|name| out.line(&plain(&format!("killed {name}"))))
    })
    .await
}

pub(super) async fn restart(args: &Restart, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let names = expand(&args.names, &mut client).await?;
    let request = RestartRequest {
        skip_init: args.skip_init,
    };
    each("respawn", &names, &mut client, async |client, name, out| {
        let SessionReply { session, .. } = client.post(&session_path(name, "respawn"), &request).await?;
        report("respawned", &session, args.skip_init, out)
    })
    .await
}

async fn expand(names: &[String], client: &mut Client) -> Result<Vec<String>, Failure> {
    if names != ["all"] {
        return Ok(names.to_vec());
    }
    let sessions: Vec<SessionView> = client.get("/api/sessions").await?;
    Ok(sessions.into_iter().map(|session| session.name).collect())
}

/// Does one thing to each session in turn, going on after a failure.
async fn each(
    verb: &str,
    names: &[String],
    client: &mut Client,
    act: impl AsyncFn(&mut Client, &str, &mut Out) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut out = Out::new();
    if names.is_empty() {
        return out.line(&format!("no sessions to {verb}"));
    }
    let mut failed = 0;
    for name in names {
        match act(client, name, &mut out).await {
            Ok(()) => {}
            Err(failure) if names.len() == 1 || failure.is_pipe() => return Err(failure),
            Err(failure) => {
                say(&plain(&format!("{verb} {name} failed: {}", failure.message())));
                failed += 1;
            }
        }
    }
    match failed {
        0 => out.finish(),
        _ => Err(Failure::failed(format!(
            "{failed} of {} {verb} calls failed",
            names.len()
        ))),
    }
}
