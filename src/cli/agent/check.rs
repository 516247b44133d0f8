use std::path::PathBuf;

use clap::Args;
use llmux_protocol::api::{
    ActivityState, AgentView, Explanation, SessionReply, StartRequest, StopRequest, Stopped, Until,
    WaitOutcome, WaitRequest,
};
use serde_json::json;

use super::catalog;
use crate::{
    cli::{
        context::Context,
        failure::{Exit, Failure, tell},
        out::Out,
        session::{cwd, explained},
        signal::Signals,
        table::plain,
    },
    client::{Client, session_path},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux agent check claude\n\nIt starts the agent in a session of its own, waits until it is ready or asks something, says what was recognised, and stops it."
)]
pub(crate) struct Check {
    /// The agent's key
    #[arg(value_name = "AGENT")]
    agent: String,
    /// The working directory (default: the present one)
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// How long it may take to come up
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::cli::duration::parse)]
    timeout: std::time::Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Check, context: &Context) -> Result<(), Failure> {
    let cwd = cwd(args.cwd.as_deref(), context)?;
    let mut client = context.client().await?;
    let agents: Vec<AgentView> = client.get("/api/agents/all").await?;
    let Some(agent) = agents.iter().find(|agent| agent.key == args.agent) else {
        return Err(catalog::unknown(
            &args.agent,
            agents.iter().map(|agent| agent.key.as_str()),
        ));
    };
    if !agent.installed {
        return Err(
            Failure::failed(format!("{} is not installed", agent.display_name))
                .hint(format!("install it: {}", agent.install_hint)),
        );
    }
    let name = format!("check-{}-{}", agent.key, std::process::id());
    let request = StartRequest {
        agent: agent.key.clone(),
        name: Some(name.clone()),
        cwd,
        skip_init: true,
        ..StartRequest::default()
    };
    let mut signals = Signals::listen()?;
    let _: SessionReply = client.post("/api/sessions", &request).await?;
    let seen = tokio::select! {
        seen = see(args, &name, &mut client) => seen,
        exit = signals.next() => Err(Failure::new(exit, "the check was interrupted")),
    };
    // Whatever was seen: nothing is left behind.
    let stop = StopRequest { cascade: true };
    let mut client = context.client().await?;
    let stopped: Result<Stopped, _> = client.post(&session_path(&name, "kill"), &stop).await;
    let (ready, seen) = seen?;
    if let Err(error) = stopped {
        tell(&plain(&format!("session {name} could not be stopped: {error}")));
    }
    report(args, ready, &seen)
}

/// Waits for the agent to come up, at most as long as it may; says whether it is ready, and all that was seen.
async fn see(args: &Check, name: &str, client: &mut Client) -> Result<(bool, Explanation), Failure> {
    let request = WaitRequest {
        until: Until::Ready,
        timeout_ms: Some(crate::cli::duration::millis(args.timeout)),
    };
    let waited: Result<WaitOutcome, _> = client.post(&session_path(name, "wait"), &request).await;
    let seen = client.get(&session_path(name, "explain")).await?;
    Ok((waited.is_ok(), seen))
}

fn report(args: &Check, ready: bool, seen: &Explanation) -> Result<(), Failure> {
    let mut out = Out::new();
    if args.json {
        out.json(&json!({"agent": args.agent, "ready": ready, "seen": seen}))?;
    } else {
        out.text(&explained(seen))?;
    }
    out.finish()?;
    match seen.activity.state {
        _ if ready => Ok(()),
        ActivityState::Blocked => Err(Failure::new(
            Exit::Blocked,
            format!("{} asks something before it takes a prompt", args.agent),
        )
        .hint("run it once by hand, and answer it there")),
        _ => Err(
            Failure::new(Exit::TimedOut, format!("{} did not become ready", args.agent))
                .hint("if it looks ready to you, its rules are wrong: see agents.d in the README"),
        ),
    }
}
