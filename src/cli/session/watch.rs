use clap::Args;

use super::{target, terminal::Shown};
use crate::{
    cli::{
        context::Context,
        failure::Failure,
        out::{self, Out},
        signal::Signals,
    },
    client::Feed,
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
    let feed = target::follow(context.client().await?, &args.target, "output").await?;
    let pour = out::while_read(pour(feed));
    let Some(shown) = Shown::begin() else {
        return pour.await;
    };
    let mut signals = Signals::listen()?;
    let done = tokio::select! {
        done = pour => done,
        exit = signals.next() => Err(Failure::new(exit, "the session goes on")),
    };
    drop(shown);
    done
}

/// The next daemon, after an upgrade, begins with the screen too.
async fn pour(mut feed: Feed) -> Result<(), Failure> {
    let mut out = Out::new();
    while let Some(piece) = feed.next().await? {
        out.bytes(&piece)?;
    }
    out.finish()
}
