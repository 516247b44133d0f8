//! llmux: AI agent CLIs in named tmux sessions, addressable from a pipeline, an API and a browser.

pub mod agent;
pub mod cli;
pub mod client;
pub mod config;
pub mod nearest;
pub mod store;
pub mod tmux;
