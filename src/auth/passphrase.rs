//! Passphrases as they are stored: `scrypt$N$SALT$KEY`, r = 8, p = 1, base64 with padding.

use std::str::FromStr;

use scrypt::{Params, scrypt};

use super::{
    AuthError,
    secret::{from_base64, random, same, to_base64},
};

const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 1;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 64;
/// N is read from the file. Above this a single check would take a gigabyte and many seconds.
const MAX_LOG_N: u8 = 20;
const MIN_CHARS: usize = 8;
/// Nobody types more, and hashing more is only work.
const MAX_BYTES: usize = 1024;

/// A stored passphrase.
pub(super) struct Hashed {
    log_n: u8,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl FromStr for Hashed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('$');
        let (kind, n, salt, key) = (parts.next(), parts.next(), parts.next(), parts.next());
        let n: u64 = n.and_then(|n| n.parse().ok()).ok_or(())?;
        let log_n = n.trailing_zeros() as u8;
        let (salt, key) = (
            salt.and_then(from_base64).ok_or(())?,
            key.and_then(from_base64).ok_or(())?,
        );
        let known = kind == Some("scrypt") && parts.next().is_none();
        let fits = n.is_power_of_two() && (1..=MAX_LOG_N).contains(&log_n) && (16..=256).contains(&key.len());
        (known && fits).then_some(Self { log_n, salt, key }).ok_or(())
    }
}

impl Hashed {
    /// One that no passphrase matches, as costly to check as another: who is unknown is not told apart by time.
    pub(super) fn nobody(log_n: u8) -> Self {
        Self {
            log_n,
            salt: vec![0; SALT_BYTES],
            // Some passphrase has this key as it has any other; it is as hard to find.
            key: vec![0; KEY_BYTES],
        }
    }

    /// Whether this is the passphrase. Takes a third of a second and 128 MiB at the usual cost.
    pub(super) fn matches(&self, passphrase: &str) -> bool {
        let mut key = vec![0; self.key.len()];
        derive(passphrase, &self.salt, self.log_n, &mut key) && same(&key, &self.key)
    }
}

/// Hashes a new passphrase, as costly as [`Hashed::matches`].
pub(super) fn hash(passphrase: &str, log_n: u8) -> Result<String, AuthError> {
    let salt = random::<SALT_BYTES>()?;
    let mut key = [0; KEY_BYTES];
    if !derive(passphrase, &salt, log_n, &mut key) {
        return Err(AuthError::Internal {
            action: "hash the passphrase",
            source: std::io::Error::other("scrypt refused its parameters"),
        });
    }
    Ok(format!(
        "scrypt${}${}${}",
        1_u64 << log_n,
        to_base64(&salt),
        to_base64(&key)
    ))
}

fn derive(passphrase: &str, salt: &[u8], log_n: u8, key: &mut [u8]) -> bool {
    Params::new(log_n, BLOCK_SIZE, PARALLELISM)
        .is_ok_and(|params| scrypt(passphrase.as_bytes(), salt, &params, key).is_ok())
}

/// Whether a new passphrase will do. Its length is counted in UTF-16 units, as the Node program does.
pub(super) fn check(passphrase: &str) -> Result<(), AuthError> {
    if passphrase.encode_utf16().count() < MIN_CHARS {
        return Err(AuthError::invalid("passphrase must be at least 8 characters"));
    }
    if passphrase.len() > MAX_BYTES {
        return Err(AuthError::invalid("passphrase must be at most 1024 bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Node 20: `crypto.scryptSync(passphrase, salt, 64, {N: 131072, r: 8, p: 1, maxmem: 256 << 20})`.
    const NODE: &str = include_str!("../../tests/fixtures/auth/node-scrypt.txt");

    #[test]
    fn a_passphrase_that_node_hashed_is_recognised() {
        let hashed: Hashed = NODE.trim().parse().unwrap();
        assert_eq!((hashed.log_n, hashed.salt.len(), hashed.key.len()), (17, 16, 64));
        assert!(hashed.matches("correct horse – Batterie"));
        assert!(!hashed.matches("correct horse - Batterie"));
    }

    #[test]
    fn a_hash_has_the_shape_node_reads_and_a_salt_of_its_own() {
        let (one, two) = (hash("passphrase", 4).unwrap(), hash("passphrase", 4).unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("scrypt$16$") && one.len() == "scrypt$16$".len() + 24 + 1 + 88);
        let hashed: Hashed = one.parse().unwrap();
        assert!(hashed.matches("passphrase") && !hashed.matches("Passphrase") && !hashed.matches(""));
    }

    #[test]
    fn nobody_has_no_passphrase() {
        for text in ["", "x", "passphrase"] {
            assert!(!Hashed::nobody(4).matches(text));
        }
    }

    #[test]
    fn what_is_no_hash_is_refused_without_work() {
        let salt = to_base64(&[0; 16]);
        let key = to_base64(&[0; 64]);
        for text in [
            String::new(),
            "scrypt".to_owned(),
            format!("bcrypt$16${salt}${key}"),
            format!("scrypt$0${salt}${key}"),
            format!("scrypt$17${salt}${key}"),
            format!("scrypt${}${salt}${key}", 1_u64 << 40),
            format!("scrypt$16${salt}${key}$x"),
            format!("scrypt$16${salt}$"),
            format!("scrypt$16$!${key}"),
        ] {
            assert!(text.parse::<Hashed>().is_err(), "{text}");
        }
    }

    #[test]
    fn short_and_endless_passphrases_are_refused() {
        assert!(check("1234567").is_err() && check("12345678").is_ok());
        // Two UTF-16 units each.
        assert!(check("🦀🦀🦀🦀").is_ok());
        assert!(check(&"x".repeat(1025)).is_err());
    }
}
