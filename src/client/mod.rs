//! One way to reach the daemon: HTTP over its Unix socket, starting it in the background if none runs.
//!
//! Knows the wire types and nothing of the server.

mod credentials;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod http;
mod launch;
mod path;
mod stream;

pub use credentials::{Asked, Credentials, CredentialsError, Profile, Remote, profile_name, resolve};
pub use error::{ClientError, LaunchError};
pub use http::Client;
pub use launch::{Launcher, connect, running};
pub(crate) use path::{api_path, session_path, turn_path};
pub use stream::Stream;
