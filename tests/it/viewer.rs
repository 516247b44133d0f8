//! A viewer of a terminal as a page is one, written to `protocol/websocket.md` only, on another WebSocket library.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use llmux::screen::{Screen, Size};
use serde_json::{Value, json};
use tungstenite::{
    Bytes, Error, Message, WebSocket,
    client::IntoClientRequest,
    handshake::HandshakeError,
    http::{HeaderValue, Response},
    protocol::frame::CloseFrame,
};

use crate::lab::{Lab, eventually};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what came last is looked at.
const TAIL: usize = 8 << 10;
/// How long one read waits.
const READ: Duration = Duration::from_millis(50);

impl Lab {
    /// Opens a connection to the daemon, which must run.
    pub(crate) fn dial(&self) -> UnixStream {
        let connect = || {
            let mut files = std::fs::read_dir(self.path("run/llmux")).ok()?.flatten();
            files.find_map(|file| UnixStream::connect(file.path()).ok())
        };
        let stream = eventually("the daemon listens", connect);
        stream.set_read_timeout(Some(READ)).expect("a time limit");
        stream
    }
}

/// What a refused upgrade is answered.
type Refusal = Response<Option<Vec<u8>>>;

/// Asks for a WebSocket at `/ws/{path}`; the refusal if it is one.
pub(crate) fn ask(
    lab: &Lab,
    path: &str,
    protocol: Option<&'static str>,
) -> Result<WebSocket<UnixStream>, Box<Refusal>> {
    let mut request = format!("ws://localhost/ws/{path}")
        .into_client_request()
        .expect("a request");
    if let Some(protocol) = protocol {
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
    }
    let mut outcome = tungstenite::client(request, lab.dial());
    let deadline = Instant::now() + PATIENCE;
    loop {
        match outcome {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Failure(Error::Http(refusal))) => return Err(refusal),
            Err(HandshakeError::Failure(error)) => panic!("{error}"),
            Err(HandshakeError::Interrupted(half)) => {
                assert!(Instant::now() < deadline, "the upgrade is answered");
                outcome = half.handshake();
            }
        }
    }
}

/// A viewer, and all that it was told.
pub(crate) struct Viewer {
    socket: WebSocket<UnixStream>,
    screen: Screen,
    /// Whether it only keeps the bytes.
    is_light: bool,
    pub(crate) hello: Value,
    pub(crate) size: (u64, u64),
    pub(crate) holder: Value,
    pub(crate) viewers: u64,
    pub(crate) activity: Value,
    pub(crate) turns: Vec<Value>,
    pub(crate) errors: Vec<Value>,
    /// Kinds of the messages, in order.
    pub(crate) order: Vec<String>,
    pub(crate) snapshots: usize,
    /// The number of the next byte.
    pub(crate) seq: u64,
    /// Everything since the last snapshot, and before it; of a light viewer the end.
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: Option<(u16, String)>,
}

impl Viewer {
    /// Looks at a session; `path` is its name, perhaps with a query.
    #[track_caller]
    pub(crate) fn of(lab: &Lab, path: &str) -> Self {
        let socket = ask(lab, path, Some("llmux.v1")).expect("it is let in");
        let mut viewer = Self {
            socket,
            screen: Screen::new(Size::new(80, 24)),
            is_light: false,
            hello: Value::Null,
            size: (0, 0),
            holder: Value::Null,
            viewers: 0,
            activity: Value::Null,
            turns: Vec::new(),
            errors: Vec::new(),
            order: Vec::new(),
            snapshots: 0,
            seq: 0,
            bytes: Vec::new(),
            closed: None,
        };
        viewer.until("it is greeted", |viewer| viewer.viewers > 0);
        viewer
    }

    /// Looks at a session without drawing it: a crowd of these is cheap.
    #[track_caller]
    pub(crate) fn light(lab: &Lab, path: &str) -> Self {
        let mut viewer = Self::of(lab, path);
        viewer.is_light = true;
        viewer
    }

    /// Whether a text is among what it got last.
    pub(crate) fn printed(&self, text: &str) -> bool {
        let tail = &self.bytes[self.bytes.len().saturating_sub(TAIL)..];
        String::from_utf8_lossy(tail).contains(text)
    }

    /// Reads until a condition holds.
    #[track_caller]
    pub(crate) fn until(&mut self, claim: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < deadline,
                "never came true: {claim}; it was told {:?}, errors {:?}, closed {:?}, screen:\n{}",
                self.order,
                self.errors,
                self.closed,
                self.rows().join("\n")
            );
            self.read();
        }
    }

    /// Reads until the screen has a row that contains a text.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        self.until(&format!("it shows {text}"), |viewer| {
            viewer.rows().iter().any(|row| row.contains(text))
        });
    }

    /// Reads until a text was printed, for as long as something comes.
    #[track_caller]
    pub(crate) fn reads_to(&mut self, text: &str) {
        let mut came_at = Instant::now();
        while !self.printed(text) {
            if self.read() {
                came_at = Instant::now();
            }
            assert!(came_at.elapsed() < PATIENCE, "{text} never came");
        }
    }

    /// Reads what comes until nothing does for a while.
    pub(crate) fn settle(&mut self) {
        while self.read() {}
    }

    pub(crate) fn rows(&self) -> Vec<std::sync::Arc<str>> {
        self.screen.rows()
    }

    pub(crate) fn says(&mut self, message: &Value) {
        self.sends(Message::text(message.to_string()));
    }

    pub(crate) fn types(&mut self, keys: &[u8]) {
        self.sends(Message::binary(keys.to_vec()));
    }

    pub(crate) fn acts(&mut self, act: &str, (cols, rows): (u64, u64)) {
        self.says(&json!({"type": "fit", "act": act, "cols": cols, "rows": rows}));
    }

    #[track_caller]
    pub(crate) fn sends(&mut self, message: Message) {
        self.socket.send(message).expect("it is sent");
    }

    pub(crate) fn holds(&self) -> bool {
        self.holder["you"] == true
    }

    /// Where a later connection can go on.
    pub(crate) fn place(&self) -> String {
        let epoch = self.hello["epoch"].as_str().expect("text");
        format!("epoch={epoch}&from={}", self.seq)
    }

    /// Reads one message; says whether one came.
    fn read(&mut self) -> bool {
        match self.socket.read() {
            Ok(Message::Text(text)) => self.told(&serde_json::from_str(&text).expect("JSON")),
            Ok(Message::Binary(message)) => self.terminal(&message),
            Ok(Message::Close(frame)) => {
                let CloseFrame { code, reason } = frame.expect("a close frame says why");
                self.closed = Some((code.into(), reason.as_str().to_owned()));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(Error::ConnectionClosed) => return false,
            Err(error) => panic!("{error}"),
        }
        true
    }

    fn told(&mut self, message: &Value) {
        let kind = message["type"].as_str().expect("a type");
        self.order.push(kind.to_owned());
        match kind {
            "hello" => {
                assert_eq!(self.order.len(), 1, "hello is first");
                self.hello = message.clone();
            }
            "size" => {
                let side = |name: &str| message[name].as_u64().expect("a number");
                self.size = (side("cols"), side("rows"));
                self.holder = message["holder"].clone();
            }
            "viewers" => self.viewers = message["count"].as_u64().expect("a number"),
            "state" => self.activity = message["activity"].clone(),
            "turn" => self.turns.push(message["turn"].clone()),
            "error" => self.errors.push(message.clone()),
            _ => {}
        }
    }

    fn terminal(&mut self, message: &Bytes) {
        let (head, bytes) = message.split_at(9);
        let seq = u64::from_be_bytes(head[1..].try_into().expect("8 bytes"));
        match head[0] {
            1 => {
                self.order.push("output".to_owned());
                assert_eq!(seq, self.seq, "output continues what was before");
                self.seq += bytes.len() as u64;
            }
            2 => {
                self.order.push("snapshot".to_owned());
                self.snapshots += 1;
                self.seq = seq;
                self.screen = Screen::new(Size::new(self.size.0 as u16, self.size.1 as u16));
            }
            kind => panic!("kind {kind}"),
        }
        self.bytes.extend_from_slice(bytes);
        if self.is_light {
            self.bytes.drain(..self.bytes.len().saturating_sub(TAIL));
        } else {
            self.screen.feed(bytes);
        }
    }
}

/// A connection of which the test writes every byte.
pub(crate) struct Raw(UnixStream);

impl Raw {
    /// Upgrades; the connection speaks `llmux.v1`.
    #[track_caller]
    pub(crate) fn of(lab: &Lab, path: &str) -> Self {
        let mut stream = lab.dial();
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        write!(
            stream,
            "GET /ws/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: llmux.v1\r\n\r\n"
        )
        .expect("it is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text");
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // The example of RFC 6455.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Self(stream)
    }

    /// Writes bytes; a server that has closed the connection does not mind.
    pub(crate) fn writes(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Reads frames to the end of the connection; returns the codes of the close frames.
    pub(crate) fn closes(&mut self) -> Vec<u16> {
        let mut codes = Vec::new();
        while let Ok((opcode, payload)) = self.frame() {
            if opcode == 8 {
                codes.push(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        codes
    }

    /// Reads a frame of the server.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        assert_eq!(
            (head[0] & 0xf0, head[1] & 0x80),
            (0x80, 0),
            "one frame, not masked"
        );
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload)?;
        Ok((head[0] & 0xf, payload))
    }
}

/// A masked frame whose first byte is `first`.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 77, 177, 0];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0xfe);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}
