//! llmux: AI agent CLIs in named tmux sessions, addressable from a pipeline, an API and a browser.
//!
//! `ARCHITECTURE.md` is the map. Imports run one way; `tests/it/architecture.rs` holds them to it.

pub mod agent;
mod auth;
pub mod bus;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod demo;
mod dial;
pub mod logs;
pub mod nearest;
mod pane;
mod push;
mod reach;
pub mod screen;
mod server;
mod session;
pub mod store;
pub mod tmux;
mod tty;
mod turn;
