//! Listening sockets, given from one daemon to the next.

use std::{
    io,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// What a daemon listens at: second descriptors, for a successor.
pub(crate) struct Sockets {
    pub(crate) unix: UnixListener,
    pub(crate) tcp: Option<TcpListener>,
}

impl Sockets {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            unix: self.unix.try_clone()?,
            tcp: self.tcp.as_ref().map(TcpListener::try_clone).transpose()?,
        })
    }
}

/// Sends listening sockets to the successor who waits on `to`. Blocks.
pub(crate) fn give(sockets: &Sockets, to: &Path) -> io::Result<()> {
    let stream = UnixStream::connect(to)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    let unix = Some(sockets.unix.as_fd());
    let tcp = sockets.tcp.as_ref().map(AsFd::as_fd);
    let descriptors: Vec<BorrowedFd<'_>> = unix.into_iter().chain(tcp).collect();
    if !message.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for the descriptors"));
    }
    rustix::net::sendmsg(&stream, &[IoSlice::new(b"s")], &mut message, SendFlags::empty())?;
    Ok(())
}

/// No child inherits what is received; where the kernel can't see to that itself, it is marked a moment later.
#[cfg(target_os = "linux")]
const UNINHERITED: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const UNINHERITED: RecvFlags = RecvFlags::empty();

/// Receives listening sockets from the one connection to `from`: the Unix socket first. Blocks.
pub(crate) fn take(from: &UnixListener) -> io::Result<Sockets> {
    let (stream, _) = from.accept()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    rustix::net::recvmsg(
        &stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut message,
        UNINHERITED,
    )?;
    let descriptors: Vec<OwnedFd> = message
        .drain()
        .filter_map(|part| match part {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect();
    for descriptor in &descriptors {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    let mut descriptors = descriptors.into_iter();
    let unix = descriptors
        .next()
        .ok_or_else(|| io::Error::other("no socket came"))?;
    Ok(Sockets {
        unix: unix.into(),
        tcp: descriptors.next().map(TcpListener::from),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpStream},
        thread,
    };

    use super::*;

    #[test]
    fn given_sockets_still_have_those_who_knocked_before() {
        let dir = tempfile::tempdir().unwrap();
        let (main, handover) = (dir.path().join("main"), dir.path().join("handover"));
        let old = Sockets {
            unix: UnixListener::bind(&main).unwrap(),
            tcp: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        };
        let port = old.tcp.as_ref().unwrap().local_addr().unwrap();
        let mut early = UnixStream::connect(&main).unwrap();
        early.write_all(b"hello").unwrap();
        early.shutdown(Shutdown::Write).unwrap();
        let mut far = TcpStream::connect(port).unwrap();
        far.write_all(b"far").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        let waiting = UnixListener::bind(&handover).unwrap();
        let giver = thread::spawn(move || give(&old, &handover));
        let new = take(&waiting).unwrap();
        giver.join().unwrap().unwrap();
        let mut said = String::new();
        new.unix.accept().unwrap().0.read_to_string(&mut said).unwrap();
        new.tcp
            .unwrap()
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(said, "hellofar");
    }
}
