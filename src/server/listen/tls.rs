//! TLS: a certificate of the operator's own, or one that the daemon makes for itself and keeps.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{SHA256, digest};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
};

/// Why TLS can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} holds no {what} in PEM form", path.display())]
    Pem {
        path: PathBuf,
        what: &'static str,
        source: pem::Error,
    },
    #[error("the certificate and the key can't be used: {0}")]
    Pair(#[from] rustls::Error),
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// A certificate that can be served with.
pub(crate) struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    /// What clients may pin: `sha256:` and the hash of the certificate, in hexadecimal.
    pub(crate) fingerprint: String,
}

/// A certificate and its key from the operator's files.
pub(crate) fn files(certificate: &Path, key: &Path) -> Result<Certificate, TlsError> {
    let (chain, key_text) = (read(certificate)?, read(key)?);
    let broken = |path: &Path, what| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, what, source }
    };
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        })
        .map_err(broken(certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(broken(key, "private key"))?;
    let fingerprint = fingerprint(&chain[0]);
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Certificate {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        fingerprint,
    })
}

/// Makes a certificate for these names that vouches for itself: its text and its key's.
pub(crate) fn self_signed(names: Vec<String>) -> Result<(String, String), TlsError> {
    let made = rcgen::generate_simple_self_signed(names)?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let hash = digest(&SHA256, certificate);
    hash.as_ref()
        .iter()
        .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_vouches_for_itself_can_be_served_with() {
        let dir = tempfile::tempdir().unwrap();
        let (cert, key) = (dir.path().join("c"), dir.path().join("k"));
        let (cert_text, key_text) =
            self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        fs::write(&cert, cert_text).unwrap();
        fs::write(&key, key_text).unwrap();
        let fingerprint = files(&cert, &key).unwrap().fingerprint;
        assert_eq!(fingerprint.len(), "sha256:".len() + 64);
        assert_eq!(fingerprint, files(&cert, &key).unwrap().fingerprint);
    }

    #[test]
    fn files_that_hold_something_else_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let wrong = dir.path().join("wrong.pem");
        fs::write(&wrong, "hello").unwrap();
        let said = files(&wrong, &wrong).err().unwrap().to_string();
        assert!(said.contains("wrong.pem holds no certificate"), "{said}");
        let absent = files(&dir.path().join("absent"), &wrong).err().unwrap();
        assert!(matches!(absent, TlsError::Read { .. }));
    }
}
