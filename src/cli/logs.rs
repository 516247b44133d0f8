//! `llmux logs`: what the daemon has logged.

use clap::{Args, Subcommand, ValueEnum};
use llmux_protocol::api::{LogEntry, LogsView};

use super::{context::Context, failure::Failure, out::Out, table::plain};
use crate::client::Stream;

/// How many lines the daemon keeps at most.
const ALL: usize = 500;
/// How many are shown if nobody says.
const USUAL: usize = 200;

/// The levels, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the last lines of the daemon's log
    #[command(visible_alias = "show")]
    List(List),
    /// Print the daemon's log as it is written
    Tail(Tail),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux logs list --limit 50 --level warn")]
pub(super) struct List {
    /// Only so many, the newest; the daemon keeps 500
    #[arg(long, value_name = "N", default_value_t = USUAL)]
    limit: usize,
    /// Only what is as bad as this, or worse
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<Level>,
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
    /// Only what is as bad as this, or worse
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<Level>,
    /// Print JSON, one line for each
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(&args, &context).await,
        Verb::Tail(args) => tail(&args, &context).await,
    }
}

async fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let mut logs: LogsView = context.client().await?.get("/api/logs").await?;
    logs.entries.retain(|entry| is_wanted(entry, args.level));
    let surplus = logs.entries.len().saturating_sub(args.limit);
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
        let is_late = args.since.as_ref().is_none_or(|since| entry.ts >= *since);
        if !is_late || !is_wanted(&entry, args.level) {
            continue;
        }
        if args.json {
            out.line(&serde_json::to_string(&entry).map_err(Failure::internal)?)?;
        } else {
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

/// Whether an entry is as bad as `least`, or worse.
fn is_wanted(entry: &LogEntry, least: Option<Level>) -> bool {
    let level = Level::from_str(&entry.level, true);
    least.is_none_or(|least| level.is_ok_and(|level| level <= least))
}

fn line(entry: &LogEntry) -> String {
    plain(&format!(
        "{}  {:<5}  {}",
        entry.ts,
        entry.level.to_uppercase(),
        entry.text
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_shows_what_is_as_bad_or_worse() {
        let entry = |level: &str| LogEntry {
            id: None,
            ts: String::new(),
            level: level.to_owned(),
            text: String::new(),
        };
        let shown = |least| ["error", "warn", "info"].map(|level| is_wanted(&entry(level), least));
        assert_eq!(shown(None), [true, true, true]);
        assert_eq!(shown(Some(Level::Info)), [true, true, true]);
        assert_eq!(shown(Some(Level::Warn)), [true, true, false]);
        assert_eq!(shown(Some(Level::Error)), [true, false, false]);
    }
}
