//! `llmux config`: what the configuration says here, and whether it is right. Asks no daemon.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    context::Context,
    failure::{Failure, say},
    out::Out,
    table::plain,
};
use crate::{
    config::{Config, Settings},
    daemon,
    logs::redact,
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Say whether the configuration can be used, and what is wrong with it; ends with 1 if something can't work
    Check(Check),
    /// Show the settings in effect; tokens, and the values of all environments, are shown as `***`
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
            let source = source(&config);
            // The overlay's own was said as it was read.
            let of_overlay = usize::from(config.overlay_fault.is_some());
            let mistakes = daemon::mistakes(config, &context.env)?;
            for mistake in &mistakes {
                say(&plain(mistake));
            }
            match mistakes.len() + of_overlay {
                0 => out.line(&format!("{source} can be used"))?,
                1 => return Err(Failure::failed("there is a mistake in the configuration")),
                all => {
                    return Err(Failure::failed(format!(
                        "there are {all} mistakes in the configuration"
                    )));
                }
            }
        }
        Verb::Show(show) => {
            let config = load(show.file.as_deref(), context)?;
            let shown = without_secrets(config.settings.clone());
            say(&format!(
                "{}, and what the Settings page put over it",
                source(&config)
            ));
            if show.json {
                out.json(&shown)?;
            } else {
                out.text(&serde_saphyr::to_string(&shown).map_err(Failure::internal)?)?;
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

/// The settings with `***` for what may be a secret; the key of turnq is never written.
fn without_secrets(mut settings: Settings) -> Settings {
    let hidden = || "***".to_owned();
    if let Some(token) = &mut settings.server.token {
        *token = hidden();
    }
    settings.turnq.url = settings.turnq.url.as_deref().map(redact);
    let of_agents = settings.agents.values_mut().map(|agent| &mut agent.env);
    let of_sessions = settings.sessions.iter_mut().map(|planned| &mut planned.env);
    for value in of_agents.chain(of_sessions).flat_map(|env| env.values_mut()) {
        *value = hidden();
    }
    settings
}

fn source(config: &Config) -> String {
    match &config.source {
        Some(path) => path.display().to_string(),
        None => "there is no configuration file: the defaults".to_owned(),
    }
}
