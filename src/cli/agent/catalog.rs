//! The catalog as this host's files have it, read without a daemon.

use crate::{
    agent::{Catalog, Overrides},
    cli::{context::Context, failure::Failure},
    config::Config,
    nearest::near,
};

/// Reads the catalog with the operator's changes.
pub(crate) fn load(context: &Context) -> Result<Catalog, Failure> {
    of(&Config::load(None, &context.env)?, context)
}

/// The catalog that a configuration makes.
pub(crate) fn of(config: &Config, context: &Context) -> Result<Catalog, Failure> {
    Ok(Catalog::new(
        Overrides::read(&context.env.agents_dir()),
        &config.agents,
    )?)
}

/// Says that there is no such agent, and which are near.
pub(super) fn unknown<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Failure {
    let failure = Failure::failed(format!("unknown agent \"{key}\""));
    match &near(key, known)[..] {
        [] => failure.hint("see them with: llmux agent list --all"),
        near => failure.hint(format!("did you mean {}?", near.join(", "))),
    }
}
