//! Where clients come in: the Unix socket, and TCP with or without TLS.

mod guest;
mod handover;
mod serve;
mod tcp;
mod tls;
mod unix;

use std::net::SocketAddr;

pub(crate) use self::{
    handover::{Sockets, give, take},
    serve::{serve_tcp, serve_unix},
    tcp::{address, bind as bind_tcp},
    tls::{Certificate, TlsError, files, self_signed},
    unix::{Place, bind, path_of},
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
