//! The Unix socket: bound safely, and read only by its owner.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net as std_unix,
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketType},
};
use tokio::net::{UnixListener, UnixStream};

/// Waits for the next connection of the daemon's own user, or of root.
pub(super) async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        let own = rustix::process::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == own || peer.uid() == 0 => return Ok(stream),
            Ok(peer) => tracing::warn!(uid = peer.uid(), "refused a connection from another user"),
            Err(error) => tracing::warn!(%error, "refused a connection of unknown origin"),
        }
    }
}

/// The path at which a socket listens, if it has one.
pub(crate) fn path_of(listener: &std_unix::UnixListener) -> Option<PathBuf> {
    Some(listener.local_addr().ok()?.as_pathname()?.to_owned())
}

/// A socket's path, and which file it was when the daemon began to listen there.
pub(crate) struct Place {
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl Place {
    pub(crate) fn of(path: PathBuf) -> Self {
        let file = file_at(&path);
        Self { path, file }
    }

    /// A place whose file is somebody else's to remove.
    pub(crate) fn kept(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the socket, unless something else is at its path by now.
    pub(crate) fn remove(&self) {
        if self.file.is_some() && self.file == file_at(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Binds the daemon's socket, in place of one at which nobody listens any more.
///
/// # Errors
/// When somebody listens there, when the path is taken by something else than a socket, or when it can't be bound.
pub(crate) fn bind(path: &Path) -> io::Result<std_unix::UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if !is_deserted(path)? {
                return Err(io::Error::other("another program listens there"));
            }
            fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::Error::other("something else than a socket is there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = std_unix::UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Whether nobody listens at a socket. Never waits: one whose backlog is full is listened at.
fn is_deserted(path: &Path) -> io::Result<bool> {
    let probe = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&probe, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&probe, true)?;
    let outcome = rustix::net::connect(&probe, &SocketAddrUnix::new(path)?);
    Ok(outcome == Err(Errno::CONNREFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_socket_is_replaced_but_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(bind(&path).unwrap());
        assert!(path.exists());
        let listener = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(listener);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_socket_at_which_somebody_listens_stays_his() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let theirs = std_unix::UnixListener::bind(&path).unwrap();
        assert!(bind(&path).unwrap_err().to_string().contains("listens"));
        drop(theirs);
        let ours = bind(&path).unwrap();
        let place = Place::of(path.clone());
        drop(ours);
        fs::rename(&path, dir.path().join("moved")).unwrap();
        place.remove();
        let theirs = std_unix::UnixListener::bind(&path).unwrap();
        place.remove();
        assert!(path.exists());
        drop(theirs);
        fs::rename(dir.path().join("moved"), &path).unwrap();
        place.remove();
        assert!(!path.exists());
    }
}
