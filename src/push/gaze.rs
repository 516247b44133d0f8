//! Who looks at which session right now: what a person sees is not told to their other devices.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A person and a session.
type Pair = (Arc<str>, Arc<str>);

/// Who looks where. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Gaze(Arc<Mutex<HashMap<Pair, usize>>>);

/// A page that a person has before their eyes, until this is dropped.
pub(crate) struct Look {
    gaze: Gaze,
    pair: Pair,
}

impl Gaze {
    /// Somebody looks at a session.
    pub(crate) fn look(&self, who: &str, session: &str) -> Look {
        let pair: Pair = (who.into(), session.into());
        *self.lock().entry(pair.clone()).or_default() += 1;
        Look {
            gaze: self.clone(),
            pair,
        }
    }

    pub(super) fn is_on(&self, who: &str, session: &str) -> bool {
        self.lock().contains_key(&(who.into(), session.into()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Pair, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut all = self.gaze.lock();
        if let Some(count) = all.get_mut(&self.pair) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_looks_as_long_as_one_page_does() {
        let gaze = Gaze::default();
        let (one, other) = (gaze.look("ana", "a"), gaze.look("ana", "a"));
        assert!(gaze.is_on("ana", "a") && !gaze.is_on("ana", "b") && !gaze.is_on("bob", "a"));
        drop(one);
        assert!(gaze.is_on("ana", "a"));
        drop(other);
        assert!(!gaze.is_on("ana", "a"));
        assert!(gaze.lock().is_empty());
    }
}
