//! The Unix socket: bound safely, read only by its owner, and given from one daemon to the next.

use std::{
    fs, io,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::SocketAddr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net as std_unix,
        },
    },
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{UnixListener, UnixStream, unix},
};

/// How a request came in; each request carries it as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Over the Unix socket: from the owner.
    Unix,
    /// Over the network.
    Tcp {
        /// Who is at the other end.
        peer: SocketAddr,
        /// Whether it is encrypted.
        tls: bool,
    },
}

/// A listener that serves only processes of the daemon's own user, and root.
pub(crate) struct Owned {
    pub(crate) listener: UnixListener,
    /// Held once more by each connection that has not spoken yet.
    pub(crate) silent: Arc<()>,
}

/// A connection, and the knowledge whether its client has said anything.
pub(crate) struct Guest {
    stream: UnixStream,
    silent: Option<Arc<()>>,
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_ready() {
            self.silent = None;
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl axum::serve::Listener for Owned {
    type Io = Guest;
    type Addr = unix::SocketAddr;

    async fn accept(&mut self) -> (Guest, unix::SocketAddr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let own = rustix::process::geteuid().as_raw();
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == own || peer.uid() == 0 => {
                    let silent = Some(self.silent.clone());
                    return (Guest { stream, silent }, address);
                }
                Ok(peer) => tracing::warn!(uid = peer.uid(), "refused a connection from another user"),
                Err(error) => tracing::warn!(%error, "refused a connection of unknown origin"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<unix::SocketAddr> {
        self.listener.local_addr()
    }
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
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let outcome = rustix::net::connect(&probe, &SocketAddrUnix::new(path)?);
    Ok(outcome == Err(Errno::CONNREFUSED))
}

/// Sends a listening socket to the successor who waits on `to`. Blocks.
pub(crate) fn give(listener: impl AsFd, to: &Path) -> io::Result<()> {
    let stream = std_unix::UnixStream::connect(to)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    let descriptors = [listener.as_fd()];
    if !message.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    rustix::net::sendmsg(&stream, &[IoSlice::new(b"s")], &mut message, SendFlags::empty())?;
    Ok(())
}

/// Receives a listening socket from the one connection to `from`. Blocks.
pub(crate) fn take(from: &std_unix::UnixListener) -> io::Result<std_unix::UnixListener> {
    let (stream, _) = from.accept()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(
        &stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut message,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let descriptor: Option<OwnedFd> = message.drain().find_map(|part| match part {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    descriptor
        .map(std_unix::UnixListener::from)
        .ok_or_else(|| io::Error::other("no socket came"))
}

#[cfg(test)]
mod tests {
    use std::{io::Read, io::Write, thread};

    use super::*;

    #[test]
    fn a_given_socket_still_has_those_who_knocked_before() {
        let dir = tempfile::tempdir().unwrap();
        let (main, handover) = (dir.path().join("main"), dir.path().join("handover"));
        let old = std_unix::UnixListener::bind(&main).unwrap();
        let mut early = std_unix::UnixStream::connect(&main).unwrap();
        early.write_all(b"hello").unwrap();
        drop_write(&early);
        let waiting = std_unix::UnixListener::bind(&handover).unwrap();
        let giver = thread::spawn(move || give(&old, &handover));
        let new = take(&waiting).unwrap();
        giver.join().unwrap().unwrap();
        let (mut stream, _) = new.accept().unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
    }

    fn drop_write(stream: &std_unix::UnixStream) {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

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
