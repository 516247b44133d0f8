//! Codes that are good once, for a short time. They live in memory only.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use llmux_protocol::api::Secret;

use super::{AuthError, secret::random_text};
use crate::store::time;

/// How many codes may be open at once.
const CAPACITY: usize = 1024;

/// Open codes, each with what it stands for.
pub(super) struct Once<T> {
    life: Duration,
    /// By the code's hash: looking a code up takes no time that tells how much of it was right.
    open: Mutex<HashMap<blake3::Hash, (Instant, T)>>,
}

/// A code that was just made.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) code: Secret,
    /// When it ends, RFC 3339.
    pub(crate) expires_at: String,
}

impl<T> Once<T> {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            open: Mutex::default(),
        }
    }

    /// Makes a code.
    pub(super) fn issue(&self, value: T) -> Result<Issued, AuthError> {
        let code = random_text::<24>()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        open.retain(|_, (end, _)| *end > now);
        if open.len() >= CAPACITY {
            return Err(AuthError::Busy(self.life));
        }
        open.insert(blake3::hash(code.as_bytes()), (now + self.life, value));
        Ok(Issued {
            code: Secret::new(code),
            expires_at: time::rfc3339(SystemTime::now() + self.life),
        })
    }

    /// Spends a code.
    pub(super) fn take(&self, code: &str) -> Option<T> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, value) = open.remove(&blake3::hash(code.as_bytes()))?;
        (end > Instant::now()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once() {
        let codes = Once::new(Duration::from_mins(1));
        let (one, two) = (codes.issue(1).unwrap(), codes.issue(2).unwrap());
        assert_eq!(codes.take("x"), None);
        assert_eq!(codes.take(two.code.expose()), Some(2));
        assert_eq!(codes.take(two.code.expose()), None);
        assert_eq!(codes.take(one.code.expose()), Some(1));
        assert!(!format!("{one:?}").contains(one.code.expose()));
    }

    #[test]
    fn a_code_ends_by_itself_and_makes_room() {
        let codes = Once::new(Duration::ZERO);
        for n in 0..CAPACITY * 2 {
            let issued = codes.issue(n).unwrap();
            assert_eq!(codes.take(issued.code.expose()), None);
        }
        let codes = Once::new(Duration::from_mins(1));
        for n in 0..CAPACITY {
            codes.issue(n).unwrap();
        }
        assert!(matches!(codes.issue(0), Err(AuthError::Busy(_))));
    }
}
