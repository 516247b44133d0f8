//! Agents: how each CLI is found, started, read and ended. Data in `assets/agents.toml`, rules here.
//!
//! A leaf: a rule looks at rows of text, never at a pane.

mod catalog;
mod command_line;
mod composer;
mod conversation;
mod data;
mod detect;
pub mod dialog;
pub mod history;
pub mod hooks;
mod keys;
mod launch;
mod rule;
mod rules;
pub mod transcript;
pub mod trust;

pub use catalog::{Agent, Builtin, Catalog, CatalogError, Submit};
pub use command_line::{CommandLineError, split};
pub use composer::Composer;
pub use data::Overrides;
pub use detect::ProgramSearch;
pub use keys::{BadKeys, parse as parse_keys};
pub use rule::BadRule;
pub use rules::{Read, Rules, Seen, Sight};
