//! Connections to other people's servers: TCP, and TLS that trusts whom the system trusts.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a connection is encrypted: by whom it is vouched for, and as whom.
pub(crate) type Tls = (TlsConnector, ServerName<'static>);

/// Encrypts what was connected, if that is wanted.
pub(crate) async fn encrypt(stream: TcpStream, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
    Ok(match tls {
        None => Box::new(stream),
        Some((tls, name)) => Box::new(tls.connect(name.clone(), stream).await?),
    })
}

/// TLS that trusts whom the system trusts.
///
/// # Errors
/// Why there is nobody whom it trusts.
pub(crate) fn system_tls() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One certificate that can't be read does not spoil the others.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map(ToString::to_string);
        return Err(why.unwrap_or_else(|| "the system has no CA certificates".into()));
    }
    tls_with(roots)
}

/// TLS that trusts these.
pub(crate) fn tls_with(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
