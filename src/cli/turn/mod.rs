//! `llmux turn`: one prompt and its answer. One file per verb.

mod cancel;
mod follow;
pub(super) mod outcome;
#[cfg(test)]
pub(super) mod sample;
mod show;
mod stream;
mod wait;

use clap::Subcommand;

pub(super) use self::follow::{Follow, end};
use super::{context::Context, failure::Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show a turn: its stages, what showed each of them, and the reply
    Show(show::Show),
    /// Wait for a turn's end and print the reply
    Wait(wait::Wait),
    /// Take a turn out of the queue, or interrupt the agent that works on it
    Cancel(cancel::Cancel),
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Show(args) => show::run(&args, &context).await,
        Verb::Wait(args) => wait::run(&args, &context).await,
        Verb::Cancel(args) => cancel::run(&args, &context).await,
    }
}
