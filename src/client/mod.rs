//! One way to reach the daemon: HTTP over its Unix socket, starting it in the background if none runs.
//!
//! Knows the wire types and nothing of the server.

mod error;
mod http;
mod launch;

pub use error::{ClientError, LaunchError};
pub(crate) use http::session_path;
pub use http::{Client, Stream};
pub use launch::{Launcher, connect, running};
