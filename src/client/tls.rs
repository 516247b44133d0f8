//! Whom a client trusts: the system's authorities, one of its own, or exactly one certificate.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use super::ClientError;

/// Whom a client trusts over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Authorities in PEM form, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The one certificate, as `sha256:` and its hash in hexadecimal, whoever vouches for it.
    pub pin: Option<String>,
}

impl Trust {
    /// How one is named on the command line, if one is; the pin counts before the authorities.
    pub(super) fn named_by(&self) -> Option<&'static str> {
        match self {
            Self { pin: Some(_), .. } => Some("--pin (LLMUX_PIN)"),
            Self { ca_file: Some(_), .. } => Some("--ca-file (LLMUX_CA_FILE)"),
            _ => None,
        }
    }
}

pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, ClientError> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(error.to_string()))?;
    let config = match (&trust.pin, &trust.ca_file) {
        (Some(pin), _) => {
            let pinned = Pinned {
                hash: hash(pin)?,
                provider,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(pinned))
                .with_no_client_auth()
        }
        (None, Some(file)) => builder
            .with_root_certificates(of_file(file)?)
            .with_no_client_auth(),
        (None, None) => builder.with_root_certificates(of_system()).with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// The system's authorities; those that can't be read are left out, and without any no server is trusted.
fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn of_file(file: &Path) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(format!("{}: {error}", file.display())))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(bad(format!("{} holds no certificate", file.display())));
    }
    Ok(roots)
}

fn bad(why: String) -> ClientError {
    ClientError::BadTrust(why)
}

/// The hash in a pin; colons between its bytes, as openssl prints them, are taken too.
fn hash(pin: &str) -> Result<[u8; 32], ClientError> {
    let wrong = || {
        bad(format!(
            "{pin:?} is no fingerprint, such as sha256:12ab.. with 64 digits"
        ))
    };
    let digits = pin
        .trim()
        .strip_prefix("sha256:")
        .ok_or_else(wrong)?
        .replace(':', "");
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(wrong());
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(hash)
}

/// Trusts exactly one certificate.
#[derive(Debug)]
struct Pinned {
    hash: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if digest(&SHA256, certificate).as_ref() == self.hash {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_printed() {
        let plain = format!("sha256:{}", "0f".repeat(32));
        let colons = format!("sha256:{}", vec!["0F"; 32].join(":"));
        assert_eq!(hash(&plain).unwrap(), [15; 32]);
        assert_eq!(hash(&colons).unwrap(), [15; 32]);
        for wrong in [
            "",
            "sha256:",
            "sha256:0f",
            &plain[7..],
            &plain.replace('f', "g"),
            "sha256:é",
        ] {
            assert!(hash(wrong).is_err(), "{wrong}");
        }
    }
}
