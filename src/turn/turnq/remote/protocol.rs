//! What is said to a turnq server, and what it says.

use std::collections::VecDeque;

use hyper::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    super::TurnqError,
    http::{Answer, Server},
    sse::{Event, Reader},
};

/// One channel of a server, as one client of it.
pub(super) struct Channel<'a> {
    pub(super) server: &'a Server,
    pub(super) name: &'a str,
    pub(super) client: &'a str,
}

/// What a place in the queue hears.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is first, and the turn is given.
    YourTurn,
    /// It waits.
    Queued,
    /// It is out of the queue: its lease expired.
    LeaseExpired,
    /// It is out of the queue: it waited too long.
    WaitedTooLong,
    /// The server shuts down.
    Shutdown,
    /// Anything else.
    Other,
}

/// The stream of news; closing it leaves the queue.
pub(super) struct Stream {
    answer: Answer,
    reader: Reader,
    read: VecDeque<Event>,
}

impl Channel<'_> {
    /// Makes the channel; false if there is one.
    pub(super) async fn create(&self, lease_ms: u64) -> Result<bool, TurnqError> {
        let body = json!({ "name": self.name, "leaseMs": lease_ms });
        let action = "make the channel";
        let answer = self
            .server
            .request(Method::POST, "/channels", Some(&body))
            .await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(false);
        }
        self.expect_success(action, answer).await.map(|_| true)
    }

    /// The channel's lease, if the server says.
    pub(super) async fn lease_ms(&self) -> Result<Option<u64>, TurnqError> {
        let answer = self.server.request(Method::GET, "/channels", None).await?;
        let list = self.json("list the channels", answer).await?;
        let channels = list["channels"].as_array().into_iter().flatten();
        let ours = channels.into_iter().find(|channel| channel["name"] == self.name);
        Ok(ours.and_then(|channel| channel["leaseMs"].as_u64()))
    }

    /// Takes a place at the end and returns its id; none if this client has one.
    pub(super) async fn enqueue(&self) -> Result<Option<String>, TurnqError> {
        let answer = self.post("enqueue", &json!({ "clientId": self.client })).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(None);
        }
        let place = self.json("enqueue", answer).await?;
        match place["requestId"].as_str() {
            Some(id) => Ok(Some(id.to_owned())),
            None => Err(self.odd("a place in the queue has no requestId")),
        }
    }

    /// Listens at a place; none if it is gone.
    pub(super) async fn subscribe(&self, request: &str) -> Result<Option<Stream>, TurnqError> {
        let path = format!(
            "{}?clientId={}&requestId={}",
            self.path("subscribe"),
            encode(self.client),
            encode(request)
        );
        let answer = self.server.request(Method::GET, &path, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if answer.status != StatusCode::OK {
            self.expect_success("subscribe", answer).await?;
            return Err(self.odd("its stream is none"));
        }
        Ok(Some(Stream {
            answer,
            reader: Reader::default(),
            read: VecDeque::new(),
        }))
    }

    /// Whether the server has the place; it has if it can't say.
    pub(super) async fn has(&self, request: &str) -> bool {
        let asked = self.server.request(Method::GET, &self.path("queue"), None).await;
        let Ok(answer) = asked else { return true };
        let status = answer.status;
        let body = answer.read(self.server).await.unwrap_or_default();
        let Ok(body) = serde_json::from_slice::<Value>(&body) else {
            return true;
        };
        match body["queue"].as_array() {
            Some(queue) => queue.iter().any(|place| place["requestId"] == request),
            // An older server does not know the question, and says 404 to that.
            None => status != StatusCode::NOT_FOUND || body["code"] != "CHANNEL_NOT_FOUND",
        }
    }

    /// Gives the turn back.
    pub(super) async fn release(
        &self,
        request: &str,
        outcome: &Result<(), String>,
    ) -> Result<(), TurnqError> {
        let result = match outcome {
            Ok(()) => json!({ "success": true }),
            Err(error) => json!({ "success": false, "error": error }),
        };
        let body = json!({ "clientId": self.client, "requestId": request, "result": result });
        let answer = self.post("release", &body).await?;
        self.expect_success("release the turn", answer).await.map(drop)
    }

    /// Leaves the queue, or gives the turn up.
    pub(super) async fn abort(&self) -> Result<(), TurnqError> {
        let answer = self.post("abort", &json!({ "clientId": self.client })).await?;
        self.expect_success("leave the queue", answer).await.map(drop)
    }

    async fn post(&self, verb: &str, body: &Value) -> Result<Answer, TurnqError> {
        self.server
            .request(Method::POST, &self.path(verb), Some(body))
            .await
    }

    fn path(&self, verb: &str) -> String {
        format!("/channels/{}/{verb}", encode(self.name))
    }

    async fn json(&self, action: &'static str, answer: Answer) -> Result<Value, TurnqError> {
        let body = self.expect_success(action, answer).await?;
        serde_json::from_slice(&body).map_err(|error| self.odd(&error.to_string()))
    }

    async fn expect_success(&self, action: &'static str, answer: Answer) -> Result<bytes::Bytes, TurnqError> {
        let status = answer.status;
        let body = answer.read(self.server).await;
        if status.is_success() {
            return body;
        }
        let host = self.server.name();
        Err(match status.as_u16() {
            401 | 403 => TurnqError::Denied {
                host,
                status: status.as_u16(),
            },
            429 => TurnqError::Full {
                host,
                channel: self.name.to_owned(),
            },
            // A proxy speaks for a server that is not there.
            502..=504 => self.server.unreachable(&format!("its proxy says {status}")),
            status => TurnqError::Refused {
                host,
                action,
                status,
                message: message(&body.unwrap_or_default()),
            },
        })
    }

    pub(super) fn odd(&self, why: &str) -> TurnqError {
        TurnqError::Protocol {
            host: self.server.name(),
            why: why.to_owned(),
        }
    }
}

impl Stream {
    /// The next news. Cancel safe.
    pub(super) async fn next(&mut self, channel: &Channel<'_>) -> Result<News, TurnqError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(news(&event));
            }
            let bytes = self.answer.next(channel.server).await?;
            let read = self.reader.push(&bytes, &mut self.read);
            read.map_err(|_| channel.odd("an event has more than 1 MiB"))?;
        }
    }
}

fn news(event: &Event) -> News {
    match event.name.as_str() {
        "your-turn" => News::YourTurn,
        "queued" => News::Queued,
        "timeout" if event.data.contains("max_wait_exceeded") => News::WaitedTooLong,
        "timeout" => News::LeaseExpired,
        "server-shutdown" => News::Shutdown,
        // Positions, above all, which are counted in more than one way.
        _ => News::Other,
    }
}

/// What a refusal says, in one short line.
fn message(body: &[u8]) -> String {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = match parsed["message"].as_str() {
        Some(text) => text.into(),
        None => String::from_utf8_lossy(body),
    };
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(200).collect::<String>().trim().to_owned()
}

fn encode(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
