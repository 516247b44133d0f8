//! What can go wrong with the journal.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

use crate::store::FileError;

/// Says why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// Its file could not be made, made private or set aside.
    #[error(transparent)]
    File(#[from] FileError),
    /// `SQLite` could not do it. Nothing of it was written.
    #[error("the journal of turns {} cannot be used", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why; shared, because puts that are committed together fail together.
        source: Arc<rusqlite::Error>,
    },
    /// A newer llmux has written the file.
    #[error(
        "the journal of turns {} has schema version {found}; this llmux knows versions up to {known}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// An entry can't be written as JSON, or read back.
    #[error("the journal's entry of turn {id} is not readable")]
    Entry {
        /// The turn's id.
        id: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The journal's thread could not be started.
    #[error("cannot start the journal's thread")]
    Thread(#[source] io::Error),
    /// The journal's thread has ended.
    #[error("the journal of turns is closed")]
    Gone,
}

impl JournalError {
    pub(super) fn database(path: &Path, source: rusqlite::Error) -> Self {
        Self::Database {
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::File(error) => format!("make {} yours and writable", error.path().display()),
            Self::Database { path, source } => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => format!("make room on the disk of {}", path.display()),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    format!("end the program that holds {}", path.display())
                }
                _ => format!("look whether {} can be read and written", path.display()),
            },
            Self::Newer { path, .. } => {
                format!(
                    "use the newer llmux, or move {} away to begin a new one",
                    path.display()
                )
            }
            Self::Entry { .. } => {
                "another version of llmux has written it; use that one to read it".to_owned()
            }
            Self::Thread(_) => "look whether the system allows more threads".to_owned(),
            Self::Gone => "restart the daemon: llmux server start".to_owned(),
        }
    }

    /// Why, without the file, in `SQLite`'s words where it said it.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Database { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether the file is no `SQLite` database, or a broken one.
    pub(super) fn is_corrupt(&self) -> bool {
        self.is_one_of(&[ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase])
    }

    /// The same error for another caller, if somebody else held the database and trying again would take as long.
    pub(super) fn busy(&self) -> Option<Self> {
        match self {
            Self::Database { path, source }
                if self.is_one_of(&[ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked]) =>
            {
                Some(Self::Database {
                    path: path.clone(),
                    source: Arc::clone(source),
                })
            }
            _ => None,
        }
    }

    fn is_one_of(&self, codes: &[ErrorCode]) -> bool {
        let Self::Database { source, .. } = self else {
            return false;
        };
        source
            .sqlite_error_code()
            .is_some_and(|code| codes.contains(&code))
    }
}
