//! `llmux logs`: what the daemon has logged.

use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum};
use llmux_protocol::api::{LogEntry, LogsView};

use super::{
    context::Context,
    failure::Failure,
    out::{self, Out},
    table::plain,
};
use crate::{client::Feed, store::time};

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
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<SystemTime>,
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

/// Prints until nobody reads, or the last daemon leaves.
async fn tail(args: &Tail, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let mut seen = Seen::default();
    if args.since.is_none() {
        let before: LogsView = client.get("/api/logs").await?;
        before.entries.iter().for_each(|entry| {
            seen.is_new(entry);
        });
    }
    // All that is kept: the next daemon has written some before anybody can ask it.
    let path = format!("/api/logs/stream?backlog={ALL}");
    let stream = client.stream_lasting(&path).await?;
    let mut feed = Feed::new(client, path, stream);
    let print = async {
        let mut out = Out::new();
        while let Some(entry) = next(&mut feed).await? {
            let is_late = args.since.is_none_or(|since| is_since(&entry, since));
            if !seen.is_new(&entry) || !is_late || !is_wanted(&entry, args.level) {
                continue;
            }
            if args.json {
                out.line(&serde_json::to_string(&entry).map_err(Failure::internal)?)?;
            } else {
                out.line(&line(&entry))?;
            }
        }
        out.finish()
    };
    out::while_read(print).await
}

/// The next line of a feed of server-sent events.
async fn next(feed: &mut Feed) -> Result<Option<LogEntry>, Failure> {
    while let Some(line) = feed.line().await? {
        if let Some(data) = line.strip_prefix(b"data: ")
            && let Ok(entry) = serde_json::from_slice(data)
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The last line that came: of which run of the daemon, and its number there.
#[derive(Default)]
struct Seen(Option<(String, u64)>);

impl Seen {
    /// Whether a line was not seen before; the lines of a run come in their order.
    fn is_new(&mut self, entry: &LogEntry) -> bool {
        let Some((run, number)) = entry.id.as_deref().and_then(|id| id.rsplit_once('-')) else {
            return true;
        };
        let Ok(number) = number.parse() else { return true };
        let is_seen = matches!(&self.0, Some((seen, last)) if *seen == run && *last >= number);
        if !is_seen {
            self.0 = Some((run.to_owned(), number));
        }
        !is_seen
    }
}

/// Reads a moment.
fn moment(text: &str) -> Result<SystemTime, String> {
    time::parse(text)
        .ok_or_else(|| "expected RFC 3339, such as 2026-01-31T12:00:00Z or 2026-01-31".to_owned())
}

/// Whether an entry was written at a moment or later; one that does not say when may have been.
fn is_since(entry: &LogEntry, since: SystemTime) -> bool {
    time::parse(&entry.ts).is_none_or(|at| at >= since)
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
    fn a_line_that_comes_again_is_known_and_the_next_run_counts_anew() {
        let entry = |id: &str| LogEntry {
            id: Some(id.to_owned()),
            ts: String::new(),
            level: String::new(),
            text: String::new(),
        };
        let mut seen = Seen::default();
        let new = ["a-7", "a-8", "a-7", "a-8", "a-10", "b-1", "b-1", "b-2"].map(|id| seen.is_new(&entry(id)));
        assert_eq!(new, [true, true, false, false, true, true, false, true]);
    }

    #[test]
    fn a_moment_is_compared_as_one_and_anything_else_is_refused() {
        let entry = LogEntry {
            id: None,
            ts: "2026-01-31T12:00:00.500Z".to_owned(),
            level: String::new(),
            text: String::new(),
        };
        for (since, is_late) in [
            ("2026-01-31T12:00:00Z", true),
            ("2026-01-31", true),
            ("2026-01-31T13:30:00+02:00", true),
            ("2026-01-31T12:00:01Z", false),
        ] {
            assert_eq!(is_since(&entry, moment(since).unwrap()), is_late, "{since}");
        }
        for text in ["yesterday", "2020-13-45", "", "12:00:00"] {
            assert!(moment(text).unwrap_err().contains("RFC 3339"), "{text}");
        }
    }

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
