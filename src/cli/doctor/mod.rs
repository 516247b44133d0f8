//! `llmux doctor`: what is wrong here, and what to do about it. Starts nothing and changes nothing.

mod daemon;
mod files;
mod finding;
mod network;
mod places;
mod program;

use clap::Args;
use llmux_protocol::api::DaemonStatus;
use serde_json::json;

use self::finding::{Finding, Findings, Level};
use super::{
    context::Context,
    failure::{Failure, one_line},
    out::Out,
    table::plain,
};
use crate::config::{Config, ConfigError};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux doctor\n  llmux doctor --json | jq '.findings[] | select(.level == \"error\")'\n\nEnds with 1 if there is an error, and with 0 if there are only warnings."
)]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `dotenv` is what became of the variables' file: a bad one is a finding, not the end.
pub(super) async fn run(
    args: &Doctor,
    context: &Context,
    dotenv: Result<(), ConfigError>,
) -> Result<(), Failure> {
    let findings = look(context, dotenv).await;
    let errors = findings.count(Level::Error);
    let mut out = Out::new();
    if args.json {
        out.json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ok": errors == 0,
            "findings": findings.all(),
        }))?;
    } else {
        for finding in findings.all() {
            out.text(&lines(finding))?;
        }
    }
    out.finish()?;
    let warnings = findings.count(Level::Warning);
    match errors {
        0 => Ok(()),
        _ => Err(Failure::failed(format!(
            "{} and {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ))),
    }
}

async fn look(context: &Context, dotenv: Result<(), ConfigError>) -> Findings {
    let mut findings = Findings::default();
    let config = configuration(context, dotenv, &mut findings);
    program::tmux(context, &mut findings).await;
    let state = places::look(context, &mut findings);
    files::look(context, state.as_ref(), &mut findings);
    let status: Option<DaemonStatus> = daemon::look(context, state.as_ref(), &mut findings).await;
    network::look(context, &config, status.as_ref(), &mut findings).await;
    program::agents(context, &config, &mut findings);
    findings
}

/// Reads the configuration; with the defaults if it can't be used, so that the rest can be looked at.
fn configuration(context: &Context, dotenv: Result<(), ConfigError>, findings: &mut Findings) -> Config {
    const AREA: &str = "config";
    if let Err(error) = dotenv {
        findings.error(AREA, because(&error), error.hint());
    }
    match Config::load(None, &context.env) {
        Ok(config) => {
            match &config.source {
                Some(path) => findings.ok(AREA, path.display().to_string()),
                None => findings.ok(AREA, "no file: the defaults"),
            }
            for warning in &config.warnings {
                findings.warn(
                    AREA,
                    warning,
                    "correct the file, or move it away; `llmux config check` looks again",
                );
            }
            config
        }
        Err(error) => {
            findings.error(AREA, because(&error), error.hint());
            Config::default()
        }
    }
}

/// An error with its causes.
fn because(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    one_line(&text)
}

fn lines(finding: &Finding) -> String {
    let Finding {
        area,
        level,
        found,
        fix,
    } = finding;
    let fix = fix.as_ref().map(|fix| format!("{:<20}fix: {}\n", "", plain(fix)));
    format!(
        "{:<7}  {area:<9}  {}\n{}",
        level.word(),
        plain(found),
        fix.unwrap_or_default()
    )
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
