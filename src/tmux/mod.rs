//! tmux: nobody else names it.

pub mod attach;
mod socket;

pub use socket::TmuxSocket;
