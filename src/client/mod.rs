//! One way to reach a daemon: HTTP over its Unix socket, starting it in the background if none runs, or over the network.
//!
//! Knows the wire types and nothing of the server.

mod credentials;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod http;
mod launch;
mod next;
mod path;
mod socket;
mod stream;
mod target;
mod tls;

pub use credentials::{Asked, Credentials, CredentialsError, Destination, Profile, profile_name, resolve};
pub use error::{ClientError, LaunchError};
pub use http::Client;
pub use launch::{Launcher, connect, running};
pub use next::Feed;
pub(crate) use path::{api_path, session_path, turn_path};
pub use socket::{Ear, Heard, Mouth, Place, view};
pub use stream::Stream;
pub use target::{Remote, Target};
pub use tls::Trust;
