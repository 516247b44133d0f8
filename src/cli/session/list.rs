use clap::Args;
use llmux_protocol::api::SessionView;

use crate::{
    cli::{
        context::Context,
        failure::{Failure, say},
        out::Out,
        table::{plain, table},
    },
    store::corrupt_registry_notice,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session list --json")]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &List, context: &Context) -> Result<(), Failure> {
    let sessions: Vec<SessionView> = context.client().await?.get("/api/sessions").await?;
    // After the answer: reading the registry is what finds it corrupt.
    if !context.is_remote() {
        for path in context.state()?.set_aside() {
            say(&plain(&corrupt_registry_notice(&path)));
        }
    }
    let mut out = Out::new();
    if args.json {
        out.json(&sessions)?;
    } else if sessions.is_empty() {
        out.line("no llmux sessions")?;
    } else {
        out.text(&table(
            ["NAME", "AGENT", "STATE", "PARENT", "CWD", "ACTIVITY"],
            sessions.into_iter().map(row),
        ))?;
    }
    out.finish()
}

fn row(session: SessionView) -> [String; 6] {
    let parent = session.parent.unwrap_or_else(|| "-".to_owned());
    let activity = session.activity.map_or("-", |activity| activity.state.as_str());
    [
        session.name,
        session.agent,
        session.state.as_str().to_owned(),
        parent,
        session.cwd,
        activity.to_owned(),
    ]
}
