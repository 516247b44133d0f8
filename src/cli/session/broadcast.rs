use clap::Args;
use llmux_protocol::api::{BroadcastReply, BroadcastRequest};

use super::text::Text;
use crate::cli::{
    context::Context,
    failure::{Failure, say},
    out::Out,
    table::plain,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session broadcast claude \"stop and commit\"")]
pub(crate) struct Broadcast {
    /// The agent's key
    #[arg(value_name = "AGENT")]
    agent: String,
    #[command(flatten)]
    text: Text,
    /// Do not wait for turns of the turnq channels
    #[arg(long)]
    no_turnq: bool,
}

pub(super) async fn run(args: &Broadcast, context: &Context) -> Result<(), Failure> {
    let request = BroadcastRequest {
        agent: args.agent.clone(),
        prompt: args.text.read(context)?,
        no_turnq: args.no_turnq,
    };
    let reply: BroadcastReply = context.client().await?.post("/api/broadcast", &request).await?;
    let mut out = Out::new();
    if reply.sent.is_empty() && reply.failed.is_empty() {
        return out.line(&plain(&format!("no {} sessions running", args.agent)));
    }
    reply
        .sent
        .iter()
        .try_for_each(|name| out.line(&plain(&format!("sent → {name}"))))?;
    for (name, why) in &reply.failed {
        say(&plain(&format!("send to {name} failed: {why}")));
    }
    out.line(&plain(&format!(
        "broadcast to {}/{} {} sessions",
        reply.sent.len(),
        reply.total,
        args.agent
    )))?;
    match reply.failed.len() {
        0 => out.finish(),
        failed => Err(Failure::failed(format!(
            "{failed} sessions did not take the prompt"
        ))),
    }
}
