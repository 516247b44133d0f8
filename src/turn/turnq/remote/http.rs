//! Requests to one HTTP or HTTPS server, each over a connection of its own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tokio_util::task::AbortOnDropHandle;

use super::super::TurnqError;
use crate::dial::{self, Stream, Tls};

/// How long the server may take to be there, TLS included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// The largest answer; a list of a thousand channels has about 150 KiB.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// How soon and how often a silent connection is probed, and how often in vain: a server that lost its power says nothing.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// A server.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Option<Tls>,
    /// The value of `Host`.
    authority: HeaderValue,
    /// What every path begins with.
    base: String,
    key: Option<HeaderValue>,
}

/// An answer, and the connection it comes over, which is closed with it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Incoming,
    _sender: http1::SendRequest<Full<Bytes>>,
    _connection: AbortOnDropHandle<()>,
}

impl Server {
    pub(super) fn new(url: &str, api_key: Option<&str>) -> Result<Self, TurnqError> {
        Self::with_tls(url, api_key, dial::system_tls)
    }

    pub(super) fn with_tls(
        url: &str,
        api_key: Option<&str>,
        tls: impl FnOnce() -> Result<Arc<ClientConfig>, String>,
    ) -> Result<Self, TurnqError> {
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|_| TurnqError::Url("it is not written as one"))?;
        let authority = uri.authority().ok_or(TurnqError::Url("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(TurnqError::Url("a user name or a password has no place in it"));
        }
        if uri.query().is_some() {
            return Err(TurnqError::Url("a query has no place in it"));
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(bare.to_owned())
                    .map_err(|_| TurnqError::Url("its host is no host name"))?;
                (
                    Some((TlsConnector::from(tls().map_err(TurnqError::Tls)?), name)),
                    443,
                )
            }
            _ => return Err(TurnqError::Url("it begins with neither http:// nor https://")),
        };
        Ok(Self {
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            tls,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| TurnqError::Url("its host is no host name"))?,
            base: uri.path().trim_end_matches('/').to_owned(),
            key: api_key.map(secret).transpose()?,
        })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        self.authority.to_str().unwrap_or(&self.host).to_owned()
    }

    /// Asks for `path`, sending `body` as JSON if there is one, and returns when the head of the answer is there.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, TurnqError> {
        let stream = timeout(CONNECT_DEADLINE, self.connect())
            .await
            .map_err(|_| self.unreachable("no connection in time"))??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        // A failure of the connection is also the failure of the request on it, where it is reported.
        let connection = AbortOnDropHandle::new(tokio::spawn(async {
            connection.await.unwrap_or_default();
        }));
        let request = self.build(method, path, body)?;
        let answer = timeout(ANSWER_DEADLINE, sender.send_request(request))
            .await
            .map_err(|_| self.unreachable("no answer in time"))?
            .map_err(|error| self.broken(&error))?;
        Ok(Answer {
            status: answer.status(),
            body: answer.into_body(),
            _sender: sender,
            _connection: connection,
        })
    }

    fn build(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Request<Full<Bytes>>, TurnqError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::HOST, &self.authority);
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        request
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| TurnqError::Url("its path is none"))
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, TurnqError> {
        let fail = |error: std::io::Error| self.unreachable(&error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(fail)?;
        if let Err(error) = stay_awake(&stream) {
            tracing::debug!(%error, "cannot have a silent turnq connection probed");
        }
        dial::encrypt(stream, self.tls.as_ref()).await.map_err(fail)
    }

    fn broken(&self, error: &hyper::Error) -> TurnqError {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        self.unreachable(&format!("{error}{}", cause.unwrap_or_default()))
    }

    pub(super) fn unreachable(&self, why: &str) -> TurnqError {
        TurnqError::Unreachable {
            host: self.name(),
            why: why.to_owned(),
        }
    }
}

impl Answer {
    /// The whole body.
    pub(super) async fn read(self, server: &Server) -> Result<Bytes, TurnqError> {
        let body = timeout(
            ANSWER_DEADLINE,
            Limited::new(self.body, MAX_ANSWER_BYTES).collect(),
        )
        .await
        .map_err(|_| server.unreachable("its answer does not end"))?;
        Ok(body
            .map_err(|error| server.unreachable(&error.to_string()))?
            .to_bytes())
    }

    /// The next piece of the body. Cancel safe.
    pub(super) async fn next(&mut self, server: &Server) -> Result<Bytes, TurnqError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|error| server.broken(&error))?.into_data() {
                return Ok(data);
            }
        }
        Err(server.unreachable("it closed the connection"))
    }
}

fn secret(key: &str) -> Result<HeaderValue, TurnqError> {
    let mut key = HeaderValue::from_str(key.trim()).map_err(|_| TurnqError::Key)?;
    key.set_sensitive(true);
    Ok(key)
}

fn stay_awake(stream: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(stream, PROBE_EVERY)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::RootCertStore;

    use super::*;
    use crate::dial::tls_with;

    fn server(url: &str) -> Result<Server, TurnqError> {
        Server::with_tls(url, Some("k"), || tls_with(RootCertStore::empty()))
    }

    #[test]
    fn a_url_is_read_whole() {
        for (url, host, port, base, name) in [
            ("http://h", "h", 80, "", "h"),
            ("http://h:3003/", "h", 3003, "", "h:3003"),
            (
                " https://h.example/turnq/ ",
                "h.example",
                443,
                "/turnq",
                "h.example",
            ),
            ("https://[::1]:8443", "::1", 8443, "", "[::1]:8443"),
        ] {
            let server = server(url).unwrap();
            let read = (
                &*server.host,
                server.port,
                &*server.base,
                &*server.name(),
                server.tls.is_some(),
            );
            assert_eq!(read, (host, port, base, name, url.contains("https")));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "h:3003",
            "/path",
            "ftp://h",
            "http://u:p@h",
            "http://h?apiKey=k",
            "http://",
            "https://a b",
        ] {
            let Err(error) = server(url) else { panic!("{url}") };
            assert!(matches!(error, TurnqError::Url(_)), "{url}: {error:?}");
            assert!(!error.is_unreachable());
        }
        assert!(matches!(
            Server::new("http://h", Some("a\nb")),
            Err(TurnqError::Key)
        ));
    }
}
