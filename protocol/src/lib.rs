//! The languages llmux speaks, as values: tmux control mode and the llmux API.
//!
//! Bytes in, values out. Nothing here does IO, reads a clock or an environment, or starts a process.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod api;
pub mod control;
mod id;
mod name;

pub use id::{BadId, PaneId, SessionId, WindowId};
pub use name::{BadName, MAX_NAME_BYTES, SessionName};
