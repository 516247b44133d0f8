//! One way to reach the daemon: HTTP over its Unix socket, starting it in the background if none runs.
//!
//! Knows the wire types and nothing of the server.

mod error;
#[cfg(test)]
pub(crate) mod fake;
mod http;
mod launch;
mod path;
mod socket;
mod stream;

pub use error::{ClientError, LaunchError};
pub use http::Client;
pub use launch::{Launcher, connect, running};
pub(crate) use path::{session_path, turn_path};
pub use socket::{Ear, Heard, Mouth, Place, view};
pub use stream::Stream;
