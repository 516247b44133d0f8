use clap::Args;
use llmux_protocol::api::ConversationView;

use super::target;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::table},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session history main")]
pub(crate) struct History {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &History, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let found: Vec<ConversationView> = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, "conversations")).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&found)?;
    } else if found.is_empty() {
        out.line("no past conversations")?;
    } else {
        out.text(&table(
            ["", "ID", "LAST", "MSGS", "TITLE"],
            found.into_iter().map(row),
        ))?;
    }
    out.finish()
}

fn row(conversation: ConversationView) -> [String; 5] {
    [
        if conversation.current { "*" } else { "" }.to_owned(),
        conversation.id,
        conversation.last_message_at,
        conversation.message_count.to_string(),
        conversation.title,
    ]
}
