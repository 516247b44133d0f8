//! The traps of tmux control mode, each as a claim that llmux does not fall into it.
//!
//! The numbers in the tests' comments are those of the list that the design keeps; every one stands for something that
//! went wrong with a real tmux.

mod input;
mod output;
mod people;
mod server;
