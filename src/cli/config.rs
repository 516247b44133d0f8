//! `llmux config`: what the configuration says here, and whether it is right. Asks no daemon.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    agent,
    context::Context,
    failure::{Failure, say},
    out::Out,
    table::plain,
};
use crate::config::{Config, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Say whether the configuration can be used, and what is wrong with it
    Check(Check),
    /// Show the settings in effect; secrets are left out
    Show(Show),
    /// Print the JSON Schema of configuration files
    #[command(after_help = "Example:\n  llmux config schema > llmux.schema.json")]
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux config check .llmux.yaml")]
pub(super) struct Check {
    /// The file (default: the one that would be used here)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux config show --json | jq .agents")]
pub(super) struct Show {
    /// The file (default: the one that would be used here)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: Verb, context: &Context) -> Result<(), Failure> {
    let mut out = Out::new();
    match verb {
        Verb::Check(check) => {
            let config = load(check.file.as_deref(), context)?;
            // A pattern that is none, or an agent's file that is left out, is a mistake in the configuration, too.
            let catalog = agent::catalog::of(&config, context)?;
            catalog.warnings().iter().for_each(|warning| say(&plain(warning)));
            out.line(&format!("{} can be used", source(&config)))?;
        }
        Verb::Show(show) => {
            let config = load(show.file.as_deref(), context)?;
            say(&format!(
                "{}, and what the Settings page put over it",
                source(&config)
            ));
            if show.json {
                out.json(&config.settings)?;
            } else {
                out.text(&serde_saphyr::to_string(&config.settings).map_err(Failure::internal)?)?;
            }
        }
        Verb::Schema => out.json(&Settings::schema())?,
    }
    out.finish()
}

fn load(file: Option<&Path>, context: &Context) -> Result<Config, Failure> {
    let config = Config::load(file, &context.env)?;
    config.warnings.iter().for_each(|warning| say(&plain(warning)));
    Ok(config)
}

fn source(config: &Config) -> String {
    match &config.source {
        Some(path) => path.display().to_string(),
        None => "there is no configuration file: the defaults".to_owned(),
    }
}
