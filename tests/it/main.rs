//! The one integration binary: the real program, real tmux, real programs in its panes.

mod architecture;
mod lab;
mod life;
mod outside;
mod recovery;
mod sessions;
mod traps;
