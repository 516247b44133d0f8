//! The TCP socket.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

/// The first address of a host's name, with a port.
///
/// # Errors
/// When the name is unknown.
pub(crate) fn address(host: &str, port: u16) -> io::Result<SocketAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))
}

/// Binds the TCP socket.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
}
