//! `llmux history`: what was said, in all stored conversations.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use llmux_protocol::api::FoundView;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{context::Context, failure::Failure, out::Out, session::cwd, table::table};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Search what was said in a directory
    Search(Search),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux history search \"race condition\" --agent claude")]
pub(super) struct Search {
    /// The words, in any case
    #[arg(value_name = "TEXT")]
    text: String,
    /// Only with this agent
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// The directory (default: the present one)
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    let Verb::Search(args) = verb;
    if args.text.trim().is_empty() {
        return Err(Failure::usage("there is nothing to search for"));
    }
    let cwd = cwd(args.cwd.as_deref(), &context)?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let agent = args
        .agent
        .map_or(String::new(), |key| format!("&agent={}", encode(&key)));
    let cwd = cwd.map_or(String::new(), |cwd| format!("&cwd={}", encode(&cwd)));
    let path = format!("/api/history/search?text={}{cwd}{agent}", encode(&args.text),);
    let found: Vec<FoundView> = context.client().await?.get(&path).await?;
    let mut out = Out::new();
    if args.json {
        out.json(&found)?;
    } else if found.is_empty() {
        out.line("nothing found")?;
    } else {
        let rows = found
            .into_iter()
            .map(|one| [one.agent, one.id, one.role, one.snippet]);
        out.text(&table(["AGENT", "ID", "SAID BY", "TEXT"], rows))?;
    }
    out.finish()
}
