//! Random texts, digests, and comparisons that take the same time whatever differs.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::digest::{SHA256, digest};

use super::AuthError;

/// A SHA-256 digest.
pub(super) type Digest = [u8; 32];

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Internal {
        action: "get random bytes from the system",
        source: error.into(),
    })?;
    Ok(bytes)
}

/// A random text for URLs and headers, of `N` bytes.
pub(super) fn random_text<const N: usize>() -> Result<String, AuthError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<N>()?))
}

pub(super) fn sha256(text: &str) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads hexadecimal of 32 bytes.
pub(super) fn from_hex(text: &str) -> Option<Digest> {
    Some(*blake3::Hash::from_hex(text).ok()?.as_bytes())
}

pub(super) fn to_hex(digest: Digest) -> String {
    blake3::Hash::from_bytes(digest).to_hex().to_string()
}

/// Compares in a time that depends on the lengths only.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    // Comparing two `blake3::Hash` is constant in time.
    blake3::hash(a) == blake3::hash(b)
}
