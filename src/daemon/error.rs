//! Why a daemon can't run.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    agent::CatalogError,
    config::ConfigError,
    server::listen::TlsError,
    store::{DirError, FileError, JournalError},
    tmux::Unusable,
    turn::turnq::TurnqError,
};

/// Why a daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state or runtime directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirError),
    /// The lock can't be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The agents are wrong.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A setting can't be used; it says which, and where it stands.
    #[error("{0}")]
    Setting(String),
    /// tmux can't be used.
    #[error(transparent)]
    Tmux(#[from] Unusable),
    /// tmux does not answer.
    #[error("cannot connect to tmux{}", .0.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoConnection(Option<String>),
    /// The socket can't be bound.
    #[error("cannot listen on {}: {source}", path.display())]
    Bind {
        /// The socket's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `LLMUXD_PORT` is no port.
    #[error("{}LLMUXD_PORT is {port:?}, not a port from 1 to 65535", before(place.as_ref()))]
    BadPort {
        /// What it is.
        port: String,
        /// Where it stands, if in a file.
        place: Option<String>,
    },
    /// `LLMUXD_HOST` is no address.
    #[error("{}cannot listen on the host {host:?} of LLMUXD_HOST: {source}", before(place.as_ref()))]
    BadHost {
        /// The host.
        host: String,
        /// Where it stands, if in a file.
        place: Option<String>,
        /// Why.
        source: io::Error,
    },
    /// The port can't be had.
    #[error("cannot listen on {address}: {}", port_trouble(source))]
    Port {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The network can't be encrypted.
    #[error("{}", with_source(.0))]
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// Another daemon has the state directory and listens somewhere else, or not at all.
    #[error("another daemon keeps this state directory and does not listen on {}", .0.display())]
    Deaf(PathBuf),
    /// A person runs the other daemon in a terminal: it is not taken from them.
    #[error("a daemon runs in the foreground already, pid {0}")]
    Foreground(u32),
    /// The other daemon does not give way.
    #[error("cannot take over from the running daemon: {0}")]
    Takeover(String),
    /// The journal of turns, or the turnq coordinator as it is configured, can't be used.
    #[error("{message}")]
    Turns {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Something the system owes us.
    #[error("cannot start the daemon: {0}")]
    Io(#[from] io::Error),
}

fn before(place: Option<&String>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}

fn port_trouble(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "no network interface has this address".to_owned(),
        _ => error.to_string(),
    }
}

#[expect(clippy::borrowed_box, reason = "it is what thiserror hands over")]
fn with_source(error: &Box<dyn std::error::Error + Send + Sync>) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<TlsError> for DaemonError {
    fn from(error: TlsError) -> Self {
        Self::Tls(Box::new(error))
    }
}

impl From<JournalError> for DaemonError {
    fn from(error: JournalError) -> Self {
        Self::Turns {
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl From<TurnqError> for DaemonError {
    fn from(error: TurnqError) -> Self {
        Self::Turns {
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl DaemonError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tmux(error) => Some(error.hint().to_owned()),
            Self::Turns { hint, .. } => Some(hint.clone()),
            Self::NoConnection(Some(why)) if why.contains("duplicate session") => {
                Some("another llmux daemon drives this tmux server; stop it, or use another with --tmux-socket NAME".into())
            }
            Self::NoConnection(_) => Some("see whether `tmux ls` works".into()),
            Self::Deaf(_) => Some("is LLMUX_SOCKET or XDG_RUNTIME_DIR another one than that daemon's?".into()),
            Self::Foreground(_) => {
                Some("stop it first: llmux server stop; or take its place: llmux server start --replace".into())
            }
            Self::BadPort { .. } => Some("set it to a port, or name one by --port".into()),
            Self::BadHost { .. } => Some("set LLMUXD_HOST to an address of this host, such as 127.0.0.1".into()),
            Self::Port { address, source } if source.kind() == io::ErrorKind::AddrInUse => Some(format!(
                "see who has it: ss -ltnp 'sport = :{0}'; or choose another: llmux server start --port {1}",
                address.port(),
                if address.port() == 3001 { 3002 } else { 3001 },
            )),
            Self::Port { address, source } if source.kind() == io::ErrorKind::PermissionDenied => Some(format!(
                "only root may listen on ports below 1024; choose another: llmux server start --port {}",
                if address.port() == 443 { 8443 } else { 8080 },
            )),
            Self::Port { address, source } if source.kind() == io::ErrorKind::AddrNotAvailable => Some(format!(
                "{} is not an address of this host; set LLMUXD_HOST to one that `ip address` shows, or to 0.0.0.0 for all",
                address.ip(),
            )),
            Self::Port { .. } => Some("choose another port by --port, or another address by LLMUXD_HOST".into()),
            Self::Tls(_) => Some("--tls-cert and --tls-key name PEM files that belong together; --tls makes both".into()),
            Self::Takeover(_) => Some("`llmux server stop` ends it".into()),
            Self::Bind { .. } => Some("remove what is there, or set LLMUX_SOCKET to another path".into()),
            Self::Config(error) => Some(error.hint()),
            Self::Directory(error) => Some(error.hint()),
            Self::File(_) => Some("see whether the state directory can be written to, and whether the disk is full".into()),
            Self::Catalog(_) | Self::Setting(_) => Some("correct the configuration file; nothing was started".into()),
            Self::Io(_) => Some("see whether the runtime directory can be written to, and whether the disk is full".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_an_address_that_cannot_be_had_is_about_what_is_wrong_with_it() {
        let hint = |address: &str, kind: io::ErrorKind| {
            let (address, source) = (address.parse().unwrap(), kind.into());
            DaemonError::Port { address, source }.hint().unwrap()
        };
        let low = hint("127.0.0.1:80", io::ErrorKind::PermissionDenied);
        assert!(
            low.contains("below 1024") && low.ends_with("--port 8080"),
            "{low}"
        );
        let far = hint("8.8.8.8:3001", io::ErrorKind::AddrNotAvailable);
        assert!(far.starts_with("8.8.8.8 is not an address of this host"), "{far}");
        let taken = hint("127.0.0.1:3001", io::ErrorKind::AddrInUse);
        assert!(taken.ends_with("--port 3002"), "{taken}");
    }
}
