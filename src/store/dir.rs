//! Where the state is, and where the daemon that keeps it is found.

use std::{
    fs::{self, DirBuilder, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

use super::file;
use crate::config::Environment;

/// The longest socket path, in bytes; `sun_path` holds 104 on some systems, with its NUL.
const MAX_SOCKET_BYTES: usize = 99;

/// Says which directory can't be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// It can't be made or looked at.
    #[error("cannot use the directory {}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could put a socket of theirs there.
    #[error("the directory {} is not safe: {why}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Which rule it breaks.
        why: &'static str,
    },
}

/// The state directory, mode 0700, by its real path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

impl DirError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => {
                "make it a directory that you can write to, or set XDG_STATE_HOME and XDG_RUNTIME_DIR to others"
                    .to_owned()
            }
            Self::Unsafe { path, .. } => {
                format!("make {} yours alone, or set XDG_RUNTIME_DIR to a directory that is", path.display())
            }
        }
    }
}

impl StateDir {
    /// Opens `$XDG_STATE_HOME/llmuxd`, else `~/.local/state/llmuxd`, making it if need be.
    pub fn open(env: &Environment) -> Result<Self, DirError> {
        let path = Self::place(env);
        let fail = |source| DirError::Io {
            path: path.clone(),
            source,
        };
        make_private(&path).map_err(fail)?;
        // Two names of one directory must lead to one daemon.
        Ok(Self {
            path: fs::canonicalize(&path).map_err(fail)?,
        })
    }

    /// Finds what [`StateDir::open`] would open, and makes nothing; none if it is not there.
    #[must_use]
    pub fn find(env: &Environment) -> Option<Self> {
        let path = fs::canonicalize(Self::place(env)).ok()?;
        Some(Self { path })
    }

    /// Where the state directory is, or would be made.
    #[must_use]
    pub fn place(env: &Environment) -> PathBuf {
        env.xdg("XDG_STATE_HOME", ".local/state").join("llmuxd")
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The session registry.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.path.join("sessions.json")
    }

    /// The journal of turns.
    #[must_use]
    pub fn turns(&self) -> PathBuf {
        self.path.join("turns.db")
    }

    /// The certificate that the daemon made for itself, and its key.
    #[must_use]
    pub fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.path.join("tls-cert.pem"), self.path.join("tls-key.pem"))
    }

    /// The devices that are told of news.
    #[must_use]
    pub fn devices(&self) -> PathBuf {
        self.path.join("push.json")
    }

    /// Session registries that could not be read and were set aside, oldest first. The user decides about them.
    #[must_use]
    pub fn set_aside(&self) -> Vec<PathBuf> {
        file::kept_aside(&self.sessions())
    }

    /// Journals of turns that were corrupt and were set aside, oldest first.
    #[must_use]
    pub fn turns_set_aside(&self) -> Vec<PathBuf> {
        file::kept_aside(&self.turns())
    }

    /// What a person is told of notifications that were set aside, devices and keys, for as long as the files are there.
    #[must_use]
    pub fn push_notices(&self) -> Vec<(PathBuf, String)> {
        let keys = file::kept_aside(&self.path.join("push.key"));
        let keys = keys.into_iter().map(|path| ("the key for notifications", path));
        let devices = file::kept_aside(&self.devices());
        let devices = devices
            .into_iter()
            .map(|path| ("the list of devices that are notified", path));
        keys.chain(devices)
            .map(|(what, path)| {
                let notice = format!(
                    "{what} was corrupt; it is kept as {} and a new one was begun: devices must subscribe again \
                     (delete it when you have seen this)",
                    path.display()
                );
                (path, notice)
            })
            .collect()
    }

    /// The hooks that are set up in agents.
    #[must_use]
    pub fn hooks(&self) -> PathBuf {
        self.path.join("hooks")
    }

    /// A link to the socket of this directory's daemon, whichever runs.
    #[must_use]
    pub fn door(&self) -> PathBuf {
        self.path.join("daemon.sock")
    }

    /// Where a background daemon's standard error goes.
    #[must_use]
    pub fn daemon_log(&self) -> PathBuf {
        self.path.join("daemon.log")
    }

    /// What the daemon of this directory locks while it lives; the lock is in a file beside it, see [`super::file::lock`].
    #[must_use]
    pub fn daemon(&self) -> PathBuf {
        Self::lock_of(&self.path)
    }

    /// [`StateDir::daemon`] of a directory that a daemon named.
    #[must_use]
    pub fn lock_of(state_dir: &Path) -> PathBuf {
        state_dir.join("daemon")
    }

    /// The daemon's socket: `$LLMUX_SOCKET` if set, else one in the runtime directory, which is made if need be.
    ///
    /// Its name carries a hash of the state directory's real path, so that two state directories never share a daemon.
    /// The path is shorter than 100 bytes unless the variable says otherwise.
    pub fn socket(&self, env: &Environment) -> Result<PathBuf, DirError> {
        if env.os("LLMUX_SOCKET").is_none() {
            make_runtime_dir(env)?;
        }
        Ok(self.usual_socket(env))
    }

    fn usual_socket(&self, env: &Environment) -> PathBuf {
        if let Some(path) = env.os("LLMUX_SOCKET") {
            return env.resolve(Path::new(path));
        }
        let hash = blake3::hash(self.path.as_os_str().as_encoded_bytes()).to_hex();
        runtime_dir(env).join(format!("llmux-{}.sock", &hash[..8]))
    }

    /// Where to look for this directory's daemon, in turn: where a new one would listen, then where the last one did.
    /// A socket that is named, by `explicit` or `$LLMUX_SOCKET`, is the only one.
    pub fn sockets(&self, env: &Environment, explicit: Option<&Path>) -> Result<Vec<PathBuf>, DirError> {
        if explicit.is_none() {
            self.socket(env)?;
        }
        Ok(self.places(env, explicit))
    }

    /// What [`StateDir::sockets`] says; makes nothing.
    #[must_use]
    pub fn places(&self, env: &Environment, explicit: Option<&Path>) -> Vec<PathBuf> {
        if let Some(path) = explicit {
            return vec![Self::explicit(env, path)];
        }
        let usual = self.usual_socket(env);
        let named = env.os("LLMUX_SOCKET").is_some();
        let announced = self.announced().filter(|seen| !named && *seen != usual);
        [Some(usual), announced].into_iter().flatten().collect()
    }

    /// The socket that a path names, or a link to it: a link can be where no socket's path may be so long.
    #[must_use]
    pub fn explicit(env: &Environment, path: &Path) -> PathBuf {
        let path = env.resolve(path);
        fs::read_link(&path).unwrap_or(path)
    }

    /// Notes at which socket this directory's daemon listens, for clients whose runtime directory is another one
    /// (a cron job has no `XDG_RUNTIME_DIR`).
    ///
    /// # Errors
    ///
    /// The note can't be written; the daemon is then found by the usual path only.
    pub fn announce(&self, socket: &Path) -> io::Result<()> {
        let draft = self.path.join(format!(".daemon.sock-{}", std::process::id()));
        match fs::remove_file(&draft) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        symlink(socket, &draft)?;
        fs::rename(&draft, self.door())
    }

    /// The socket that [`StateDir::announce`] noted last, whether or not somebody listens there.
    #[must_use]
    pub fn announced(&self) -> Option<PathBuf> {
        fs::read_link(self.door()).ok()
    }
}

/// `$XDG_RUNTIME_DIR/llmux`, else `/tmp/llmux-UID`. Makes nothing.
#[must_use]
pub fn runtime_dir(env: &Environment) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let ours = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == uid);
    let name_bytes = "/llmux/llmux-00000000.sock".len();
    let fits = |path: &PathBuf| path.as_os_str().len() + name_bytes <= MAX_SOCKET_BYTES;
    // A directory that is not ours (kept by `sudo -E`) is not for us by the XDG specification.
    let given = env.absolute("XDG_RUNTIME_DIR").filter(ours).filter(fits);
    given.map_or_else(
        || PathBuf::from(format!("/tmp/llmux-{uid}")),
        |dir| dir.join("llmux"),
    )
}

/// Says whether nobody else can put a socket into the runtime directory.
///
/// # Errors
/// It is not there, or not ours alone.
pub fn check_runtime_dir(path: &Path) -> Result<(), DirError> {
    let found = fs::symlink_metadata(path).map_err(|source| DirError::Io {
        path: path.to_owned(),
        source,
    })?;
    match unsafe_because(&found, rustix::process::geteuid().as_raw()) {
        None => Ok(()),
        Some(why) => Err(DirError::Unsafe {
            path: path.to_owned(),
            why,
        }),
    }
}

/// Makes the runtime directory if need be, mode 0700 and ours.
fn make_runtime_dir(env: &Environment) -> Result<(), DirError> {
    let path = runtime_dir(env);
    make_private(&path).map_err(|source| DirError::Io {
        path: path.clone(),
        source,
    })?;
    check_runtime_dir(&path)
}

fn unsafe_because(found: &Metadata, uid: u32) -> Option<&'static str> {
    if found.is_symlink() {
        Some("it is a symbolic link")
    } else if !found.is_dir() {
        Some("it is no directory")
    } else if found.uid() != uid {
        Some("it belongs to another user")
    } else if found.mode() & 0o077 != 0 {
        Some("others have access; chmod 700 it")
    } else {
        None
    }
}

/// Makes a directory and its parents; new ones are for the owner alone.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn environment(root: &Path, vars: &[(&str, &str)]) -> Environment {
        Environment::new(root, root, vars.iter().copied())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_is_made_private() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::open(&environment(root.path(), &[])).unwrap();
        assert!(state.path().ends_with(".local/state/llmuxd"));
        assert_eq!(mode(state.path()), 0o700);
    }

    #[test]
    fn two_state_directories_never_share_a_socket_and_two_names_of_one_do() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        fs::create_dir(&run).unwrap();
        symlink(root.path().join("a"), root.path().join("alias")).unwrap();
        let socket = |state: &str| {
            let state = root.path().join(state);
            fs::create_dir_all(root.path().join("a")).unwrap();
            let vars = [
                ("XDG_STATE_HOME", state.to_str().unwrap()),
                ("XDG_RUNTIME_DIR", run.to_str().unwrap()),
            ];
            let env = environment(root.path(), &vars);
            StateDir::open(&env).unwrap().socket(&env).unwrap()
        };
        assert_ne!(socket("a"), socket("b"));
        assert_eq!(socket("a"), socket("alias"));
        assert!(socket("a").starts_with(run.join("llmux")));
        assert_eq!(mode(&run.join("llmux")), 0o700);
    }

    #[test]
    fn the_socket_path_stays_short() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(90));
        fs::create_dir(&deep).unwrap();
        let env = environment(root.path(), &[("XDG_RUNTIME_DIR", deep.to_str().unwrap())]);
        let socket = StateDir::open(&env).unwrap().socket(&env).unwrap();
        assert!(
            socket.as_os_str().len() <= MAX_SOCKET_BYTES,
            "{}",
            socket.display()
        );
        assert!(socket.starts_with("/tmp"));
    }

    #[test]
    fn a_runtime_directory_others_can_reach_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        fs::create_dir_all(run.join("elsewhere")).unwrap();
        let env = environment(root.path(), &[("XDG_RUNTIME_DIR", run.to_str().unwrap())]);
        let state = StateDir::open(&env).unwrap();
        symlink(run.join("elsewhere"), run.join("llmux")).unwrap();
        assert!(
            state
                .socket(&env)
                .unwrap_err()
                .to_string()
                .ends_with("it is a symbolic link")
        );
        fs::remove_file(run.join("llmux")).unwrap();
        fs::create_dir(run.join("llmux")).unwrap();
        fs::set_permissions(run.join("llmux"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(state.socket(&env).is_err());
    }

    #[test]
    fn the_variable_overrides_everything() {
        let root = tempfile::tempdir().unwrap();
        let env = environment(root.path(), &[("LLMUX_SOCKET", "x.sock")]);
        assert_eq!(
            StateDir::open(&env).unwrap().socket(&env).unwrap(),
            root.path().join("x.sock")
        );
    }

    #[test]
    fn the_last_announced_socket_is_found() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::open(&environment(root.path(), &[])).unwrap();
        assert_eq!(state.announced(), None);
        state.announce(Path::new("/run/one")).unwrap();
        state.announce(Path::new("/run/two")).unwrap();
        assert_eq!(state.announced().unwrap(), Path::new("/run/two"));
    }
}
