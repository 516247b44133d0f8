//! The token that lets in whoever makes the first user: in the setup link, and in the file `setup-token`.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use llmux_protocol::api::Secret;

use super::{
    AuthError,
    secret::{random_text, same},
};
use crate::store::{FileError, file, make_private};

const LIFE: Duration = Duration::from_hours(24);

pub(super) struct Setup {
    path: PathBuf,
    open: Mutex<Option<(Secret, Instant)>>,
}

impl Setup {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Mutex::default(),
        }
    }

    /// Makes a new token; one from before is void.
    pub(super) fn offer(&self) -> Result<Secret, AuthError> {
        let token = Secret::new(random_text::<24>()?);
        if let Some(dir) = self.path.parent() {
            make_private(dir).map_err(|e| FileError::new("make the directory of", &self.path, e))?;
        }
        file::replace(&self.path, format!("{}\n", token.expose()).as_bytes())?;
        *self.open() = Some((token.clone(), Instant::now() + LIFE));
        Ok(token)
    }

    /// Whether this is the token, and in time.
    pub(super) fn is(&self, token: &str) -> bool {
        match &*self.open() {
            Some((open, end)) => same(open.expose().as_bytes(), token.as_bytes()) && Instant::now() < *end,
            None => false,
        }
    }

    /// Takes the offer back: there is a user.
    pub(super) fn close(&self) {
        *self.open() = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.path.display(), "cannot remove the setup token, which is void");
            }
            _ => {}
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Option<(Secret, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
