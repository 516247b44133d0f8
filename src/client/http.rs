//! Requests over one connection, one after the other.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use llmux_protocol::api::{ApiError, ErrorCode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::JoinHandle;

use super::{ClientError, Stream, Target};

/// The largest answer, in bytes; a list of a thousand sessions is far below 1 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A connection to the daemon.
///
/// Requests have no time limit: a wait is as long as it is asked to be. Dropping a request's future closes the
/// connection's use for later requests, so a cancelled client is dropped too.
#[derive(Debug)]
pub struct Client {
    target: Target,
    sender: http1::SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

impl Client {
    /// Connects to the daemon at a Unix socket; starts none.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoDaemon`] if nobody listens there; [`ClientError::Socket`] if another user does, who must not
    /// see what is sent.
    pub async fn connect(socket: &Path) -> Result<Self, ClientError> {
        Self::open(&Target::Unix(socket.to_owned())).await
    }

    /// Connects to a daemon, wherever it is; starts none.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`]; over the network [`ClientError::Unreachable`] or [`ClientError::Tls`].
    pub async fn open(target: &Target) -> Result<Self, ClientError> {
        let wire = target.connect().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(wire))
            .await
            .map_err(ClientError::Broken)?;
        // A failure of the connection is also the failure of the request on it, where it is reported.
        let connection = tokio::spawn(async move { connection.await.unwrap_or_default() });
        Ok(Self {
            target: target.clone(),
            sender,
            connection,
        })
    }

    /// Where it is connected to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Asks for `path`.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        self.request(Method::GET, path, None).await
    }

    /// Posts `body` to `path`.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.request(Method::POST, path, Some(encode(body)?)).await
    }

    /// Patches `path` with `body`.
    pub async fn patch<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.request(Method::PATCH, path, Some(encode(body)?)).await
    }

    /// Deletes what is at `path`.
    pub async fn delete<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        self.request(Method::DELETE, path, None).await
    }

    /// Asks for `path` and returns its body as it comes.
    pub async fn stream(&mut self, path: &str) -> Result<Stream, ClientError> {
        let answer = self.send(Method::GET, path, None).await?;
        if answer.status().is_success() {
            return Ok(Stream::new(answer.into_body()));
        }
        Err(refusal(answer).await)
    }

    /// Waits until the daemon has closed the connection, as it does when it ends.
    pub async fn closed(self) {
        // Kept until the end: dropping it would close the connection from this side.
        let _sender = self.sender;
        self.connection.await.unwrap_or_default();
    }

    async fn request<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body).await?;
        let status = answer.status();
        decode(status, &read_all(answer.into_body()).await?)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, ClientError> {
        if self.sender.ready().await.is_err() {
            // Closed while idle: nothing of this request was sent, so it is safe to begin anew.
            *self = Self::open(&self.target).await?;
        }
        let (host, base, credential) = self.target.heading();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header(header::HOST, host);
        if let Some(credential) = credential {
            request = request.header(header::AUTHORIZATION, credential);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|e| ClientError::Protocol(format!("{path} is no request path: {e}")))?;
        self.sender
            .send_request(request)
            .await
            .map_err(|error| self.target.broken(error))
    }
}

/// What a refused request was answered.
pub(super) async fn refusal(answer: Response<Incoming>) -> ClientError {
    let status = answer.status();
    match read_all(answer.into_body()).await {
        Ok(body) => match decode::<serde::de::IgnoredAny>(status, &body) {
            Err(error) => error,
            Ok(_) => ClientError::Protocol(format!("an answer that was not asked for: {status}")),
        },
        Err(error) => error,
    }
}

async fn read_all(body: Incoming) -> Result<Bytes, ClientError> {
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    Ok(body
        .map_err(|error| ClientError::Protocol(error.to_string()))?
        .to_bytes())
}

fn encode(body: &impl Serialize) -> Result<Bytes, ClientError> {
    let text = serde_json::to_vec(body)
        .map_err(|e| ClientError::Protocol(format!("cannot write the request: {e}")))?;
    Ok(text.into())
}

fn decode<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|e| ClientError::Protocol(e.to_string()));
    }
    let error = serde_json::from_slice(body).unwrap_or_else(|_| {
        let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
        // A page is for a browser's eyes.
        let said = match text.as_str() {
            "" => status.to_string(),
            text if text.starts_with('<') => status.to_string(),
            text => format!("{status}: {text}"),
        };
        ApiError::new(ErrorCode::Other, said).hint("is an llmux daemon at that address?")
    });
    Err(ClientError::Api {
        status: status.as_u16(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;
    use crate::client::fake::{place, serve};

    #[tokio::test]
    async fn a_connection_closed_while_idle_is_made_anew() {
        let (_dir, socket) = place();
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
        let server = serve(
            UnixListener::bind(&socket).unwrap(),
            Box::leak(Box::new([ok, ok])),
        );
        let mut client = Client::connect(&socket).await.unwrap();
        let _: Vec<u8> = client.get("/api/sessions").await.unwrap();
        let _: Vec<u8> = client.post("/api/x", &serde_json::json!({"a": 1})).await.unwrap();
        let seen = server.await.unwrap();
        assert!(
            seen[0].starts_with("GET /api/sessions HTTP/1.1\r\nhost: localhost\r\n"),
            "{}",
            seen[0]
        );
        assert!(seen[1].ends_with("\r\n\r\n{\"a\":1}"), "{}", seen[1]);
    }

    #[tokio::test]
    async fn a_refusal_carries_the_daemons_code_and_hint() {
        let (_dir, socket) = place();
        let no = "HTTP/1.1 404 Not Found\r\ncontent-length: 72\r\n\r\n{\"ok\":false,\"error\":\"no x\",\"code\":\"session_not_found\",\"hint\":\"llmux ls\"}";
        let _server = serve(UnixListener::bind(&socket).unwrap(), Box::leak(Box::new([no])));
        let error = Client::connect(&socket)
            .await
            .unwrap()
            .get::<()>("/api/sessions/x")
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::SessionNotFound));
        assert_eq!(
            (error.to_string().as_str(), error.hints()),
            ("no x", vec!["llmux ls".to_owned()])
        );
    }

    #[tokio::test]
    async fn an_answer_that_is_no_json_is_not_taken_for_one() {
        let (_dir, socket) = place();
        let bad = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<h1>";
        let _server = serve(UnixListener::bind(&socket).unwrap(), Box::leak(Box::new([bad])));
        let error = Client::connect(&socket)
            .await
            .unwrap()
            .get::<Vec<u8>>("/")
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::Protocol(_)));
    }

    #[tokio::test]
    async fn a_socket_without_a_listener_is_no_daemon() {
        let (_dir, socket) = place();
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        for socket in [socket.clone(), socket.with_file_name("absent")] {
            assert!(matches!(
                Client::connect(&socket).await,
                Err(ClientError::NoDaemon { .. })
            ));
        }
    }
}
