use std::{
    collections::HashSet,
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
};

use clap::Args;
use llmux_protocol::api::{TranscriptPart, TranscriptTurn, TranscriptView};

use super::target;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::{self, Out},
        table::plain,
    },
    client::{Feed, session_path},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session transcript main --follow")]
pub(crate) struct Transcript {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Print JSON; with --follow, a line for each turn
    #[arg(long)]
    json: bool,
    /// Go on with what is said from now on, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run(args: &Transcript, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    if args.follow {
        let feed = target::follow(client, &args.target, "transcript/stream").await?;
        return out::while_read(follow(feed, args.json)).await;
    }
    let mut client = client;
    let found: TranscriptView = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, "transcript")).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&found)?;
    } else {
        if !found.supported {
            say("the agent keeps no conversations that llmux can read");
        } else if found.path.is_none() {
            say("the session's conversation is not known, or nothing was said yet");
        } else if found.truncated {
            say("only the last turns");
        }
        found.turns.iter().try_for_each(|turn| out.text(&shown(turn)))?;
    }
    out.finish()
}

/// Prints each turn as it comes. The feed is one of server-sent events.
async fn follow(mut feed: Feed, json: bool) -> Result<(), Failure> {
    let mut event = String::new();
    let mut told = Told::default();
    while let Some(line) = feed.line().await? {
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            event.clear();
        } else if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
            match name {
                "reset" => {
                    told = Told::default();
                    say("another conversation");
                }
                "unsupported" => say("the agent keeps no conversations that llmux can read"),
                _ => {}
            }
        } else if let Some(data) = line
            .strip_prefix("data: ")
            .filter(|data| event.is_empty() && told.is_new(data))
        {
            let mut out = Out::new();
            if json {
                out.line(data)?;
            } else if let Ok(turn) = serde_json::from_str::<TranscriptTurn>(data) {
                out.text(&shown(&turn))?;
            }
            out.finish()?;
        }
    }
    Ok(())
}

/// The turns that were told of a conversation: the next daemon tells the last ones again. An agent may write a turn again,
/// when it knows more of it, so the whole of each counts, by its hash.
#[derive(Default)]
struct Told(HashSet<u64>);

impl Told {
    fn is_new(&mut self, turn: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        turn.hash(&mut hasher);
        self.0.insert(hasher.finish())
    }
}

/// A turn for a person.
fn shown(turn: &TranscriptTurn) -> String {
    let mut text = match &turn.ts {
        Some(at) => format!("── {} {}\n", turn.role, plain(at)),
        None => format!("── {}\n", turn.role),
    };
    for part in &turn.parts {
        let shown = match part {
            TranscriptPart::ToolUse { name, input, .. } => format!("{name} {input}"),
            TranscriptPart::ToolResult {
                text, is_error: true, ..
            } => format!("failed: {text}"),
            TranscriptPart::Text { text } | TranscriptPart::ToolResult { text, .. } => text.clone(),
        };
        for line in shown.lines() {
            let _ = writeln!(text, "{}", plain(line));
        }
    }
    text
}
