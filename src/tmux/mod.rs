//! Everything that touches tmux.

pub mod helper;
