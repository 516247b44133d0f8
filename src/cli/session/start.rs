use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use llmux_protocol::api::{AgentView, SessionReply, SessionView, StartRequest, Until};

use super::wait::wait;
use crate::{
    cli::{
        context::Context,
        failure::{Failure, say, tell},
        out::Out,
        table::plain,
        turn::outcome,
    },
    client::Client,
    config::Environment,
};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are flags")]
#[command(after_help = "Example:\n  llmux session start claude --name main --cwd ~/projects/app")]
pub(crate) struct Start {
    /// Agent keys separated by commas, or `all` for every installed agent
    #[arg(value_name = "AGENT")]
    agent: String,
    /// The session's name (default: the agent's key)
    #[arg(long, conflicts_with = "prefix")]
    name: Option<String>,
    /// Put this before each agent's key to make its session's name
    #[arg(long)]
    prefix: Option<String>,
    /// The working directory (default: the present one)
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Flags in place of the agent's own; "" for none
    #[arg(long, allow_hyphen_values = true)]
    flags: Option<String>,
    /// Environment, `KEY=VALUE`; lines or several flags for several
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    env: Vec<String>,
    /// A prompt to type once the agent is ready, and after each restart; several flags for several
    #[arg(long, value_name = "PROMPT", allow_hyphen_values = true)]
    init: Vec<String>,
    /// Begin in this stored conversation: its id, or the beginning of just one
    #[arg(long, value_name = "ID")]
    resume_from: Option<String>,
    /// Type no init prompts this time
    #[arg(long)]
    skip_init: bool,
    /// Have the agent tell what happens in it, even if the configuration says no
    #[arg(long, conflicts_with = "no_hooks")]
    hooks: bool,
    /// Set up no hooks in the agent, in this session and when it is started again
    #[arg(long)]
    no_hooks: bool,
    /// Return when the agent is ready and its init prompts are done, with the exit code of the first that failed
    #[arg(long)]
    wait_ready: bool,
}

pub(super) async fn run(args: &Start, context: &Context) -> Result<(), Failure> {
    let cwd = cwd(args.cwd.as_deref(), context)?;
    let mut client = context.client().await?;
    let agents = agents(&args.agent, &mut client).await?;
    if args.name.is_some() && agents.len() > 1 {
        return Err(
            Failure::usage("--name names one session; this would start several").hint("use --prefix instead"),
        );
    }
    if args.resume_from.is_some() && agents.len() > 1 {
        return Err(Failure::usage(
            "--resume-from names one conversation; this would start several sessions",
        ));
    }
    let mut out = Out::new();
    if agents.is_empty() {
        say("no agent is installed on the daemon host; `all` does not mean the built-in ones");
        tell("hint: `llmux agent list --all` shows all; `llmux agent show KEY` says how to install one");
        return out.line("no sessions spawned");
    }
    let (mut started, mut failures) = (Vec::new(), Vec::new());
    for agent in &agents {
        match start(args, agent, cwd.as_deref(), context, &mut client).await {
            Ok(session) => {
                report("spawned", &session, args.skip_init, &mut out)?;
                started.push((agent, session.name));
            }
            Err(failure) => failures.push((agent, failure)),
        }
    }
    // They come up side by side.
    for (agent, name) in started.iter().filter(|_| args.wait_ready) {
        if let Err(failure) = ready(name, &mut client).await {
            failures.push((agent, failure));
        }
    }
    summary(failures, agents.len())?;
    out.finish()
}

/// Fails as the one call failed, or says which of several did.
fn summary(mut failures: Vec<(&String, Failure)>, total: usize) -> Result<(), Failure> {
    if total == 1 {
        return failures.pop().map_or(Ok(()), |(_, failure)| Err(failure));
    }
    let failed = failures.len();
    for (agent, failure) in failures {
        failure.about(&format!("start {agent} failed")).report();
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {total} start calls failed"))),
    }
}

/// Waits until an agent takes prompts and has its init prompts behind it.
async fn ready(name: &str, client: &mut Client) -> Result<(), Failure> {
    let Some(turn) = wait(client, name, &Until::Ready, None).await?.failed_init else {
        return Ok(());
    };
    outcome::check(&turn).map_err(|failure| {
        // One that can't be typed, because it is too long, is not kept.
        let which = match turn.prompt.head.as_str() {
            "" => "an init prompt".to_owned(),
            head => format!("the init prompt {head:?}"),
        };
        let failure = failure.about(&which);
        failure.hint(format!("llmux turn show {}", turn.id))
    })
}

async fn agents(wanted: &str, client: &mut Client) -> Result<Vec<String>, Failure> {
    if wanted == "all" {
        let installed: Vec<AgentView> = client.get("/api/agents").await?;
        return Ok(installed
            .into_iter()
            .filter(|agent| !agent.builtin)
            .map(|agent| agent.key)
            .collect());
    }
    let keys: Vec<_> = wanted
        .split(',')
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .collect();
    if keys.is_empty() {
        Err(Failure::usage("no agent is named").hint("see them with: llmux agent list"))
    } else {
        Ok(keys)
    }
}

async fn start(
    args: &Start,
    agent: &str,
    cwd: Option<&str>,
    context: &Context,
    client: &mut Client,
) -> Result<SessionView, Failure> {
    let prefixed = args.prefix.as_ref().map(|prefix| format!("{prefix}{agent}"));
    let request = StartRequest {
        agent: agent.to_owned(),
        name: args.name.clone().or(prefixed),
        cwd: cwd.map(str::to_owned),
        flags: args.flags.clone(),
        env: (!args.env.is_empty()).then(|| args.env.join("\n")),
        init_prompts: (!args.init.is_empty()).then(|| args.init.clone()),
        parent: parent(context)?,
        size: None,
        skip_init: args.skip_init,
        resume_from: args.resume_from.clone(),
        hooks: (args.hooks || args.no_hooks).then_some(args.hooks),
    };
    let reply: SessionReply = client.post("/api/sessions", &request).await?;
    Ok(reply.session)
}

/// Says that a session was started, and how many init prompts it is going to get.
pub(super) fn report(
    verb: &str,
    session: &SessionView,
    skip_init: bool,
    out: &mut Out<impl Write>,
) -> Result<(), Failure> {
    out.line(&plain(&format!(
        "{verb} {} (agent: {}, cwd: {})",
        session.name, session.agent, session.cwd
    )))?;
    for warning in &session.warnings {
        say(&format!("warning: {warning}"));
    }
    let prompts = session.init_prompts.as_ref().map_or(0, Vec::len);
    match prompts {
        0 => Ok(()),
        _ if skip_init => Ok(()),
        1 => out.line("  firing 1 init prompt..."),
        _ => out.line(&format!("  firing {prompts} init prompts...")),
    }
}

/// The session that this program runs in, if any does. Another host's sessions have no parent here.
pub(in crate::cli) fn parent(context: &Context) -> Result<Option<String>, Failure> {
    let far = context.far()?.is_some();
    Ok(context
        .env
        .text("LLMUX_SESSION")
        .filter(|_| !far)
        .map(str::to_owned))
}

/// The working directory as it is sent. On this host a path is meant as everywhere, and by default it is the present one;
/// on another host it is that one's, and by default the daemon's home.
pub(in crate::cli) fn cwd(cwd: Option<&Path>, context: &Context) -> Result<Option<String>, Failure> {
    if context.far()?.is_none() {
        return cwd_text(cwd.unwrap_or(Path::new(".")), &context.env).map(Some);
    }
    let Some(cwd) = cwd else { return Ok(None) };
    if !cwd.is_absolute() && !cwd.starts_with("~") {
        return Err(Failure::usage(format!(
            "{} is relative, and the daemon is on another host",
            cwd.display()
        ))
        .hint("give the directory there, from / or ~"));
    }
    Ok(cwd.to_str().map(str::to_owned))
}

/// A directory as it is sent: absolute, because the daemon works somewhere else.
fn cwd_text(cwd: &Path, env: &Environment) -> Result<String, Failure> {
    let path = env.resolve(cwd);
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::failed(format!("the directory {} is not UTF-8", path.display())))
}
