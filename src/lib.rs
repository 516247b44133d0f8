//! llmux: AI agent CLIs in named tmux sessions, addressable from a pipeline, an API and a browser.

pub mod demo;
pub mod tmux;
