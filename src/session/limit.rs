//! How many sessions may run at once.

use std::collections::BTreeSet;

use super::{SessionError, Sessions, lock};

/// A session that is being started counts as one that runs, until this is dropped.
pub(super) struct Place {
    sessions: Sessions,
    name: String,
}

impl Sessions {
    /// Takes the place of a session that is to be started.
    pub(super) fn take_place(&self, name: &str) -> Result<Place, SessionError> {
        let mut starting = lock(&self.0.starting);
        self.check_place(name, &starting)?;
        starting.insert(name.to_owned());
        Ok(Place {
            sessions: self.clone(),
            name: name.to_owned(),
        })
    }

    /// Says whether there would be a place.
    pub(super) fn has_place(&self, name: &str) -> Result<(), SessionError> {
        self.check_place(name, &lock(&self.0.starting))
    }

    fn check_place(&self, name: &str, starting: &BTreeSet<String>) -> Result<(), SessionError> {
        let Some(most) = self.policy().limits.sessions else {
            return Ok(());
        };
        let live = lock(&self.0.live);
        let running = live.iter().filter(|(_, live)| live.runs()).map(|(name, _)| name);
        let others: BTreeSet<_> = running.chain(starting).filter(|other| *other != name).collect();
        if others.len() < most {
            Ok(())
        } else {
            let running = others.len();
            Err(SessionError::TooMany { running, most })
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.sessions.0.starting).remove(&self.name);
    }
}
