//! Answers that come bit by bit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::ClientError;

/// The longest line, in bytes: a turn with its whole reply is one.
const MAX_LINE_BYTES: usize = 64 << 20;

/// A body that comes bit by bit, read in pieces or in lines.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    /// What came of a line that has not ended yet.
    begun: BytesMut,
    /// How much of it holds no line end.
    searched: usize,
}

impl Stream {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            begun: BytesMut::new(),
            searched: 0,
        }
    }

    /// Waits for the next piece; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(ClientError::Broken)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Waits for the next line and returns it without its end; `None` at the end. A last line without an end was broken
    /// off and is dropped. Cancel safe.
    pub async fn line(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.begun[self.searched..]) {
                let mut line = self.begun.split_to(self.searched + at + 1);
                line.truncate(line.len() - 1);
                self.searched = 0;
                return Ok(Some(line.freeze()));
            }
            self.searched = self.begun.len();
            if self.searched > MAX_LINE_BYTES {
                return Err(ClientError::Protocol("a line without an end".to_owned()));
            }
            match self.next().await? {
                Some(piece) => self.begun.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{Client, fake};

    #[tokio::test]
    async fn lines_are_whole_and_a_broken_off_one_is_dropped() {
        let (_dir, socket, _server) = fake::daemon(&[fake::answer("200 OK", "a\n\nlonger\nbroken o")]);
        let mut stream = Client::connect(&socket).await.unwrap().stream("/").await.unwrap();
        for line in ["a", "", "longer"] {
            assert_eq!(stream.line().await.unwrap().unwrap(), line);
        }
        assert_eq!(stream.line().await.unwrap(), None);
    }
}
