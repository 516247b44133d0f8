//! `llmux logs`: what the daemon has logged.

use clap::{Args, Subcommand};
use llmux_protocol::api::{LogEntry, LogsView};

use super::{context::Context, failure::Failure, out::Out, table::plain};
use crate::client::Stream;

/// How many lines the daemon keeps at most.
const ALL: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the last lines of the daemon's log
    #[command(visible_alias = "show")]
    List(List),
    /// Print the daemon's log as it is written
    Tail(Tail),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux logs list --limit 50")]
pub(super) struct List {
    /// Only so many, the newest
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux logs tail --since 2026-01-31T12:00:00Z")]
pub(super) struct Tail {
    /// Also the lines from before, since this moment (RFC 3339, UTC)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(&args, &context).await,
        Verb::Tail(args) => tail(&args, &context).await,
    }
}

async fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let mut logs: LogsView = context.client().await?.get("/api/logs").await?;
    let surplus = logs.entries.len().saturating_sub(args.limit.unwrap_or(ALL));
    logs.entries.drain(..surplus);
    let mut out = Out::new();
    if args.json {
        out.json(&logs.entries)?;
    } else {
        logs.entries.iter().try_for_each(|entry| out.line(&line(entry)))?;
    }
    out.finish()
}

/// Prints until nobody reads, or the daemon leaves.
async fn tail(args: &Tail, context: &Context) -> Result<(), Failure> {
    let backlog = if args.since.is_some() { ALL } else { 0 };
    let mut client = context.client().await?;
    let mut stream = client
        .stream(&format!("/api/logs/stream?backlog={backlog}"))
        .await?;
    let mut out = Out::new();
    while let Some(entry) = next(&mut stream).await? {
        // Both are UTC and of one form, in which later is greater.
        if args.since.as_ref().is_none_or(|since| entry.ts >= *since) {
            out.line(&line(&entry))?;
        }
    }
    out.finish()
}

/// The next line of a stream of server-sent events.
async fn next(stream: &mut Stream) -> Result<Option<LogEntry>, Failure> {
    while let Some(line) = stream.line().await? {
        if let Some(data) = line.strip_prefix(b"data: ")
            && let Ok(entry) = serde_json::from_slice(data)
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn line(entry: &LogEntry) -> String {
    plain(&format!(
        "{}  {:<5}  {}",
        entry.ts,
        entry.level.to_uppercase(),
        entry.text
    ))
}
