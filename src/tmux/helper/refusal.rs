//! Why a program cannot be started, found out before anything runs.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::message;
use super::terminal::say;

/// A program that was not started. `code` is what a shell would answer: 127 not found, 126 otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: u8,
    reason: String,
}

impl Refusal {
    /// The refusal as the daemon reads it.
    pub(super) fn message(&self) -> String {
        message::failed(self.code, &self.reason)
    }

    pub(super) fn no_program() -> Self {
        Self {
            code: 126,
            reason: "no program: none was named".to_owned(),
        }
    }

    pub(super) fn of_wrapper(error: &io::Error) -> Self {
        Self {
            code: 126,
            reason: format!("the wrapper: {error}"),
        }
    }

    pub(super) fn of_program(program: &OsStr, error: &io::Error) -> Self {
        let program = program.display();
        match error.kind() {
            io::ErrorKind::NotFound => Self {
                code: 127,
                reason: format!("{program}: not found"),
            },
            io::ErrorKind::PermissionDenied => Self {
                code: 126,
                reason: format!("{program}: not executable"),
            },
            _ => Self {
                code: 126,
                reason: format!("{program}: {error}"),
            },
        }
    }
}

/// Says on the terminal why nothing was started, to the human and to the daemon; returns the exit status.
pub(super) fn refuse(refusal: &Refusal) -> u8 {
    let human = format!("llmux: cannot start {}\r\n", refusal.reason);
    // A terminal that hung up already shows as SIGHUP.
    let _ = say(&(human + &refusal.message()));
    refusal.code
}

/// Checks what can be checked before the start, the way `execvp(3)` would find `program` in `cwd`.
pub(super) fn check(program: &OsStr, cwd: Option<&Path>, path: Option<&OsStr>) -> Result<(), Refusal> {
    let cwd = cwd.unwrap_or(Path::new("."));
    if !cwd.is_dir() {
        return Err(Refusal {
            code: 126,
            reason: format!("in {}: no such directory", cwd.display()),
        });
    }
    let found: Vec<PathBuf> = candidates(program, cwd, path)
        .filter(|file| file.is_file())
        .collect();
    if found.iter().any(|file| access(file, Access::EXEC_OK).is_ok()) {
        return Ok(());
    }
    let kind = if found.is_empty() {
        io::ErrorKind::NotFound
    } else {
        io::ErrorKind::PermissionDenied
    };
    Err(Refusal::of_program(program, &kind.into()))
}

fn candidates(program: &OsStr, cwd: &Path, path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    let named = Path::new(program);
    let direct = (named.components().count() > 1 || named.has_root()).then(|| cwd.join(named));
    let path = path.unwrap_or(OsStr::new("/usr/local/bin:/bin:/usr/bin"));
    let searched: Vec<PathBuf> = match direct {
        Some(_) => Vec::new(),
        None => std::env::split_paths(path)
            .map(|dir| cwd.join(dir).join(named))
            .collect(),
    };
    direct.into_iter().chain(searched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(program: &str, cwd: &str, path: &str) -> Option<u8> {
        check(program.as_ref(), Some(cwd.as_ref()), Some(path.as_ref()))
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn a_program_is_found_as_a_shell_would_find_it() {
        assert_eq!(code("sh", "/", "/nowhere:/bin"), None);
        assert_eq!(code("sh", "/", "/nowhere"), Some(127));
        assert_eq!(code("bin/sh", "/", ""), None);
        assert_eq!(code("./bin/sh", "/", ""), None);
        assert_eq!(code("./sh", "/bin", ""), None);
        assert_eq!(code("./sh", "/", "/bin"), Some(127));
        assert_eq!(code("/etc/passwd", "/", ""), Some(126));
        assert_eq!(code("passwd", "/", "/etc"), Some(126));
        assert_eq!(code("sh", "/no/such/dir", "/bin"), Some(126));
        assert_eq!(code("", "/", "/bin"), Some(127));
    }
}
