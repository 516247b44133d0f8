//! The one integration binary: the real program, real tmux, real programs in its panes.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

mod architecture;
mod demo;
mod helper;
mod lab;
mod life;
mod outside;
mod panes;
mod recovery;
mod screen;
mod sessions;
mod traps;
