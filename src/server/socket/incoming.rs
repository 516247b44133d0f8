//! What a viewer's WebSocket brings: whole messages of bounded size.
//!
//! fastwebsockets reads frames. It knows nothing of messages in several frames, and does not mind frames without a mask;
//! a read that is dropped half-way loses a header, so one future reads from the first frame to the last.

use bytes::{Bytes, BytesMut};
use fastwebsockets::{CloseCode, Frame, OpCode, Payload, WebSocketError, WebSocketRead};
use tokio::io::AsyncRead;

use super::End;

/// The largest control frame.
const MAX_CONTROL_BYTES: usize = 125;

/// A message, or what a control frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
}

/// The reading half.
pub(super) struct Incoming<R> {
    read: WebSocketRead<R>,
    /// A message whose last frame has not come.
    begun: Option<(OpCode, BytesMut)>,
    most: usize,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    /// Reads messages of at most `most` bytes.
    pub(super) fn new(mut read: WebSocketRead<R>, most: usize) -> Self {
        // Closing and answering are the writer's: two who write would mix their frames.
        read.set_auto_close(false);
        read.set_auto_pong(false);
        read.set_max_message_size(most + 1);
        Self {
            read,
            begun: None,
            most,
        }
    }

    /// Waits for the next message. Not cancel safe.
    ///
    /// # Errors
    /// The end of the connection: the peer closed it, broke off, or sent what is no message.
    pub(super) async fn next(&mut self) -> Result<Message, End> {
        loop {
            // Nothing is obliged to be sent: see `new`.
            let mut send = |_: Frame<'_>| std::future::ready(Ok::<(), WebSocketError>(()));
            let frame = self
                .read
                .read_frame(&mut send)
                .await
                .map_err(|error| of(&error))?;
            let (fin, opcode, payload) = open(frame)?;
            if let Some(message) = take(&mut self.begun, self.most, fin, opcode, payload)? {
                return Ok(message);
            }
        }
    }
}

/// Opens a frame, which must be masked.
fn open(mut frame: Frame<'_>) -> Result<(bool, OpCode, BytesMut), End> {
    let mut head = [0; 16];
    frame.fmt_head(&mut head);
    if head[1] & 0x80 == 0 {
        return Err(End::NoFrame("a frame without a mask"));
    }
    let payload = match frame.payload {
        Payload::Bytes(payload) => payload,
        other => BytesMut::from(&*other),
    };
    Ok((frame.fin, frame.opcode, payload))
}

/// Takes a frame in; returns what is whole with it.
fn take(
    begun: &mut Option<(OpCode, BytesMut)>,
    most: usize,
    fin: bool,
    opcode: OpCode,
    payload: BytesMut,
) -> Result<Option<Message>, End> {
    if matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong) && payload.len() > MAX_CONTROL_BYTES {
        return Err(End::NoFrame("a control frame over 125 bytes"));
    }
    let (kind, whole) = match (opcode, begun.take()) {
        (OpCode::Close, _) => return Err(closed(&payload)),
        (OpCode::Ping, before) => {
            *begun = before;
            return Ok(Some(Message::Ping(payload.freeze())));
        }
        (OpCode::Pong, before) => {
            *begun = before;
            return Ok(Some(Message::Pong));
        }
        (OpCode::Continuation, None) => return Err(End::NoFrame("the middle of no message")),
        (OpCode::Continuation, Some((kind, mut whole))) => {
            // Counted before it is kept: a message in many frames has the limit of one in one.
            if whole.len() + payload.len() > most {
                return Err(End::TooLarge);
            }
            whole.extend_from_slice(&payload);
            (kind, whole)
        }
        (OpCode::Text | OpCode::Binary, Some(_)) => {
            return Err(End::NoFrame("a message in the middle of another"));
        }
        (kind @ (OpCode::Text | OpCode::Binary), None) => (kind, payload),
    };
    if whole.len() > most {
        return Err(End::TooLarge);
    }
    if !fin {
        *begun = Some((kind, whole));
        return Ok(None);
    }
    let whole = whole.freeze();
    if kind == OpCode::Binary {
        return Ok(Some(Message::Binary(whole)));
    }
    if std::str::from_utf8(&whole).is_err() {
        return Err(End::NoText);
    }
    Ok(Some(Message::Text(whole)))
}

/// What a close frame says.
fn closed(payload: &[u8]) -> End {
    match payload {
        [] => End::ByPeer(1000),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                End::NoFrame("a close code that may not be sent")
            } else if std::str::from_utf8(reason).is_err() {
                End::NoText
            } else {
                End::ByPeer(code)
            }
        }
        [_] => End::NoFrame("half a close code"),
    }
}

/// How a failed read ends the connection.
fn of(error: &WebSocketError) -> End {
    match error {
        WebSocketError::FrameTooLarge => End::TooLarge,
        WebSocketError::InvalidUTF8 => End::NoText,
        WebSocketError::UnexpectedEOF
        | WebSocketError::IoError(_)
        | WebSocketError::ConnectionClosed
        | WebSocketError::HTTPError(_)
        | WebSocketError::SendError(_) => End::Gone,
        WebSocketError::ReservedBitsNotZero => End::NoFrame("a frame with reserved bits"),
        WebSocketError::ControlFrameFragmented => End::NoFrame("a control frame in parts"),
        WebSocketError::PingFrameTooLarge => End::NoFrame("a control frame over 125 bytes"),
        _ => End::NoFrame("no frame"),
    }
}

#[cfg(test)]
mod tests {
    use fastwebsockets::{Role, after_handshake_split};
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1000;

    /// Reads a stream of bytes to its end.
    fn read(bytes: &[u8]) -> (Vec<Message>, End) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (read, _) = after_handshake_split(bytes, tokio::io::sink(), Role::Server);
            let mut incoming = Incoming::new(read, MOST);
            let mut messages = Vec::new();
            loop {
                match incoming.next().await {
                    Ok(message) => messages.push(message),
                    Err(end) => return (messages, end),
                }
            }
        })
    }

    /// A masked frame; `first` is its first byte.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                // Two bytes of length follow.
                frame.push(0xfe);
                frame.extend((length as u16).to_be_bytes());
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

    #[test]
    fn messages_come_whole_with_pings_between_their_parts() {
        let stream = [
            frame(0x81, "é".as_bytes()),
            frame(0x02, b"ab"),
            frame(0x89, b"hi"),
            frame(0x00, b""),
            frame(0x80, b"c"),
            // A character may be cut by frames, not by messages.
            frame(0x01, b"\xc3"),
            frame(0x80, b"\xa9"),
            frame(0x8a, b""),
            frame(0x88, &1001_u16.to_be_bytes()),
        ];
        let (messages, end) = read(&stream.concat());
        let e = || Message::Text("é".into());
        let ping = Message::Ping(Bytes::from_static(b"hi"));
        assert_eq!(
            messages,
            [e(), ping, Message::Binary("abc".into()), e(), Message::Pong]
        );
        assert_eq!(end, End::ByPeer(1001));
    }

    #[test]
    fn what_is_no_message_ends_the_connection_with_the_right_code() {
        let large = vec![b'x'; MOST];
        let many = [frame(0x02, &large[1..]), frame(0x00, b"x"), frame(0x00, b"x")].concat();
        for (stream, code) in [
            (vec![0x82, 0x01, b'x'], 1002),
            (frame(0xc2, b"x"), 1002),
            (frame(0x83, b"x"), 1002),
            (frame(0x80, b"x"), 1002),
            (frame(0x09, b"x"), 1002),
            (frame(0x89, &large[..126]), 1002),
            (frame(0x8a, &large[..126]), 1002),
            (frame(0x88, &large[..126]), 1002),
            (frame(0x88, b"x"), 1002),
            (frame(0x88, &1005_u16.to_be_bytes()), 1002),
            (frame(0x88, &99_u16.to_be_bytes()), 1002),
            (frame(0x88, b"\x03\xe8\xff"), 1007),
            ([frame(0x02, b"x"), frame(0x82, b"x")].concat(), 1002),
            (frame(0x81, b"\xff"), 1007),
            ([frame(0x01, b"\xc3"), frame(0x80, b"x")].concat(), 1007),
            (frame(0x82, &[large.as_slice(), b"x"].concat()), 1009),
            (many, 1009),
        ] {
            let (messages, end) = read(&stream);
            assert_eq!((messages.len(), end.code()), (0, Some(code)), "{stream:?}");
        }
        assert_eq!(read(&frame(0x82, &large)).0.len(), 1);
        for cut in [vec![], vec![0x82], frame(0x82, b"xy")[..7].to_vec()] {
            assert_eq!(read(&cut), (vec![], End::Gone));
        }
        // A length that no memory has room for is refused before any is taken.
        let huge = [vec![0x82, 0xff], vec![0xff; 8], vec![0; 4]].concat();
        assert_eq!(read(&huge).1, End::TooLarge);
    }

    /// Something like a frame.
    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![
            prop::sample::select(vec![0x01, 0x02, 0x00, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a]),
            any::<u8>()
        ];
        let payload = prop::collection::vec(any::<u8>(), 0..300);
        (first, payload).prop_map(|(first, payload)| frame(first, &payload))
    }

    proptest! {
        #[test]
        fn any_bytes_end_somehow_and_no_message_is_too_large(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            read(&bytes);
        }

        #[test]
        fn any_frames_end_somehow_and_no_message_is_too_large(frames in prop::collection::vec(any_frame(), 0..20)) {
            for message in read(&frames.concat()).0 {
                match message {
                    Message::Text(bytes) | Message::Binary(bytes) => prop_assert!(bytes.len() <= MOST),
                    Message::Ping(bytes) => prop_assert!(bytes.len() <= MAX_CONTROL_BYTES),
                    Message::Pong => {}
                }
            }
        }
    }
}
