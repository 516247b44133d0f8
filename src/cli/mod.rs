//! The command line: nouns and verbs, what they print, and exit codes.
//!
//! Talks to the daemon through [`crate::client`] only. Standard output is data, standard error is talk.

mod agent;
mod args;
mod auth;
mod banner;
mod bench;
mod complete;
mod config;
mod context;
mod dialog;
mod doctor;
mod duration;
mod failure;
mod hidden;
mod history;
mod hook;
mod logs;
mod man;
mod mcp;
mod out;
mod pairing;
mod passphrase;
mod server;
mod session;
mod settings;
mod signal;
mod table;
mod token;
mod turn;
mod usage;
mod user;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

pub use args::Cli;
use args::Verb;
pub use complete::complete;
use context::Context;
pub use failure::Exit;
use failure::Failure;
use out::Out;

use crate::{config::Environment, logs::Logs};

/// Reads the command line. Builds no runtime and reads no file.
///
/// # Errors
///
/// What to end with at once: help and version were printed, or a usage error was explained.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(args).map_err(|error| end(usage::explain(&error)))
}

/// Carries the command out and returns how the process ends. Errors are printed. `logs` is what a daemon shows of its log.
#[must_use]
pub fn run(mut cli: Cli, logs: Logs) -> ExitCode {
    cli.global.logs = Some(logs);
    let mut env = Environment::capture();
    let Some(noun) = cli.noun else {
        return end(print_help(&[]));
    };
    let verb = match noun.into_verb() {
        // The small processes start often and must start fast: no file is read for them.
        Verb::Hidden(command) if !command.is_daemon() => {
            return hidden::dispatch(command, env, &cli.global);
        }
        verb => verb,
    };
    let dotenv = env.load_dotenv();
    let verb = match (verb, dotenv) {
        (Verb::Doctor(args), dotenv) => {
            let context = Context::new(env, cli.global);
            return end(block_on(async { doctor::run(&args, &context, dotenv).await }));
        }
        (_, Err(error)) => return end(Err(error.into())),
        (verb, Ok(())) => verb,
    };
    match verb {
        Verb::Help(noun) => end(print_help(&[noun])),
        Verb::Config(verb) => end(config::run(verb, &Context::new(env, cli.global))),
        Verb::Completions(args) => end(complete::print(&args)),
        Verb::Man(args) => end(man::run(&args)),
        Verb::Hidden(command) => hidden::dispatch(command, env, &cli.global),
        Verb::Serve(start) => end(hidden::foreground(start, env, &cli.global)),
        verb => end(block_on(carry_out(verb, Context::new(env, cli.global)))),
    }
}

fn block_on(verb: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    runtime.block_on(verb)
}

async fn carry_out(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Session(verb) => session::run(verb, context).await,
        Verb::Turn(verb) => turn::run(verb, context).await,
        Verb::Agent(verb) => agent::run(verb, context).await,
        Verb::History(verb) => history::run(verb, context).await,
        Verb::User(verb) => user::run(verb, context).await,
        Verb::Token(verb) => token::run(verb, context).await,
        Verb::Auth(verb) => auth::run(verb, context).await,
        Verb::Logs(verb) => logs::run(verb, context).await,
        Verb::Settings(verb) => settings::run(verb, context).await,
        Verb::Server(verb) => server::run(verb, context).await,
        Verb::Bench(verb) => bench::run(verb, context).await,
        Verb::Mcp(_) => mcp::run(context).await,
        // Carried out before.
        Verb::Hidden(_)
        | Verb::Help(_)
        | Verb::Serve(_)
        | Verb::Config(_)
        | Verb::Doctor(_)
        | Verb::Completions(_)
        | Verb::Man(_) => Ok(()),
    }
}

fn print_help(path: &[&str]) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut shown = &mut command;
    for name in path {
        shown = shown
            .find_subcommand_mut(name)
            .ok_or_else(|| Failure::internal(anyhow::anyhow!("no help on {name}")))?;
    }
    let mut out = Out::new();
    out.text(&shown.render_help().to_string())?;
    out.finish()
}

/// The one place where a failure is printed and becomes an exit code.
fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => Exit::Done.into(),
        Err(failure) => failure.report().into(),
    }
}

#[cfg(test)]
mod tests;
