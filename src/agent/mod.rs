//! Agents: how each CLI is found, started, recognised as ready and ended. Data in `assets/agents.toml`, rules here.
//!
//! A leaf: a rule looks at rows of text, never at a pane.

mod catalog;
mod command_line;
mod data;
mod detect;
mod keys;
mod rule;
pub mod transcript;

pub use catalog::{Agent, Builtin, Catalog, CatalogError, Submit};
pub use command_line::{CommandLineError, split};
pub use detect::ProgramSearch;
pub use keys::{BadKeys, parse as parse_keys};
pub use rule::{BadRule, Rule};
