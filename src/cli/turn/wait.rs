use std::time::Duration;

use clap::Args;
use llmux_protocol::api::TurnWait;

use super::{Follow, outcome};
use crate::cli::{context::Context, duration, failure::Failure, out::Out, signal::Signals};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  id=$(llmux session prompt main --async \"run the tests\")\n  llmux turn wait \"$id\" --timeout 10m\n\nEnds as `llmux session prompt --wait` does."
)]
pub(crate) struct Wait {
    /// The turn's id
    #[arg(value_name = "ID")]
    id: String,
    /// How long at most, such as 500ms, 2s or 1m (default: for ever); the turn itself goes on
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Wait on while the agent asks something
    #[arg(long)]
    through_dialogs: bool,
    /// Print the turn as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Wait, context: &Context) -> Result<(), Failure> {
    let mut follow = Follow {
        client: context.client().await?,
        signals: Signals::listen()?,
        id: args.id.clone(),
        cancel: false,
    };
    let wait = TurnWait {
        timeout_ms: args.timeout.map(duration::millis),
        through_dialogs: args.through_dialogs,
    };
    outcome::print(&follow.end(&wait).await?, args.json, &mut Out::new())
}
