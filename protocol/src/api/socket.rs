//! The messages of a viewer's WebSocket, `llmux.v1`, and what remains of the form before it. `websocket.md` is the
//! description for people.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{Action, Activity, ErrorCode, Turn};

/// The subprotocol.
pub const SUBPROTOCOL: &str = "llmux.v1";
/// The version that `hello` tells.
pub const PROTOCOL: u32 = 1;
/// The largest message that a client may send, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// The close code that says that the session's program has ended.
pub const CLOSE_ENDED: u16 = 4040;
/// What precedes the terminal's bytes in a binary message: one byte of kind, eight of number.
pub const HEAD_BYTES: usize = 9;

/// What the bytes of a binary message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Output that continues what was before. The number is that of its first byte.
    Output = 1,
    /// Draws the whole screen in a fresh terminal. The number is that of the byte that will follow it.
    Snapshot = 2,
}

/// Writes a binary message.
#[must_use]
pub fn write_terminal<'a>(kind: Kind, seq: u64, pieces: impl IntoIterator<Item = &'a [u8]> + Clone) -> Bytes {
    let length: usize = pieces.clone().into_iter().map(<[u8]>::len).sum();
    let mut message = BytesMut::with_capacity(HEAD_BYTES + length);
    message.put_u8(kind as u8);
    message.put_u64(seq);
    for piece in pieces {
        message.put_slice(piece);
    }
    message.freeze()
}

/// Reads a binary message; `None` if it is of no kind that is known.
#[must_use]
pub fn read_terminal(message: &[u8]) -> Option<(Kind, u64, &[u8])> {
    let (head, bytes) = message.split_first_chunk::<HEAD_BYTES>()?;
    let [kind, seq @ ..] = *head;
    let kind = match kind {
        1 => Kind::Output,
        2 => Kind::Snapshot,
        _ => return None,
    };
    Some((kind, u64::from_be_bytes(seq), bytes))
}

/// What a viewer is told in text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum ToViewer {
    /// The first message.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The session's name.
        session: String,
        /// Names this numbering of this pane's output.
        epoch: String,
        /// The viewer's id, its own or made for it.
        viewer: String,
        /// What it may do.
        may: Vec<Action>,
        /// After how many seconds of silence a tick comes.
        tick_secs: u64,
    },
    /// The pane's size; before output in it.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// Who holds it.
        holder: Option<Holder>,
    },
    /// How many look at the session.
    Viewers {
        /// This one included.
        count: usize,
    },
    /// What the agent is doing.
    State {
        /// What it is doing.
        activity: Activity,
    },
    /// A turn of the session changed.
    Turn {
        /// As it is now.
        turn: Box<Turn>,
    },
    /// Nothing happened for a while.
    Tick {
        /// The number of the next byte.
        seq: u64,
    },
    /// What was asked for was refused; the connection goes on.
    Error {
        /// For a program.
        code: ErrorCode,
        /// For a person.
        error: String,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// A message of a later version.
    #[serde(other)]
    Unknown,
}

/// Who holds a pane's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Holder {
    /// A person's tmux client.
    Tmux,
    /// The viewer whose person last claimed it.
    Viewer {
        /// Whether that is the viewer that is told this.
        you: bool,
        /// The person.
        who: String,
    },
}

/// What a viewer says in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FromViewer {
    /// A person's act claims the size.
    Fit {
        /// Columns of the viewer's window.
        cols: u16,
        /// Rows of it.
        rows: u16,
        /// What the person did.
        act: Act,
    },
    /// The viewer's window has another size.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// All before this number is drawn.
    Ack {
        /// The number.
        seq: u64,
    },
    /// A snapshot is wanted.
    Resync,
    /// Whether a person has the session before their eyes; not before it is said.
    Look {
        /// Whether they have.
        visible: bool,
    },
}

/// What a person did, the strongest claim last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Opened the session.
    Open,
    /// Typed.
    Type,
    /// Asked for his size.
    Fit,
}

/// A size that no pane can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OutOfBounds;

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cols must be 2 to 500, rows 1 to 300")
    }
}

fn check(cols: u16, rows: u16) -> Result<(), OutOfBounds> {
    let is_in = (2..=500).contains(&cols) && (1..=300).contains(&rows);
    is_in.then_some(()).ok_or(OutOfBounds)
}

impl FromViewer {
    /// Reads a text message. Total.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let message: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match message {
            Self::Fit { cols, rows, .. } | Self::Size { cols, rows } => check(cols, rows)
                .map(|()| message)
                .map_err(|error| error.to_string()),
            Self::Ack { .. } | Self::Resync | Self::Look { .. } => Ok(message),
        }
    }
}

/// A text message of the old form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldMessage {
    /// The viewer's window has this size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Meant to be a resize, and none: not to be typed.
    Nonsense,
    /// To be typed.
    Keys,
}

impl OldMessage {
    /// Reads a text message. Total: what is not about the size is typed.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Any<'a> {
            #[serde(borrow, rename = "type")]
            kind: std::borrow::Cow<'a, str>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Resize {
            #[serde(rename = "type")]
            _kind: serde::de::IgnoredAny,
            cols: u16,
            rows: u16,
        }
        if text.first() != Some(&b'{') {
            return Self::Keys;
        }
        match serde_json::from_slice::<Any<'_>>(text) {
            Ok(any) if any.kind == "resize" => {}
            _ => return Self::Keys,
        }
        match serde_json::from_slice(text) {
            Ok(Resize { cols, rows, .. }) if check(cols, rows).is_ok() => Self::Resize { cols, rows },
            _ => Self::Nonsense,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json, to_value};

    use super::*;

    fn read(message: &Value) -> Result<FromViewer, String> {
        FromViewer::read(message.to_string().as_bytes())
    }

    #[test]
    fn what_a_viewer_says_is_as_the_page_describes_it() {
        let fit = read(&json!({"type": "fit", "cols": 80, "rows": 24, "act": "open", "later": 1}));
        let wanted = FromViewer::Fit {
            cols: 80,
            rows: 24,
            act: Act::Open,
        };
        assert_eq!(fit, Ok(wanted));
        assert_eq!(
            read(&json!({"type": "size", "cols": 2, "rows": 300})),
            Ok(FromViewer::Size { cols: 2, rows: 300 })
        );
        assert_eq!(
            read(&json!({"type": "ack", "seq": 7})),
            Ok(FromViewer::Ack { seq: 7 })
        );
        assert_eq!(read(&json!({"type": "resync"})), Ok(FromViewer::Resync));
        assert_eq!(
            read(&json!({"type": "look", "visible": true})),
            Ok(FromViewer::Look { visible: true })
        );
    }

    #[test]
    fn nothing_else_is_understood() {
        for bad in [
            json!({"type": "size", "cols": 1, "rows": 24}),
            json!({"type": "size", "cols": 501, "rows": 24}),
            json!({"type": "size", "cols": 80, "rows": 0}),
            json!({"type": "size", "cols": 80, "rows": 301}),
            json!({"type": "size", "cols": -80, "rows": 24}),
            json!({"type": "size", "cols": 80.5, "rows": 24}),
            json!({"type": "fit", "cols": 80, "rows": 24}),
            json!({"type": "fit", "cols": 80, "rows": 24, "act": "look"}),
            json!({"type": "ack", "seq": -1}),
            json!({"type": "else"}),
            json!([]),
            json!("resync"),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        assert!(FromViewer::read(b"\xff{").is_err());
        assert!(FromViewer::read(b"").is_err());
    }

    #[test]
    fn what_a_viewer_is_told_is_as_the_page_describes_it() {
        let size = |holder| ToViewer::Size {
            cols: 80,
            rows: 24,
            holder,
        };
        assert_eq!(
            to_value(size(None)).unwrap(),
            json!({"type": "size", "cols": 80, "rows": 24, "holder": null})
        );
        assert_eq!(
            to_value(size(Some(Holder::Tmux))).unwrap()["holder"],
            json!({"kind": "tmux"})
        );
        let viewer = Holder::Viewer {
            you: true,
            who: "ann".into(),
        };
        assert_eq!(
            to_value(size(Some(viewer))).unwrap()["holder"],
            json!({"kind": "viewer", "you": true, "who": "ann"})
        );
        let hello = ToViewer::Hello {
            protocol: PROTOCOL,
            session: "main".into(),
            epoch: "e".into(),
            viewer: "v".into(),
            may: vec![Action::Watch, Action::Type],
            tick_secs: 10,
        };
        assert_eq!(
            to_value(hello).unwrap(),
            json!({"type": "hello", "protocol": 1, "session": "main", "epoch": "e", "viewer": "v",
                   "may": ["watch", "type"], "tickSecs": 10})
        );
        let later: ToViewer = serde_json::from_value(json!({"type": "later", "x": 1})).unwrap();
        assert_eq!(later, ToViewer::Unknown);
    }

    #[test]
    fn a_terminal_message_is_a_kind_a_number_and_bytes() {
        let message = write_terminal(Kind::Snapshot, 0x0102, [b"ab".as_slice(), b"c"]);
        assert_eq!(message.as_ref(), b"\x02\0\0\0\0\0\0\x01\x02abc");
        assert_eq!(
            read_terminal(&message),
            Some((Kind::Snapshot, 0x0102, b"abc".as_slice()))
        );
        for bad in [b"".as_slice(), b"\x01\0\0\0\0\0\0\0", b"\x03\0\0\0\0\0\0\0\0"] {
            assert_eq!(read_terminal(bad), None);
        }
    }

    #[test]
    fn an_old_resize_is_never_typed_and_all_else_is() {
        let resize = OldMessage::Resize { cols: 80, rows: 24 };
        for (text, meant) in [
            (r#"{"type":"resize","cols":80,"rows":24}"#, resize),
            (r#"{"rows":24,"cols":80,"type":"resize"}"#, resize),
            (r#"{"type":"resize","cols":1e9,"rows":24}"#, OldMessage::Nonsense),
            (r#"{"type":"resize","cols":0,"rows":24}"#, OldMessage::Nonsense),
            (r#"{"type":"resize","cols":80}"#, OldMessage::Nonsense),
            (
                r#"{"type":"resize","cols":80,"rows":24,"x":1}"#,
                OldMessage::Nonsense,
            ),
            (r#"{"type":"size","cols":80,"rows":24}"#, OldMessage::Keys),
            (r#" {"type":"resize","cols":80,"rows":24}"#, OldMessage::Keys),
            (r#"{"type":"resize","cols":80,"rows":24"#, OldMessage::Keys),
            ("{", OldMessage::Keys),
            ("", OldMessage::Keys),
            ("ls\r", OldMessage::Keys),
        ] {
            assert_eq!(OldMessage::read(text.as_bytes()), meant, "{text}");
        }
    }
    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (FromViewer::read(&bytes), OldMessage::read(&bytes), read_terminal(&bytes));
        }

        #[test]
        fn sizes_are_let_through_if_a_pane_can_have_them(cols in any::<u16>(), rows in any::<u16>()) {
            let can_be = (2..=500).contains(&cols) && (1..=300).contains(&rows);
            let size = read(&json!({"type": "size", "cols": cols, "rows": rows}));
            prop_assert_eq!(size.is_ok(), can_be);
            let old = json!({"type": "resize", "cols": cols, "rows": rows}).to_string();
            let wanted = if can_be { OldMessage::Resize { cols, rows } } else { OldMessage::Nonsense };
            prop_assert_eq!(OldMessage::read(old.as_bytes()), wanted);
        }

        #[test]
        fn what_is_written_is_read(seq in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..50), at in any::<prop::sample::Index>()) {
            let (one, other) = bytes.split_at(at.index(bytes.len() + 1));
            let message = write_terminal(Kind::Output, seq, [one, other]);
            prop_assert_eq!(read_terminal(&message), Some((Kind::Output, seq, bytes.as_slice())));
        }
    }
}
