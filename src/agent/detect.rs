//! Whether a program is installed: a walk over `PATH`, once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use crate::config::Environment;

/// Finds programs as the user's shell would.
#[derive(Debug, Clone)]
pub struct ProgramSearch {
    dirs: Vec<PathBuf>,
    home: PathBuf,
}

impl ProgramSearch {
    /// Reads `PATH`. Under WSL, directories of Windows (`/mnt` and below) are left out: what is there can't run in a pane.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        Self::with_wsl(env, is_wsl())
    }

    fn with_wsl(env: &Environment, wsl: bool) -> Self {
        let path = env.os("PATH").unwrap_or_default();
        let usable = |dir: &PathBuf| dir.is_absolute() && !(wsl && dir.starts_with("/mnt"));
        Self {
            dirs: std::env::split_paths(path).filter(usable).collect(),
            home: env.home().to_owned(),
        }
    }

    /// Returns the file of a program named by a bare word or an absolute path: a regular file that may be executed.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return Some(PathBuf::from(program)).filter(|path| path.is_absolute() && runs(path));
        }
        self.dirs
            .iter()
            .map(|dir| dir.join(program))
            .find(|path| !program.is_empty() && runs(path))
    }

    /// Whether Claude Code's own installer has put a version in its place, whatever `PATH` says.
    pub(super) fn has_claude_versions(&self) -> bool {
        self.home.join(".local/share/claude/versions").is_dir()
    }
}

fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

fn is_wsl() -> bool {
    let version = fs::read_to_string("/proc/version")
        .unwrap_or_default()
        .to_lowercase();
    version.contains("microsoft") || version.contains("wsl")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_an_executable_regular_file_counts() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("1"), root.path().join("2"));
        fs::create_dir_all(first.join("agent")).unwrap();
        fs::create_dir(&second).unwrap();
        program(&first.join("text"), 0o644);
        program(&second.join("agent"), 0o755);
        let path = format!("{}:relative::{}", first.display(), second.display());
        let env = Environment::new(root.path(), root.path(), [("PATH", path.as_str())]);
        let search = ProgramSearch::with_wsl(&env, false);
        assert_eq!(search.find("agent"), Some(second.join("agent")));
        assert_eq!(
            search.find(second.join("agent").to_str().unwrap()),
            Some(second.join("agent"))
        );
        for absent in ["text", "none", "", "./agent", "..", "2/agent"] {
            assert_eq!(search.find(absent), None, "{absent:?}");
        }
    }

    #[test]
    fn windows_directories_are_left_out_under_wsl_only() {
        let env = Environment::new(
            Path::new("/"),
            Path::new("/"),
            [("PATH", "/mnt/c/bin:/mnt:/mntx:/bin")],
        );
        assert_eq!(
            ProgramSearch::with_wsl(&env, true).dirs,
            [Path::new("/mntx"), Path::new("/bin")]
        );
        assert_eq!(ProgramSearch::with_wsl(&env, false).dirs.len(), 4);
    }
}
