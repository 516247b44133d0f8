//! What a shell completes: commands and flags, and the names of sessions, agents and profiles.
//!
//! `llmux completions SHELL` prints a script; it calls this program with `LLMUX_COMPLETE` set whenever the shell asks.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Arg, Args, Command, CommandFactory, ValueEnum};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCandidates, CompletionCandidate},
    env::{Bash, EnvCompleter, Fish, Zsh},
};
use llmux_protocol::api::SessionView;
use tokio::time::timeout;

use super::{Cli, agent::catalog, args::Global, block_on, context::Context, failure::Failure, out::Out};
use crate::{
    agent::ProgramSearch,
    client::{self, Credentials},
    config::Environment,
    store::StateDir,
};

/// Set by the scripts.
const VARIABLE: &str = "LLMUX_COMPLETE";
/// Somebody has pressed Tab and waits.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux completions bash > ~/.local/share/bash-completion/completions/llmux\n  echo 'source <(llmux completions zsh)' >> ~/.zshrc\n  llmux completions fish > ~/.config/fish/completions/llmux.fish"
)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script that makes a shell ask this program.
pub(super) fn print(args: &Completions) -> Result<(), Failure> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "llmux", "llmux", &completer(), &mut script)
        .map_err(Failure::internal)?;
    let mut out = Out::new();
    out.bytes(&script)?;
    out.finish()
}

/// This program as the script calls it: by name if it was found on `PATH`.
fn completer() -> String {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    match called.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => std::path::absolute(&called)
            .unwrap_or(called)
            .to_string_lossy()
            .into_owned(),
        _ => "llmux".to_owned(),
    }
}

/// Answers a shell, if one asks.
#[must_use]
pub fn complete(args: &[OsString]) -> Option<ExitCode> {
    let cwd = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(|| dressed(Cli::command()))
        .var(VARIABLE)
        .try_complete(args, cwd.as_deref());
    match asked {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(error) => Some(super::end(Err(Failure::failed(error.to_string())))),
    }
}

/// The command line with what its values may be, told by the names that values have in the help.
fn dressed(command: Command) -> Command {
    command.mut_subcommands(|noun| {
        let of_sessions = matches!(noun.get_name(), "session" | "kill" | "restart");
        let named = move |arg: Arg| match value(&arg) {
            "TARGET" => arg.add(ArgValueCandidates::new(sessions)),
            "NAME" if of_sessions && arg.is_positional() => arg.add(ArgValueCandidates::new(sessions)),
            "AGENT" => arg.add(ArgValueCandidates::new(agents)),
            _ if arg.get_id() == "profile" => arg.add(ArgValueCandidates::new(profiles)),
            _ => arg,
        };
        noun.mut_args(named).mut_subcommands(|verb| verb.mut_args(named))
    })
}

fn value(arg: &Arg) -> &str {
    match arg.get_value_names() {
        Some([name]) => name,
        _ => "",
    }
}

fn context() -> Context {
    let mut env = Environment::capture();
    // Completing goes on without what can't be read.
    let _ = env.load_dotenv();
    Context::new(env, Global::default())
}

/// The sessions of the daemon that runs, or that is named by the environment. Starts none.
fn sessions() -> Vec<CompletionCandidate> {
    let mut found = Vec::new();
    // Without an answer there are none to choose from.
    let _ = block_on(async {
        if let Ok(sessions) = timeout(ANSWERS_WITHIN, asked(&context())).await {
            found = sessions?;
        }
        Ok(())
    });
    let candidate = |session: SessionView| {
        let help = format!("{}, {}", session.agent, session.state.as_str());
        CompletionCandidate::new(session.name).help(Some(help.into()))
    };
    found.into_iter().map(candidate).collect()
}

async fn asked(context: &Context) -> Result<Vec<SessionView>, Failure> {
    let mut client = match (context.remote()?, StateDir::find(&context.env)) {
        (Some(remote), _) => context.client_of(&remote).await?,
        (None, Some(state)) => client::running(&context.places(&state)).await?,
        (None, None) => return Ok(Vec::new()),
    };
    Ok(client.get("/api/sessions").await?)
}

/// The agents that can be started here.
fn agents() -> Vec<CompletionCandidate> {
    let context = context();
    let Ok(catalog) = catalog::load(&context) else {
        return Vec::new();
    };
    let search = ProgramSearch::new(&context.env);
    let installed = catalog
        .all()
        .filter(|agent| agent.installed(&search, &context.env));
    let candidate = |agent: &crate::agent::Agent| {
        CompletionCandidate::new(&agent.key).help(Some(agent.display_name.clone().into()))
    };
    installed.map(candidate).collect()
}

fn profiles() -> Vec<CompletionCandidate> {
    let saved = Credentials::load(&context().env).unwrap_or_default();
    saved.profiles.into_keys().map(CompletionCandidate::new).collect()
}
