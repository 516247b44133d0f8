use clap::{ArgGroup, Args};
use llmux_protocol::api::{ResumeRequest, SessionReply};

use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").args(["conversation", "latest"]).required(true),
    after_help = "Example:\n  llmux session resume main --latest\n\nThe program is started anew. If it does not show that it is in that conversation, the session is as it was before."
)]
pub(crate) struct Resume {
    /// The session's exact name
    #[arg(value_name = "NAME")]
    name: String,
    /// The conversation's id, or the beginning of just one
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// The newest conversation
    #[arg(long)]
    latest: bool,
}

pub(super) async fn run(args: &Resume, context: &Context) -> Result<(), Failure> {
    let request = ResumeRequest {
        conversation_id: args.conversation.clone(),
        latest: args.latest,
    };
    let mut client = context.client().await?;
    let reply: SessionReply = client.post(&session_path(&args.name, "resume"), &request).await?;
    let mut out = Out::new();
    let id = reply.session.resume_from.unwrap_or_default();
    out.line(&plain(&format!("{} resumed from {id}", reply.session.name)))?;
    out.finish()
}
