//! A session's terminal over a WebSocket: `protocol/websocket.md` from the viewer's side.

use std::io;

use bytes::Bytes;
use fastwebsockets::{
    Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead, WebSocketWrite, after_handshake_split,
    handshake::generate_key,
};
use http_body_util::Empty;
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{
        AUTHORIZATION, CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        UPGRADE,
    },
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use llmux_protocol::api::socket::{FromViewer, Kind, SUBPROTOCOL, ToViewer, read_terminal};
use tokio::io::{ReadHalf, WriteHalf, split};

use super::{ClientError, Target, http::refusal, path::socket_path};

type Socket = TokioIo<Upgraded>;

/// The largest message of a server: a snapshot with its scrollback.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// Where a viewer was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The numbering.
    pub epoch: String,
    /// The number of the next byte.
    pub seq: u64,
}

/// What a viewer hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A message in text.
    Said(ToViewer),
    /// Bytes for the terminal, and their number.
    Terminal(Kind, u64, Bytes),
    /// To be answered with [`Mouth::pong`].
    Ping(Bytes),
    /// Nothing that matters but that the server is there.
    Sign,
    /// The end, with the server's code, if it said one, and its reason.
    Closed(Option<u16>, String),
}

/// The reading half.
pub struct Ear(WebSocketRead<ReadHalf<Socket>>);

/// The writing half.
pub struct Mouth(WebSocketWrite<WriteHalf<Socket>>);

/// Looks at the session `name` of the daemon at `target`, as the viewer `viewer`; with `from`, goes on there if all output
/// since is still kept.
///
/// # Errors
/// As of any request; [`ClientError::Api`] if there is no such session, or it does not run.
pub async fn view(
    target: &Target,
    name: &str,
    viewer: &str,
    from: Option<&Place>,
) -> Result<(Ear, Mouth), ClientError> {
    let wire = target.connect().await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire))
        .await
        .map_err(ClientError::Broken)?;
    // A failure of the connection is also that of the request on it, where it is reported.
    tokio::spawn(async move { connection.with_upgrades().await.unwrap_or_default() });
    let (host, base, credential) = target.heading();
    let mut path = format!("{base}{}?viewer={viewer}", socket_path(name));
    if let Some(Place { epoch, seq }) = from {
        path = format!("{path}&epoch={epoch}&from={seq}");
    }
    let mut request = Request::builder()
        .uri(&path)
        .header(HOST, host)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, generate_key())
        .header(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    if let Some(credential) = credential {
        request = request.header(AUTHORIZATION, credential);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| ClientError::Protocol(format!("{path} is no request path: {error}")))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| target.broken(error))?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer).await);
    }
    let chosen = answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
    if chosen.is_none_or(|chosen| chosen != SUBPROTOCOL) {
        return Err(ClientError::Protocol(format!("it does not speak {SUBPROTOCOL}")));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(ClientError::Broken)?;
    let (read, write) = split(TokioIo::new(upgraded));
    let (mut read, write) = after_handshake_split(read, write, Role::Client);
    read.set_auto_close(false);
    read.set_auto_pong(false);
    read.set_max_message_size(MAX_MESSAGE_BYTES);
    Ok((Ear(read), Mouth(write)))
}

impl Ear {
    /// Waits for the next message. Not cancel safe: a frame that was begun is lost.
    pub async fn next(&mut self) -> Heard {
        let mut send = |_: Frame<'_>| std::future::ready(Ok::<(), WebSocketError>(()));
        let frame = match self.0.read_frame(&mut send).await {
            Ok(frame) => frame,
            Err(error) => return Heard::Closed(None, error.to_string()),
        };
        let payload = match frame.payload {
            Payload::Bytes(payload) => payload.freeze(),
            other => Bytes::copy_from_slice(&other),
        };
        match frame.opcode {
            // The server's messages are never in parts.
            OpCode::Text | OpCode::Binary | OpCode::Continuation if !frame.fin => {
                Heard::Closed(None, "a message in parts".to_owned())
            }
            OpCode::Text => serde_json::from_slice(&payload).map_or(Heard::Sign, Heard::Said),
            OpCode::Binary => match read_terminal(&payload) {
                Some((kind, seq, bytes)) => Heard::Terminal(kind, seq, payload.slice_ref(bytes)),
                None => Heard::Sign,
            },
            OpCode::Ping => Heard::Ping(payload),
            OpCode::Pong | OpCode::Continuation => Heard::Sign,
            OpCode::Close => {
                let (code, reason) = match payload.split_first_chunk() {
                    Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason),
                    None => (None, [].as_slice()),
                };
                Heard::Closed(code, String::from_utf8_lossy(reason).into_owned())
            }
        }
    }
}

impl Mouth {
    /// Types bytes.
    pub async fn keys(&mut self, keys: &[u8]) -> io::Result<()> {
        self.send(OpCode::Binary, keys).await
    }

    /// Says something.
    pub async fn say(&mut self, message: FromViewer) -> io::Result<()> {
        // A message of numbers and constants can be written.
        let text = serde_json::to_vec(&message).unwrap_or_default();
        self.send(OpCode::Text, &text).await
    }

    /// Answers a ping.
    pub async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(OpCode::Pong, payload).await
    }

    /// Says goodbye.
    pub async fn close(&mut self) -> io::Result<()> {
        self.send(OpCode::Close, &1000_u16.to_be_bytes()).await
    }

    async fn send(&mut self, opcode: OpCode, payload: &[u8]) -> io::Result<()> {
        let frame = Frame::new(true, opcode, None, Payload::Borrowed(payload));
        self.0.write_frame(frame).await.map_err(io::Error::other)?;
        self.0.flush().await.map_err(io::Error::other)
    }
}
