use std::path::PathBuf;

use clap::Args;
use llmux_protocol::api::{EditRequest, SessionReply, SessionView, State};

use super::start;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session edit main --flags \"--model opus\" --apply")]
pub(crate) struct Edit {
    /// The session's exact name
    #[arg(value_name = "NAME")]
    session: String,
    /// The new name
    #[arg(long)]
    name: Option<String>,
    /// The new working directory; a running session restarts in it
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Flags in place of the agent's own; "" for none
    #[arg(long, allow_hyphen_values = true)]
    flags: Option<String>,
    /// The new environment, `KEY=VALUE`; lines or several flags for several
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    env: Vec<String>,
    /// The new init prompts; several flags for several, one "" for none
    #[arg(long, value_name = "PROMPT", allow_hyphen_values = true)]
    init: Vec<String>,
    /// Restart a running session so that the change takes effect
    #[arg(long)]
    apply: bool,
}

pub(super) async fn run(args: &Edit, context: &Context) -> Result<(), Failure> {
    let request = request(args, context)?;
    let mut client = context.client().await?;
    let SessionReply { session, .. } = client.patch(&session_path(&args.session, ""), &request).await?;
    let mut out = Out::new();
    lines(&request, &session)
        .iter()
        .try_for_each(|line| out.line(&plain(line)))?;
    out.finish()
}

fn request(args: &Edit, context: &Context) -> Result<EditRequest, Failure> {
    let request = EditRequest {
        name: args.name.clone(),
        cwd: match &args.cwd {
            Some(cwd) => start::cwd(Some(cwd), context)?,
            None => None,
        },
        flags: args.flags.clone(),
        env: (!args.env.is_empty()).then(|| args.env.join("\n")),
        init_prompts: (!args.init.is_empty())
            .then(|| args.init.iter().filter(|p| !p.is_empty()).cloned().collect()),
        apply: args.apply,
    };
    if request
        == (EditRequest {
            apply: args.apply,
            ..EditRequest::default()
        })
    {
        return Err(Failure::usage("nothing to edit").hint("give --name, --cwd, --flags, --env or --init"));
    }
    Ok(request)
}

fn lines(request: &EditRequest, session: &SessionView) -> Vec<String> {
    let mut lines = vec![format!(
        "edited {} (agent: {}, cwd: {})",
        session.name, session.agent, session.cwd
    )];
    lines.extend(
        session
            .flags
            .iter()
            .filter(|_| request.flags.is_some())
            .map(|flags| format!("  flags: {flags}")),
    );
    if request.env.is_some() {
        lines.push("  env:".to_owned());
        lines.extend(
            session
                .env
                .iter()
                .flatten()
                .map(|(name, value)| format!("    {name}={value}")),
        );
    }
    if let Some(prompts) = &request.init_prompts {
        lines.push(format!("  init prompts: {}", prompts.len()));
    }
    let restarted = request.apply || request.cwd.is_some();
    let pending = request.flags.is_some() || request.env.is_some() || request.init_prompts.is_some();
    if pending && !restarted && session.state == State::Running {
        lines.push(format!(
            "(restart the session to apply: llmux session restart {})",
            session.name
        ));
    }
    lines
}
