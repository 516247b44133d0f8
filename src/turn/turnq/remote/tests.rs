//! Turns of a real HTTP server that speaks the turnq protocol.

mod server;

use hyper::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{super::Settings, *};

const A: &str = "llmux:a";

fn settings(url: String, key: &str) -> Settings {
    Settings {
        url: Some(url),
        api_key: Some(key.into()),
        max_hold: Duration::from_mins(5),
    }
}

fn remote(server: &server::Server) -> Arc<Remote> {
    Arc::new(Remote::new(settings(server.url(), server::KEY)).unwrap())
}

type Waiting = JoinHandle<Result<Hold, TurnqError>>;

/// Begins to wait, and returns once it stands in the queue.
async fn wait(remote: &Arc<Remote>, server: &server::Server) -> Waiting {
    let before = server.inner().listeners(A);
    let remote = remote.clone();
    let waiting = tokio::spawn(async move { remote.acquire(A.into()).await });
    server.until(|inner| inner.listeners(A) == before + 1).await;
    waiting
}

async fn refused(remote: &Remote) -> TurnqError {
    match remote.acquire(A.into()).await {
        Ok(_) => panic!("it gave a turn"),
        Err(error) => {
            let shown = format!("{error} {error:?} {}", error.hint());
            assert!(
                shown.contains("127.0.0.1") && !shown.contains("sesame"),
                "{shown}"
            );
            error
        }
    }
}

#[tokio::test]
async fn turns_are_given_in_order_and_released_with_their_outcome() {
    let server = server::Server::start();
    let remote = remote(&server);
    let mut first = remote.acquire(A.into()).await.unwrap();
    let second = wait(&remote, &server).await;
    let third = wait(&remote, &server).await;
    assert_eq!(server.inner().depth(A), 3);
    tokio::select! {
        biased;
        error = first.lost() => panic!("{error}"),
        () = std::future::ready(()) => {}
    }
    first.release(Ok(())).await;
    let second = second.await.unwrap().unwrap();
    assert!(!third.is_finished());
    second.release(Err("agent said no".into())).await;
    third.await.unwrap().unwrap().release(Ok(())).await;
    server.until(|inner| inner.depth(A) == 0).await;
    let inner = server.inner();
    assert_eq!(inner.count("release {\"success\":true}"), 2);
    assert_eq!(
        inner.count("release {\"error\":\"agent said no\",\"success\":false}"),
        1
    );
    assert_eq!(inner.count("abort"), 0);
    // The lease covers the longest turn; one that exists is looked at once.
    assert_eq!((inner.count("create 330000"), inner.count("list")), (3, 1));
}

#[tokio::test]
async fn a_dropped_wait_leaves_the_queue_and_a_dropped_turn_ends() {
    let server = server::Server::start();
    let remote = remote(&server);
    let hold = remote.acquire(A.into()).await.unwrap();
    wait(&remote, &server).await.abort();
    server.until(|inner| inner.depth(A) == 1).await;
    let next = wait(&remote, &server).await;
    drop(hold);
    let _next = next.await.unwrap().unwrap();
    server.until(|inner| inner.count("abort") == 2).await;
}

#[tokio::test]
async fn a_refusal_is_no_absence() {
    let server = server::Server::start();
    let error = refused(&Remote::new(settings(server.url(), "sesame2")).unwrap()).await;
    assert!(
        matches!(error, TurnqError::Denied { status: 401, .. }),
        "{error:?}"
    );
    assert!(!error.is_unreachable());
    server.inner().max_depth = Some(0);
    let error = refused(&remote(&server)).await;
    assert!(matches!(error, TurnqError::Full { .. }), "{error:?}");
    assert!(!error.is_unreachable());
    let error = refused(&Remote::new(settings(server.url() + "/no", server::KEY)).unwrap()).await;
    assert!(
        matches!(error, TurnqError::Refused { status: 404, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_at_once() {
    let mut server = server::Server::start();
    let remote = remote(&server);
    server.kill();
    let error = refused(&remote).await;
    assert!(error.is_unreachable(), "{error:?}");
}

#[tokio::test]
async fn a_lease_that_expires_loses_the_turn() {
    let server = server::Server::start();
    server.inner().lease_ms = Some(1);
    let remote = remote(&server);
    let mut hold = remote.acquire(A.into()).await.unwrap();
    for _ in 0..2 {
        let error = hold.lost().await;
        assert!(matches!(error, TurnqError::LeaseExpired { .. }), "{error:?}");
        assert!(!error.is_unreachable());
    }
    // There is nothing to give back.
    hold.release(Ok(())).await;
    assert_eq!(server.inner().count("release {\"success\":true}"), 0);
}

#[tokio::test]
async fn a_wait_that_is_too_long_for_the_channel_ends() {
    let server = server::Server::start();
    let remote = remote(&server);
    let _hold = remote.acquire(A.into()).await.unwrap();
    let waiting = wait(&remote, &server).await;
    server
        .inner()
        .tell("event: timeout\ndata: {\"reason\":\"max_wait_exceeded\"}\n\n");
    let error = waiting.await.unwrap().err().unwrap();
    assert!(matches!(error, TurnqError::WaitedTooLong { .. }), "{error:?}");
}

#[tokio::test]
async fn a_place_that_the_server_keeps_is_kept() {
    let server = server::Server::start();
    server.inner().keeps_places = true;
    let remote = remote(&server);
    let hold = remote.acquire(A.into()).await.unwrap();
    let waiting = wait(&remote, &server).await;
    for round in 0..2 {
        if round == 0 {
            server
                .inner()
                .tell("event: server-shutdown\ndata: {\"reason\":\"server_shutdown\"}\n\n");
        }
        server.inner().break_streams();
        server.until(|inner| inner.listeners(A) == 2).await;
    }
    assert_eq!(server.inner().count("enqueue"), 2);
    hold.release(Ok(())).await;
    waiting.await.unwrap().unwrap().release(Ok(())).await;
    assert_eq!(server.inner().count("release {\"success\":true}"), 2);
}

#[tokio::test]
async fn who_waits_when_the_server_forgets_queues_again_and_who_had_the_turn_has_lost_it() {
    let server = server::Server::start();
    let remote = remote(&server);
    let mut hold = remote.acquire(A.into()).await.unwrap();
    let waiting = wait(&remote, &server).await;
    {
        let mut inner = server.inner();
        // Its first answer is lost, too: the place it does not know of must not stay.
        inner.lost_answers = 1;
        inner.forget();
    }
    let error = hold.lost().await;
    assert!(matches!(error, TurnqError::Lost { .. }), "{error:?}");
    let _next = waiting.await.unwrap().unwrap();
    assert_eq!(server.inner().depth(A), 1);
    assert_eq!(server.inner().count("enqueue"), 5);
}

#[tokio::test]
async fn silence_is_asked_about() {
    let server = server::Server::start();
    let mut remote = Remote::new(settings(server.url(), server::KEY)).unwrap();
    Arc::get_mut(&mut remote.0).unwrap().ask_after = Duration::from_millis(10);
    let remote = Arc::new(remote);
    let mut hold = remote.acquire(A.into()).await.unwrap();
    let waiting = wait(&remote, &server).await;
    server.until(|inner| inner.count("queue") > 3).await;
    server.inner().forget_silently();
    let error = hold.lost().await;
    assert!(matches!(error, TurnqError::Lost { .. }), "{error:?}");
    let _next = waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lost_first_answer_leaves_no_place_behind() {
    let server = server::Server::start();
    server.inner().lost_answers = 1;
    let remote = remote(&server);
    let error = refused(&remote).await;
    assert!(error.is_unreachable(), "{error:?}");
    server.until(|inner| inner.count("abort") == 1).await;
    remote.acquire(A.into()).await.unwrap();
}

#[tokio::test]
async fn a_turn_that_is_released_by_force_is_lost() {
    let server = server::Server::start();
    let remote = remote(&server);
    let mut hold = remote.acquire(A.into()).await.unwrap();
    let waiting = wait(&remote, &server).await;
    let forced = remote
        .0
        .server
        .request(Method::DELETE, "/channels/llmux%3Aa/holder", None);
    assert!(forced.await.unwrap().status.is_success());
    let error = hold.lost().await;
    assert!(matches!(error, TurnqError::Lost { .. }), "{error:?}");
    let _next = waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_loses_the_turn_after_some_attempts() {
    let mut server = server::Server::start();
    let mut hold = remote(&server).acquire(A.into()).await.unwrap();
    server.kill();
    let error = hold.lost().await;
    assert!(error.is_unreachable(), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn an_event_that_does_not_end_is_an_error() {
    let server = server::Server::start();
    let remote = remote(&server);
    let mut hold = remote.acquire(A.into()).await.unwrap();
    server.inner().tell(&"x".repeat((1 << 20) + 1));
    let error = hold.lost().await;
    assert!(matches!(error, TurnqError::Protocol { .. }), "{error:?}");
}

#[test]
fn the_longest_lease_is_one_that_the_server_knows() {
    assert_eq!(millis(Duration::from_secs(1)), 1000);
    assert_eq!(millis(Duration::MAX), 2_147_483_647);
}

/// A TLS server that refuses whatever it is asked.
async fn tls_server() -> String {
    let cert = CertificateDer::from(include_bytes!("tests/fixtures/leaf.der").as_slice());
    let key = PrivateKeyDer::try_from(include_bytes!("tests/fixtures/leaf-key.der").as_slice()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust it goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"}") && stream.read_buf(&mut request).await.unwrap() > 0 {}
            let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    format!("https://127.0.0.1:{port}")
}

#[tokio::test]
async fn https_is_spoken_with_whom_the_system_trusts_only() {
    let url = tls_server().await;
    let mut roots = RootCertStore::empty();
    let over = |roots: RootCertStore| {
        let server = Server::with_tls(&url, Some(server::KEY), || crate::dial::tls_with(roots)).unwrap();
        Remote::of(server, Duration::from_secs(1))
    };
    let error = refused(&over(roots.clone())).await;
    assert!(
        error.is_unreachable() && error.to_string().contains("certificate"),
        "{error}"
    );
    let ca = include_bytes!("tests/fixtures/ca.der").as_slice();
    roots.add(CertificateDer::from(ca)).unwrap();
    let error = refused(&over(roots)).await;
    assert!(matches!(error, TurnqError::Denied { .. }), "{error:?}");
}
