//! `llmux agent`: the agent CLIs that can be started.

pub(super) mod catalog;
mod check;
mod test_rules;

use clap::{Args, Subcommand};
use llmux_protocol::api::AgentView;
use serde_json::{Value, json};

use super::{context::Context, failure::Failure, out::Out, table::plain};

/// Why an agent that was just configured may be unknown.
const READ_AT_START: &str =
    "a configuration that can't be read is not in effect; llmux server status says so";

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the agents installed here
    List(List),
    /// Show one agent
    Show(Show),
    /// Start an agent, say what is recognised of it, and stop it
    Check(check::Check),
    /// Try an agent's rules on a recording of its terminal
    TestRules(test_rules::TestRules),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux agent list --all")]
pub(super) struct List {
    /// Also those that are not installed
    #[arg(long)]
    all: bool,
    /// Only those that are installed, as without it
    #[arg(long, conflicts_with = "all")]
    installed: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux agent show claude")]
pub(super) struct Show {
    /// The agent's key
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(&args, &context).await,
        Verb::Show(args) => show(&args, &context).await,
        Verb::Check(args) => check::run(&args, &context).await,
        Verb::TestRules(args) => test_rules::run(&args, &context),
    }
}

async fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let path = if args.all {
        "/api/agents/all"
    } else {
        "/api/agents"
    };
    let agents: Vec<AgentView> = context.client().await?.get(path).await?;
    let mut out = Out::new();
    if args.json {
        out.json(&agents.iter().map(summary).collect::<Vec<_>>())?;
    } else {
        agents.iter().try_for_each(|agent| out.line(&row(agent)))?;
    }
    out.finish()
}

fn summary(agent: &AgentView) -> Value {
    json!({
        "key": agent.key, "displayName": agent.display_name, "cmd": agent.cmd,
        "flags": agent.flags, "installed": agent.installed,
    })
}

fn row(agent: &AgentView) -> String {
    let installed = if agent.installed {
        "installed"
    } else {
        "not installed"
    };
    let flags = if agent.flags.is_empty() { "-" } else { &agent.flags };
    plain(&format!(
        "{:<10}  {:<24}  {installed}  {flags}",
        agent.key, agent.display_name
    ))
}

async fn show(args: &Show, context: &Context) -> Result<(), Failure> {
    let agents: Vec<AgentView> = context.client().await?.get("/api/agents/all").await?;
    let Some(agent) = agents.iter().find(|agent| agent.key == args.agent) else {
        return Err(
            catalog::unknown(&args.agent, agents.iter().map(|agent| agent.key.as_str())).hint(READ_AT_START),
        );
    };
    let mut out = Out::new();
    if args.json {
        out.json(agent)?;
    } else {
        details(agent)
            .iter()
            .try_for_each(|line| out.line(&plain(line)))?;
    }
    out.finish()
}

fn details(agent: &AgentView) -> Vec<String> {
    let installed = if agent.installed {
        "yes".to_owned()
    } else {
        format!("no; {}", agent.install_hint)
    };
    let hooks = match &agent.hooks[..] {
        [] => "none that can be set up for one session".to_owned(),
        events => events.join(", "),
    };
    let proven = match (&agent.proven_with, agent.builtin) {
        (Some(version), _) => format!("with {version}"),
        (None, true) => "part of llmux".to_owned(),
        (None, false) => "never with the real program".to_owned(),
    };
    let command = format!("{} {}", agent.cmd, agent.flags);
    let history = if agent.has_history { "read" } else { "not read" };
    let mut lines = vec![
        format!("key        {}", agent.key),
        format!("name       {}", agent.display_name),
        format!("command    {}", command.trim_end()),
        format!("installed  {installed}"),
        format!("proven     {proven}"),
        format!("docs       {}", agent.docs_url),
        format!("hooks      {hooks}"),
        format!("history    {history}"),
    ];
    let fields = [
        ("resume", &agent.resume),
        ("new id", &agent.session_id_flag),
        ("new chat", &agent.new_chat_command),
    ];
    for (name, value) in fields {
        lines.extend(value.iter().map(|value| format!("{name:<9}  {value}")));
    }
    let env = agent.env_defaults.iter();
    lines.extend(env.map(|(name, value)| format!("env        {name}={value}")));
    lines
}
