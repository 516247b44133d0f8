//! The one integration binary: the real program, real tmux, real programs in its panes.

#![allow(unreachable_pub, reason = "the harness is written as the small library it is")]

mod architecture;
mod lab;
mod life;
mod outside;
mod recovery;
mod sessions;
mod traps;
