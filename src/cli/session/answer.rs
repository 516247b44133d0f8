use clap::Args;
use llmux_protocol::api::{AnswerRequest, Answered};

use super::target;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux session answer main 1\n  llmux session answer main yes --dialog \"$id\"\n  llmux session answer main cancel\n\nEnds with 10 if no dialog is open, or another one than --dialog says."
)]
pub(crate) struct Answer {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// An option's number, its label or the beginning of it, or `cancel`
    #[arg(value_name = "CHOICE")]
    choice: String,
    /// The dialog that is meant, as `session explain` shows it; if another is open by now, nothing is typed
    #[arg(long, value_name = "ID")]
    dialog: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Answer, context: &Context) -> Result<(), Failure> {
    let request = AnswerRequest {
        choice: args.choice.clone(),
        dialog: args.dialog.clone(),
    };
    let mut client = context.client().await?;
    let answered: Answered = target::on(&mut client, &args.target, async |client, name| {
        client.post(&session_path(name, "answer"), &request).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&answered)
    } else {
        out.line(&plain(&format!("answered {}", answered.choice)))
    }
}
