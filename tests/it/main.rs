//! The one integration binary: the real program, real tmux, real programs in its panes.
#![allow(clippy::unwrap_used, reason = "a test that can't go on says where")]
#![allow(
    unreachable_pub,
    reason = "one binary, in which `pub` only says: for the other files"
)]

mod architecture;
mod attach;
mod bad_disk;
mod bad_input;
mod banner;
mod bench;
mod binding;
mod compat;
mod config;
mod contract;
mod conversations;
mod daemon;
mod demo;
mod demo_sessions;
mod doctor;
mod following;
mod helper;
mod hooks;
mod hostile;
mod http;
mod lab;
mod life;
mod mcp;
mod network;
mod outside;
mod panes;
mod planned;
mod process_tree;
mod push;
mod readme;
mod real_programs;
mod receipts;
mod recordings;
mod recovery;
mod registry;
mod reload;
mod rest;
mod revocation;
mod screen;
mod service;
mod sessions;
mod shell;
mod sign_ins;
mod sizes;
mod socket;
mod traps;
mod turns;
mod users;
mod viewer;
