//! The one integration binary: the real program, real tmux, real programs in its panes.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

mod architecture;
mod bad_input;
mod bench;
mod contract;
mod conversations;
mod daemon;
mod demo;
mod demo_sessions;
mod helper;
mod lab;
mod life;
mod outside;
mod panes;
mod planned;
mod process_tree;
mod real_programs;
mod recordings;
mod recovery;
mod registry;
mod screen;
mod sessions;
mod traps;
mod turns;
