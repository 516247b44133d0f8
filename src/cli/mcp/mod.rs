//! `llmux mcp`: the Model Context Protocol on standard input and output, so that one agent can drive others.
//!
//! A client as any other: what it may do is what its token may, on this host the owner's, and it is recorded alike.

mod asked;
mod tools;

use clap::Args;
use rmcp::{ServiceExt, transport::stdio};

use self::tools::Tools;
use super::{context::Context, failure::Failure};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  claude mcp add llmux -- llmux mcp\n  llmux mcp --server https://box:3001      # with LLMUX_TOKEN of a token made by: llmux token create --scope 'build-*:watch,prompt'\n\nSpeaks the Model Context Protocol until standard input ends; whatever runs then goes on."
)]
pub(super) struct Mcp {}

pub(super) async fn run(context: Context) -> Result<(), Failure> {
    let served = Tools::new(context).serve(stdio()).await;
    let service = served.map_err(|error| {
        Failure::failed(format!(
            "the client did not begin as the protocol has it: {error}"
        ))
        .hint("`llmux mcp` is started by an MCP client, not by hand")
    })?;
    service.waiting().await.map_err(Failure::internal)?;
    Ok(())
}
