//! Going on with the next daemon where one leaves: on an upgrade it answers at the same place.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{Client, ClientError, Stream};

/// How many daemons in a row may leave before it is given up.
const MANY_DAEMONS: usize = 8;

impl Client {
    /// Posts what may be carried out twice; where the daemon leaves in the middle of it, the next one is asked, with a
    /// body made anew.
    ///
    /// # Errors
    /// [`ClientError::Left`] if there is no next daemon, else as [`Client::post`].
    pub async fn post_lasting<T: DeserializeOwned, B: Serialize>(
        &mut self,
        path: &str,
        body: impl Fn() -> B,
    ) -> Result<T, ClientError> {
        let mut gone = 0;
        loop {
            match self.post(path, &body()).await {
                Err(error) => self.next_after(error, &mut gone).await?,
                answer => return answer,
            }
        }
    }

    /// As [`Client::stream`], of the next daemon where one leaves before it answers.
    pub async fn stream_lasting(&mut self, path: &str) -> Result<Stream, ClientError> {
        let mut gone = 0;
        loop {
            match self.stream(path).await {
                Err(error) => self.next_after(error, &mut gone).await?,
                stream => return stream,
            }
        }
    }

    /// Connects to the daemon that follows the one that has left, if that is what a request failed with, and not too many
    /// are `gone`.
    async fn next_after(&mut self, error: ClientError, gone: &mut usize) -> Result<(), ClientError> {
        *gone += 1;
        if !error.has_left() || *gone == MANY_DAEMONS {
            return Err(error);
        }
        *self = Self::open(&self.target().clone())
            .await
            .map_err(|error| match error {
                ClientError::NoDaemon { .. } | ClientError::Unreachable { .. } => ClientError::Left,
                other => other,
            })?;
        Ok(())
    }
}

/// A stream without an end, gone on with by the next daemon where one leaves: there it begins anew.
///
/// What it says twice because of that is its reader's to know.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    path: String,
    stream: Stream,
    /// How many daemons in a row have left without a word.
    gone: usize,
}

impl Feed {
    /// Goes on with a stream that `client` was answered when it asked for `path`.
    #[must_use]
    pub fn new(client: Client, path: String, stream: Stream) -> Self {
        Self {
            client,
            path,
            stream,
            gone: 0,
        }
    }

    /// As [`Stream::next`], but not cancel safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            match self.stream.next().await {
                Err(error) => self.again(error).await?,
                Ok(piece) => {
                    self.gone = 0;
                    return Ok(piece);
                }
            }
        }
    }

    /// As [`Stream::line`], but not cancel safe. What was begun by a daemon that left is dropped.
    pub async fn line(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            match self.stream.line().await {
                Err(error) => self.again(error).await?,
                Ok(line) => {
                    self.gone = 0;
                    return Ok(line);
                }
            }
        }
    }

    async fn again(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.client.next_after(error, &mut self.gone).await?;
        self.stream = self.client.stream_lasting(&self.path).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::{self, answer};

    /// The head of a body that is longer than what comes of it.
    fn broken_off(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn a_stream_begins_anew_with_the_next_daemon_and_ends_where_none_is() {
        let leaving = r#"{"ok":false,"error":"the daemon leaves","code":"tmux"}"#;
        let (_dir, socket, server) = fake::daemon(&[
            broken_off("one\ntw"),
            answer("502 Bad Gateway", leaving),
            broken_off("two\nthr"),
        ]);
        let mut client = Client::connect(&socket).await.unwrap();
        let stream = client.stream("/lines").await.unwrap();
        let mut feed = Feed::new(client, "/lines".to_owned(), stream);
        assert_eq!(feed.line().await.unwrap().unwrap(), "one");
        assert_eq!(feed.line().await.unwrap().unwrap(), "two");
        for request in server.await.unwrap() {
            assert!(request.starts_with("GET /lines "), "{request}");
        }
        assert!(matches!(feed.line().await, Err(ClientError::Left)));
    }

    #[tokio::test]
    async fn daemons_that_leave_without_a_word_are_not_followed_for_ever() {
        let answers = vec![broken_off(""); MANY_DAEMONS];
        let (_dir, socket, server) = fake::daemon(&answers);
        let mut client = Client::connect(&socket).await.unwrap();
        let stream = client.stream("/lines").await.unwrap();
        let mut feed = Feed::new(client, "/lines".to_owned(), stream);
        assert!(matches!(feed.line().await, Err(ClientError::Broken(_))));
        assert_eq!(server.await.unwrap().len(), MANY_DAEMONS);
    }
}
