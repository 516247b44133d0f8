use std::{collections::BTreeMap, sync::Arc};

use clap::Args;
use llmux_protocol::api::{RestartRequest, SessionReply, SessionView, StopRequest, Stopped};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Mutex, mpsc};

use super::start::report;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::{Client, session_path},
};

/// How many sessions are asked at a time.
const LANES: usize = 8;

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
    let request = StopRequest {
        cascade: args.cascade,
    };
    let report = |stopped: Stopped, out: &mut Out| {
        stopped
            .names
            .iter()
            .try_for_each(|name| out.line(&plain(&format!("killed {name}"))))
    };
    each("kill", &args.names, context, request, report).await
}

pub(super) async fn restart(args: &Restart, context: &Context) -> Result<(), Failure> {
    let request = RestartRequest {
        skip_init: args.skip_init,
    };
    let report =
        |reply: SessionReply, out: &mut Out| report("respawned", &reply.session, args.skip_init, out);
    each("respawn", &args.names, context, request, report).await
}

async fn expand(names: &[String], client: &mut Client) -> Result<Vec<String>, Failure> {
    if names != ["all"] {
        return Ok(names.to_vec());
    }
    let sessions: Vec<SessionView> = client.get("/api/sessions").await?;
    Ok(sessions.into_iter().map(|session| session.name).collect())
}

/// Asks one thing of each session, some at a time: an agent may take seconds to leave. Goes on after a failure.
async fn each<T: DeserializeOwned + Send + 'static>(
    verb: &'static str,
    names: &[String],
    context: &Context,
    request: impl Serialize + Send + Sync + 'static,
    report: impl Fn(T, &mut Out) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let names = expand(names, &mut client).await?;
    let mut out = Out::new();
    if names.is_empty() {
        return out.line(&format!("no sessions to {verb}"));
    }
    let (count, mut failed) = (names.len(), 0);
    let mut replies = post_each(verb, names, client, context, Arc::new(request)).await?;
    // Told in the order that was asked for.
    let (mut early, mut next) = (BTreeMap::new(), 0);
    while next < count {
        let Some((name, reply)) = early.remove(&next) else {
            let Some((place, name, reply)) = replies.recv().await else {
                break;
            };
            early.insert(place, (name, reply));
            continue;
        };
        next += 1;
        match reply.and_then(|reply| report(reply, &mut out)) {
            Ok(()) => {}
            Err(failure) if count == 1 || failure.is_pipe() => return Err(failure),
            Err(failure) => {
                failure.about(&format!("{verb} {name} failed")).report();
                failed += 1;
            }
        }
    }
    match failed {
        0 => out.finish(),
        _ => Err(Failure::failed(format!(
            "{failed} of {count} {verb} calls failed"
        ))),
    }
}

/// The place of a session among those asked for, its name, and what was answered.
type Answered<T> = (usize, String, Result<T, Failure>);

/// Posts to each session in a few lanes, each with a connection of its own; the answers come as they are given.
async fn post_each<T: DeserializeOwned + Send + 'static>(
    verb: &'static str,
    names: Vec<String>,
    first: Client,
    context: &Context,
    request: Arc<impl Serialize + Send + Sync + 'static>,
) -> Result<mpsc::Receiver<Answered<T>>, Failure> {
    let (replies, received) = mpsc::channel(LANES);
    let mut clients = vec![first];
    for _ in 1..LANES.min(names.len()) {
        clients.push(context.client().await?);
    }
    let names = Arc::new(Mutex::new(names.into_iter().enumerate()));
    for mut client in clients {
        let (names, replies, request) = (names.clone(), replies.clone(), request.clone());
        tokio::spawn(async move {
            loop {
                let Some((place, name)) = names.lock().await.next() else {
                    return;
                };
                let reply = client.post(&session_path(&name, verb), &*request).await;
                if replies
                    .send((place, name, reply.map_err(Failure::from)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
    }
    Ok(received)
}
