//! The one integration binary: the real program, real tmux, real programs in its panes.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod architecture;
mod bad_input;
mod contract;
mod daemon;
mod demo_sessions;
#[allow(unreachable_pub, reason = "what tests share is public to them")]
mod lab;
mod process_tree;
mod real_programs;
mod registry;
mod sessions;
