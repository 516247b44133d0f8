use clap::Args;
use llmux_protocol::api::{Turn, TurnCancel, TurnState};

use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::turn_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux turn cancel \"$id\"")]
pub(crate) struct Cancel {
    /// The turn's id
    #[arg(value_name = "ID")]
    id: String,
    /// Leave a working agent alone and only stop following the turn
    #[arg(long)]
    leave_running: bool,
    /// Print the turn as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Cancel, context: &Context) -> Result<(), Failure> {
    let request = TurnCancel {
        leave_running: args.leave_running,
    };
    let mut client = context.client().await?;
    let turn: Turn = client.post(&turn_path(&args.id, "cancel"), &request).await?;
    let mut out = Out::new();
    if args.json {
        out.json(&turn)?;
    }
    match turn.state {
        TurnState::Cancelled if args.json => Ok(()),
        TurnState::Cancelled => out.line(&plain(&format!("cancelled {}", turn.id))),
        // It ended by itself before.
        state => Err(Failure::failed(format!(
            "turn {} is not cancelled: it is {}",
            turn.id,
            state.as_str()
        ))
        .hint(format!("see it with: llmux turn show {}", turn.id))),
    }
}
