use clap::Args;
use llmux_protocol::api::NewChatReply;

use super::target;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux session new-chat main\n\nThe agent's own command is typed when it is ready; nothing is typed into half-typed text or a dialog."
)]
pub(crate) struct NewChat {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &NewChat, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let reply: NewChatReply = target::on(&mut client, &args.target, async |client, name| {
        client
            .post(&session_path(name, "new-chat"), &serde_json::json!({}))
            .await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&reply)?;
    } else {
        let id = reply.session.bound_conversation_id;
        let id = id.as_deref().unwrap_or("known with the next prompt");
        out.line(&plain(&format!(
            "{}: new conversation ({id})",
            reply.session.name
        )))?;
    }
    out.finish()
}
