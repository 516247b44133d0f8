use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use llmux_protocol::api::{BroadcastReply, BroadcastRequest, SendRequest, Sent};

use super::target;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::Out,
        table::plain,
    },
    client::session_path,
};

/// The longest prompt, in bytes, as the daemon has it.
const MAX_PROMPT_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux session prompt main \"what does src/main.rs do?\"\n  llmux session prompt main -- \"$reply\"\n  git diff | llmux session prompt main -"
)]
pub(crate) struct Prompt {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    text: Text,
    /// Leave the text in the composer without pressing Enter
    #[arg(long)]
    no_enter: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session broadcast claude \"stop and commit\"")]
pub(crate) struct Broadcast {
    /// The agent's key
    #[arg(value_name = "AGENT")]
    agent: String,
    #[command(flatten)]
    text: Text,
}

#[derive(Debug, Args)]
struct Text {
    /// The prompt, words joined by one space; put `--` before text that may begin with a dash. `-`, or no text and piped input, reads standard input
    #[arg(value_name = "TEXT")]
    words: Vec<String>,
    /// Read the prompt from a file
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    file: Option<PathBuf>,
}

pub(super) async fn prompt(args: &Prompt, context: &Context) -> Result<(), Failure> {
    let request = SendRequest {
        prompt: args.text.read(context)?,
        enter: !args.no_enter,
    };
    let mut client = context.client().await?;
    let sent: Sent = target::on(&mut client, &args.target, async |client, name| {
        client.post(&session_path(name, "send"), &request).await
    })
    .await?;
    let no_enter = if sent.enter { "" } else { " (no-enter)" };
    Out::new().line(&plain(&format!(
        "sent {} bytes → {}{no_enter}",
        sent.bytes, sent.name
    )))
}

pub(super) async fn broadcast(args: &Broadcast, context: &Context) -> Result<(), Failure> {
    let request = BroadcastRequest {
        agent: args.agent.clone(),
        prompt: args.text.read(context)?,
    };
    let reply: BroadcastReply = context.client().await?.post("/api/broadcast", &request).await?;
    let mut out = Out::new();
    if reply.sent.is_empty() && reply.failed.is_empty() {
        return out.line(&plain(&format!("no {} sessions running", args.agent)));
    }
    reply
        .sent
        .iter()
        .try_for_each(|name| out.line(&plain(&format!("sent → {name}"))))?;
    for (name, why) in &reply.failed {
        say(&plain(&format!("send to {name} failed: {why}")));
    }
    out.line(&plain(&format!(
        "broadcast to {}/{} {} sessions",
        reply.sent.len(),
        reply.total,
        args.agent
    )))?;
    match reply.failed.len() {
        0 => out.finish(),
        failed => Err(Failure::failed(format!(
            "{failed} sessions did not take the prompt"
        ))),
    }
}

impl Text {
    fn read(&self, context: &Context) -> Result<String, Failure> {
        if let Some(file) = &self.file {
            let path = context.env.resolve(file);
            let source = path.display().to_string();
            let file = open(&path).map_err(|e| unreadable(&source, &e))?;
            return text_of(file, &source);
        }
        let piped = || !io::stdin().is_terminal();
        match &self.words[..] {
            [dash] if dash == "-" => text_of(io::stdin().lock(), "standard input"),
            [] if piped() => text_of(io::stdin().lock(), "standard input"),
            [] => Err(Failure::usage("no prompt").hint("give it as words, with --file FILE, or pipe it in")),
            words => Ok(words.join(" ")),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Ok(file)
    }
}

/// Reads a prompt; the line end that ends a text file or a pipe's output is not part of it.
fn text_of(reader: impl Read, source: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_PROMPT_BYTES + 2;
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(source, &e))?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let cut = e.utf8_error().error_len().is_none() && e.as_bytes().len() as u64 == limit;
        if cut {
            too_large(source)
        } else {
            Failure::failed(format!("{source} is not UTF-8 text")).hint("a prompt is text; save it as UTF-8")
        }
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match text.len() as u64 {
        0 => Err(Failure::failed(format!("{source} is empty; nothing was sent"))
            .hint("give the prompt as words, with --file FILE, or pipe it in")),
        1..=MAX_PROMPT_BYTES => Ok(text),
        _ => Err(too_large(source)),
    }
}

fn unreadable(source: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {source}: {error}")).hint("--file takes the name of a text file")
}

fn too_large(source: &str) -> Failure {
    Failure::failed(format!("{source} is longer than 1 MiB, the longest prompt"))
        .hint("put it into a file and tell the agent to read that")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<String, String> {
        text_of(text, "it").map_err(|failure| failure.message())
    }

    #[test]
    fn one_line_end_is_not_part_of_a_piped_prompt() {
        for (text, prompt) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a \nb", " a \nb"),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(prompt.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_can_not_be_a_prompt_is_refused_before_it_is_sent() {
        assert_eq!(read(b""), Err("it is empty; nothing was sent".to_owned()));
        assert_eq!(read(b"\n"), Err("it is empty; nothing was sent".to_owned()));
        assert_eq!(read(b"\xff"), Err("it is not UTF-8 text".to_owned()));
        let limit = MAX_PROMPT_BYTES as usize;
        assert_eq!(read("x".repeat(limit).as_bytes()).unwrap().len(), limit);
        for over in [
            "x".repeat(limit + 1),
            "é".repeat(limit),
            format!("x{}", "é".repeat(limit)),
        ] {
            assert!(read(over.as_bytes()).unwrap_err().contains("longer than 1 MiB"));
        }
    }
}
