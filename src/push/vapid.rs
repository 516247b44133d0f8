//! Who sends: a key of this daemon, and the word that it signs for each push service (RFC 8292).

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::json;

use crate::store::file;

/// How long a word is good; a day is the most that is allowed.
const GOOD_FOR: Duration = Duration::from_hours(12);
/// Whom a service may write to if the configuration names nobody.
const CONTACT: &str = env!("CARGO_PKG_REPOSITORY");

/// The key by which push services know this daemon.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// Reads the key, or makes it, and says whether it is new: then devices have to subscribe again. A file that holds none is
    /// set aside. Blocks on the disk.
    pub(super) fn open(path: &Path) -> io::Result<(Self, bool)> {
        let random = SystemRandom::new();
        let kept = file::read(path).map_err(io::Error::other)?;
        if let Some(pair) = kept.as_deref().and_then(|text| read(text, &random).ok()) {
            return Ok((Self { pair, random }, false));
        }
        if kept.is_some() {
            let aside = file::set_aside(path).map_err(io::Error::other)?;
            tracing::error!(aside = %aside.display(), "the push key was corrupt and was set aside");
        }
        let pair = read(&make(path, &random)?, &random)?;
        Ok((Self { pair, random }, true))
    }

    /// The public key, as browsers want it.
    pub(super) fn public(&self) -> String {
        BASE64.encode(self.pair.public_key())
    }

    /// The value of `Authorization` for a service.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn word(&self, origin: &str, contact: Option<&str>) -> io::Result<String> {
        let until = SystemTime::now() + GOOD_FOR;
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({ "aud": origin, "exp": until, "sub": contact.unwrap_or(CONTACT) });
        let said = format!(
            "{}.{}",
            BASE64.encode(head.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signed = self.pair.sign(&self.random, said.as_bytes());
        let signed = signed.map_err(|_| io::Error::other("no random numbers"))?;
        Ok(format!(
            "vapid t={said}.{}, k={}",
            BASE64.encode(signed),
            self.public()
        ))
    }
}

fn read(text: &[u8], random: &SystemRandom) -> io::Result<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, text, random)
        .map_err(|error| io::Error::other(error.to_string()))
}

fn make(path: &Path, random: &SystemRandom) -> io::Result<Vec<u8>> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random)
        .map_err(|_| io::Error::other("no random numbers"))?;
    file::replace(path, made.as_ref()).map_err(io::Error::other)?;
    Ok(made.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;
    use crate::{config::Environment, store::StateDir};

    #[test]
    fn the_key_stays_the_same_and_its_word_can_be_proven() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.key");
        let ((first, made), (again, made_again)) =
            (Signer::open(&path).unwrap(), Signer::open(&path).unwrap());
        assert!(made && !made_again);
        assert_eq!(first.public(), again.public());
        let word = again.word("https://push.example", None).unwrap();
        let token = word.strip_prefix("vapid t=").unwrap();
        let (token, key) = token.split_once(", k=").unwrap();
        let (said, signature) = token.rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(key).unwrap());
        key.verify(said.as_bytes(), &BASE64.decode(signature).unwrap())
            .unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&BASE64.decode(said.split_once('.').unwrap().1).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example");
        assert!(claims["sub"].as_str().unwrap().starts_with("https://"));
    }

    #[test]
    fn what_is_no_key_is_set_aside_for_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&Environment::new(dir.path(), dir.path(), [])).unwrap();
        let path = state.path().join("push.key");
        std::fs::write(&path, "none").unwrap();
        let (made, is_new) = Signer::open(&path).unwrap();
        assert!(is_new);
        let aside = state.push_notices();
        assert_eq!(std::fs::read(&aside[0].0).unwrap(), b"none");
        assert_eq!(Signer::open(&path).unwrap().0.public(), made.public());
    }
}
