//! Serving connections: each in a task of its own, with bounds on what a stranger may hold.

use std::{
    io,
    net::TcpListener as StdTcpListener,
    os::unix::net::UnixListener as StdUnixListener,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::{Connection, guest::Guest, unix};

/// How long a client of the network may take for a request's head, and for a TLS handshake; also how long its
/// connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How soon it is tried again when a connection can't be taken: descriptors have run out.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// The most clients of the network at once.
const MOST_CLIENTS: u64 = 4096;

/// Serves the Unix socket until the daemon leaves and the last request is answered.
///
/// `silent` is held once more by each connection that has not spoken yet.
pub(crate) fn serve_unix(
    listener: StdUnixListener,
    silent: Arc<()>,
    router: Router,
    leave: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    Ok(async move {
        let clients = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = unix::accept(&listener) => accepted,
                () = leave.cancelled() => break,
            };
            match accepted {
                Ok(stream) => {
                    let guest = Guest::new(stream, silent.clone());
                    clients.spawn(talk(guest, Connection::Unix, None, router.clone(), leave.clone()));
                }
                Err(error) => cannot_accept(&error).await,
            }
        }
        drop(listener);
        clients.close();
        clients.wait().await;
    })
}

/// Serves the TCP socket until the daemon leaves and the last request is answered.
///
/// At most as many clients at once as leave descriptors for the rest of the daemon; others wait in the backlog.
pub(crate) fn serve_tcp(
    listener: StdTcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    leave: CancellationToken,
) -> io::Result<impl Future<Output = ()> + Send> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(most_clients()));
    Ok(async move {
        let clients = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = async {
                    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
                    Ok((place, listener.accept().await?))
                } => accepted,
                () = leave.cancelled() => break,
            };
            let (place, (stream, peer)) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    cannot_accept(&error).await;
                    continue;
                }
            };
            // A key's echo must not wait for more to send.
            let _ = stream.set_nodelay(true);
            let (tls, router, leave) = (tls.clone(), router.clone(), leave.clone());
            clients.spawn(async move {
                let _place = place;
                let from = Connection::Tcp {
                    peer,
                    tls: tls.is_some(),
                };
                let head = Some(HEAD_WITHIN);
                let Some(tls) = tls else {
                    return talk(Guest::new(stream, Arc::default()), from, head, router, leave).await;
                };
                let greeted = tokio::select! {
                    greeted = timeout(HEAD_WITHIN, tls.accept(stream)) => greeted,
                    () = leave.cancelled() => return,
                };
                if let Ok(Ok(stream)) = greeted {
                    talk(Guest::new(stream, Arc::default()), from, head, router, leave).await;
                }
            });
        }
        drop(listener);
        clients.close();
        clients.wait().await;
    })
}

/// Answers the requests of one connection.
async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    guest: Guest<S>,
    from: Connection,
    head_within: Option<Duration>,
    router: Router,
    leave: CancellationToken,
) {
    let spoke = guest.spoke();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(from);
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .serve_connection(TokioIo::new(guest), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    tokio::select! {
        // How a connection ends is its client's affair.
        _ = serving.as_mut() => return,
        () = leave.cancelled() => {}
    }
    // Who has asked nothing, as the connections that browsers make in advance, is not waited for.
    if spoke.load(Ordering::Relaxed) {
        serving.as_mut().graceful_shutdown();
        let _ = serving.await;
    }
}

async fn cannot_accept(error: &io::Error) {
    tracing::warn!(%error, "cannot take a connection");
    sleep(TRY_AGAIN).await;
}

/// How many clients of the network there may be: half of the descriptors are for the rest.
fn most_clients() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((descriptors / 2).clamp(16, MOST_CLIENTS)).unwrap_or(usize::MAX)
}
