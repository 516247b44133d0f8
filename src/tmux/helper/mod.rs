//! The small processes around tmux, each a hidden subcommand of `llmux`.
//!
//! They exist so that the daemon needs no unsafe code to look after processes: what must happen
//! between `fork` and `exec`, or inside a pane, happens in a program of its own.

pub mod client;
pub mod guard;
mod message;
mod refusal;
mod signals;
pub mod stage;
pub mod terminal;
pub mod wrapper;
