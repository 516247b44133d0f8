use std::fmt::Write;

use clap::Args;
use llmux_protocol::api::{TranscriptPart, TranscriptTurn, TranscriptView};

use super::target;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::Out,
        table::plain,
    },
    client::{Stream, session_path},
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
    let mut client = context.client().await?;
    if args.follow {
        let stream = target::on(&mut client, &args.target, async |client, name| {
            client.stream(&session_path(name, "transcript/stream")).await
        })
        .await?;
        return follow(stream, args.json).await;
    }
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

/// Prints each turn as it comes. The stream is one of server-sent events.
async fn follow(mut stream: Stream, json: bool) -> Result<(), Failure> {
    let mut event = String::new();
    while let Some(line) = stream.line().await? {
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            event.clear();
        } else if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut event);
            match name {
                "reset" => say("another conversation"),
                "unsupported" => say("the agent keeps no conversations that llmux can read"),
                _ => {}
            }
        } else if let Some(data) = line.strip_prefix("data: ").filter(|_| event.is_empty()) {
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
