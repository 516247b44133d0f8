//! What outlives the daemon: the state directory, files written atomically, and the session registry.
//!
//! Everything here blocks on the file system; an async caller goes through `spawn_blocking`.

mod dir;
pub mod examine;
pub mod file;
mod journal;
mod sessions;
pub mod time;

pub(crate) use dir::make_private;
pub use dir::{DirError, StateDir, check_runtime_dir, runtime_dir};
pub use file::FileError;
pub use journal::corrupt_journal_notice;
pub(crate) use journal::{Entry, Journal, JournalError, Retention};
pub use sessions::{ExitRecord, Loaded, Registry, RegistryError, SessionRecord, corrupt_registry_notice};
