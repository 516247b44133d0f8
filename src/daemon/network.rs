//! The daemon's place in the network: at which address, and with which certificate.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use llmux_protocol::api::NetworkStatus;
use tokio_rustls::TlsAcceptor;

use super::DaemonError;
use crate::{
    config::{Config, Environment},
    reach::{self, Tailscale},
    server::listen::{self, Certificate},
    store::{StateDir, file},
};

/// Where the daemon listens if nobody says another port.
const PORT: u16 = 3001;
/// And another host.
const HOST: &str = "0.0.0.0";

/// What a daemon is told about the network.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// The port, before `LLMUXD_PORT` and the configuration's.
    pub port: Option<u16>,
    /// How it is encrypted.
    pub tls: Tls,
}

/// How the network is encrypted.
#[derive(Debug, Clone, Default)]
pub enum Tls {
    /// Not at all.
    #[default]
    Off,
    /// With a certificate that the daemon makes for itself.
    SelfSigned,
    /// With the operator's own.
    Files {
        /// The certificate and those that vouch for it, in PEM form.
        certificate: PathBuf,
        /// Its private key, in PEM form.
        key: PathBuf,
    },
}

/// Where and how the daemon will listen, known to be possible but for the port.
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) certificate: Option<Certificate>,
    tailscale: Tailscale,
}

impl Plan {
    pub(super) async fn new(
        network: &Network,
        environment: &Environment,
        config: &Config,
        state: &StateDir,
    ) -> Result<Self, DaemonError> {
        let address = address(network.port, environment, config)?;
        Ok(Self {
            address,
            certificate: certificate(&network.tls, environment, state)?,
            tailscale: Tailscale::ask().await,
        })
    }

    pub(super) fn bind(&self) -> Result<TcpListener, DaemonError> {
        listen::bind_tcp(self.address).map_err(|source| DaemonError::Port {
            address: self.address,
            source,
        })
    }

    /// What speaks TLS for it, if it has a certificate.
    pub(super) fn into_acceptor(self) -> Option<TlsAcceptor> {
        self.certificate.map(|made| made.acceptor)
    }

    /// What the daemon says of the network that it serves.
    pub(super) fn status(&self, listener: &TcpListener) -> io::Result<NetworkStatus> {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let address = listener.local_addr()?;
        Ok(NetworkStatus {
            address: address.to_string(),
            url: format!("{scheme}://{address}"),
            fingerprint: self.certificate.as_ref().map(|made| made.fingerprint.clone()),
            endpoints: reach::endpoints(
                address,
                self.certificate.is_some(),
                &self.tailscale.mappings(address),
            ),
        })
    }
}

/// Where a daemon listens for the network: at `port`, else what `LLMUXD_PORT` and the configuration say, on the host of
/// `LLMUXD_HOST`.
///
/// # Errors
/// A variable holds no port or no address.
pub fn address(
    port: Option<u16>,
    environment: &Environment,
    config: &Config,
) -> Result<SocketAddr, DaemonError> {
    let port = match (port, environment.text("LLMUXD_PORT")) {
        (Some(port), _) => port,
        (None, Some(text)) => {
            text.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| DaemonError::BadPort {
                    port: text.to_owned(),
                    place: environment.place("LLMUXD_PORT"),
                })?
        }
        (None, None) => config.server.port.unwrap_or(PORT),
    };
    let host = environment.text("LLMUXD_HOST").unwrap_or(HOST);
    listen::address(host, port).map_err(|source| DaemonError::BadHost {
        host: host.to_owned(),
        place: environment.place("LLMUXD_HOST"),
        source,
    })
}

fn certificate(
    tls: &Tls,
    environment: &Environment,
    state: &StateDir,
) -> Result<Option<Certificate>, DaemonError> {
    let (certificate, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { certificate, key } => (environment.resolve(certificate), environment.resolve(key)),
        Tls::SelfSigned => own(state)?,
    };
    Ok(Some(listen::files(&certificate, &key)?))
}

/// The daemon's own certificate, made at the first start: who has pinned it finds the same again.
fn own(state: &StateDir) -> Result<(PathBuf, PathBuf), DaemonError> {
    let (certificate, key) = state.certificate();
    let has = |path: &Path| path.exists();
    if !has(&certificate) || !has(&key) {
        let (certificate_text, key_text) = listen::self_signed(names())?;
        file::replace(&key, key_text.as_bytes())?;
        file::replace(&certificate, certificate_text.as_bytes())?;
    }
    Ok((certificate, key))
}

/// What this host is called.
fn names() -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if !host.is_empty() && host != "localhost" {
        names.push(host);
    }
    names
}
