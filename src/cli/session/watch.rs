use clap::Args;

use super::target;
use crate::{
    cli::{context::Context, failure::Failure, out::Out},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session watch main")]
pub(crate) struct Watch {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
}

/// Prints the terminal's own bytes: the screen first, then what comes, until the pane closes or Ctrl-C.
pub(super) async fn run(args: &Watch, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let mut stream = target::on(&mut client, &args.target, async |client, name| {
        client.stream(&session_path(name, "output")).await
    })
    .await?;
    let mut out = Out::new();
    while let Some(piece) = stream.next().await? {
        out.bytes(&piece)?;
    }
    out.finish()
}
