//! `llmux bench`: what a turn or a prompt costs on this machine, stage by stage. One load for both verbs.

mod agents;
mod baseline;
mod compare;
mod load;
mod report;
mod stats;
mod summary;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use llmux_protocol::api::{DaemonStatus, WaitFor};

use self::{
    agents::Agents,
    load::Plan,
    report::{Environment, Load, Report},
};
use super::{context::Context, failure::Failure, out::Out, signal::Signals};
use crate::{client::Client, store::time};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Measure turns, from the prompt to the end of the answer
    #[command(
        after_help = "Example:\n  llmux bench turn --sessions 8 --turns 400\n  llmux bench turn --rate 50/s --json > then.json\n  llmux bench turn --rate 50/s --compare then.json"
    )]
    Turn(Bench),
    /// Measure prompts, until the agent is seen to have accepted them
    #[command(after_help = "Example:\n  llmux bench prompt --turns 100 --size 4096")]
    Prompt(Bench),
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    /// How many demo sessions to start; they are removed at the end
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one, conflicts_with = "session")]
    sessions: usize,
    /// How many turns to take in all
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least_one)]
    turns: usize,
    /// Offer so many turns a second, such as 50/s, however fast they end (default: each worker's next one when its last
    /// is over)
    #[arg(long, value_name = "R/s", value_parser = rate)]
    rate: Option<f64>,
    /// How many turns may run at a time, each over its own connection (default: as many as sessions)
    #[arg(long, value_name = "C", value_parser = at_least_one)]
    concurrency: Option<usize>,
    /// How long each prompt is
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = at_least_one)]
    size: usize,
    /// Use this session and leave it; several flags for several. Real agents answer real prompts
    #[arg(long, value_name = "NAME")]
    session: Vec<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Compare with the JSON report of an earlier run; fails if p50 or p99 of a stage is more than 1.5 times as long
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Do not measure what a script without a daemon would take; with --session it never is
    #[arg(long)]
    no_baselines: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number, at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse::<f64>();
    match number {
        Ok(number) if number.is_finite() && number >= 0.001 => Ok(number),
        _ => Err("expected turns a second, such as 50/s".to_owned()),
    }
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    let (name, wait, args) = match verb {
        Verb::Turn(args) => ("turn", WaitFor::Ended, args),
        Verb::Prompt(args) => ("prompt", WaitFor::Submitted, args),
    };
    let then = match &args.compare {
        Some(path) => Some(compare::read(path, name)?),
        None => None,
    };
    let mut report = measure(name, wait, &args, &context).await?;
    if let Some(then) = then {
        report.compared = compare::compare(&report, &then);
    }
    let mut out = Out::new();
    if args.json {
        out.json(&report)?;
    } else {
        out.text(&report.text())?;
    }
    out.finish()?;
    summary::check(&report)?;
    compare::check(&report.compared)
}

/// Measures; whatever happens, sessions of our own are gone at the end.
async fn measure(name: &str, wait: WaitFor, args: &Bench, context: &Context) -> Result<Report, Failure> {
    context.only_here("bench")?;
    let mut client = context.client().await?;
    let mut signals = Signals::listen()?;
    let agents = if args.session.is_empty() {
        Agents::own(args.sessions)?
    } else {
        Agents::of_user(&args.session, &mut client).await?
    };
    let target = client.target().clone();
    let measured = tokio::select! {
        measured = measure_with(name, wait, args, &agents, &mut client) => measured,
        exit = signals.next() => Err(Failure::new(exit, "interrupted; the sessions of the bench are removed")),
    };
    agents.remove(&target).await;
    measured
}

async fn measure_with(
    name: &str,
    wait: WaitFor,
    args: &Bench,
    agents: &Agents,
    client: &mut Client,
) -> Result<Report, Failure> {
    let target = client.target().clone();
    agents.start(&target).await?;
    let plan = Plan {
        names: Arc::from(agents.names.clone()),
        turns: args.turns,
        concurrency: args.concurrency.unwrap_or(agents.names.len()),
        bytes: args.size,
        rate: args.rate,
        wait,
    };
    let offered = load::offer(&plan, &target).await?;
    let status: DaemonStatus = client.get("/api/daemon").await?;
    let baselines = if args.no_baselines || !agents.are_own() {
        Vec::new()
    } else {
        baseline::measure(wait, agents, &status, client).await?
    };
    let clocks = agents.clocks();
    Ok(Report {
        bench: name.to_owned(),
        environment: environment(status),
        load: Load {
            sessions: plan.names.len(),
            turns: plan.turns,
            concurrency: plan.concurrency,
            bytes: plan.bytes,
            rate: plan.rate,
        },
        achieved: summary::achieved(&offered),
        states: summary::states(&offered.samples),
        errors: summary::errors(&offered.samples),
        stages: summary::stages(&offered.samples, &clocks, wait),
        baselines,
        compared: Vec::new(),
    })
}

fn environment(status: DaemonStatus) -> Environment {
    Environment {
        llmux: status.version,
        tmux: status.tmux.version,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        date: time::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_turns_a_second() {
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1/s", "inf", "NaN", "50/m", "", "/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_measured_none_times() {
        assert_eq!(at_least_one("3"), Ok(3));
        assert!(at_least_one("0").is_err() && at_least_one("x").is_err());
    }
}
