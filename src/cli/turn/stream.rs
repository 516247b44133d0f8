//! A turn's events as they come: the reply as it grows, or lines of JSON.

use std::io::{StdoutLock, Write};

use llmux_protocol::api::{Turn, TurnEvent};

use super::{follow::is_over, outcome};
use crate::{
    cli::{
        failure::{Failure, say},
        out::Out,
    },
    client::{Client, ClientError, turn_path},
};

/// Prints events and remembers what of the reply was printed.
pub(super) struct Printer<W: Write = StdoutLock<'static>> {
    out: Out<W>,
    json: bool,
    text: String,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Self::to(Out::new(), json)
    }
}

impl<W: Write> Printer<W> {
    fn to(out: Out<W>, json: bool) -> Self {
        let text = String::new();
        Self { out, json, text }
    }

    /// Prints a line of the stream; returns the turn if it says how that is now.
    fn line(&mut self, line: &[u8]) -> Result<Option<Turn>, Failure> {
        let event = serde_json::from_slice(line)
            .map_err(|error| ClientError::Protocol(format!("an event can't be read: {error}")))?;
        if self.json {
            self.out.bytes(&[line, b"\n"].concat())?;
        }
        match event {
            TurnEvent::Turn { turn } => Ok(Some(*turn)),
            TurnEvent::Text { text } => {
                self.grow(&text)?;
                Ok(None)
            }
        }
    }

    fn grow(&mut self, text: &str) -> Result<(), Failure> {
        self.text += text;
        if self.json {
            Ok(())
        } else {
            self.out.bytes(text.as_bytes())
        }
    }

    /// Prints a turn that came by another way than the stream.
    pub(super) fn turn(&mut self, turn: &Turn) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let event = TurnEvent::Turn {
            turn: Box::new(turn.clone()),
        };
        let line = serde_json::to_string(&event).map_err(Failure::internal)?;
        self.out.line(&line)
    }

    /// Prints what of the reply was not in the stream, and the last line's end.
    pub(super) fn finish(&mut self, turn: &Turn) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        if let Some(reply) = outcome::reply(turn) {
            match reply.strip_prefix(&self.text) {
                Some(rest) => self.grow(rest)?,
                None if reply.trim() == self.text.trim() => {}
                None => say(&format!(
                    "the whole reply is not what was printed as it grew; see it with: llmux turn show {}",
                    turn.id
                )),
            }
        }
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.grow("\n")?;
        }
        Ok(())
    }
}

/// Prints the events of a turn until its end or a question; `None` if the stream broke off before.
pub(super) async fn events(
    client: &mut Client,
    id: &str,
    printer: &mut Printer<impl Write>,
) -> Result<Option<Turn>, Failure> {
    let mut events = match client.stream(&turn_path(id, "events")).await {
        Err(error) if error.has_left() => return Ok(None),
        events => events?,
    };
    loop {
        let line = match events.line().await {
            Ok(Some(line)) => line,
            Err(error) if !error.has_left() => return Err(error.into()),
            Ok(None) | Err(_) => return Ok(None),
        };
        if line.is_empty() {
            continue;
        }
        if let Some(turn) = printer.line(&line)?.filter(is_over) {
            return Ok(Some(turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{cli::turn::sample, client::fake};

    fn streamed(pieces: &[&str], turn: &Turn, json: bool) -> String {
        let mut text = Vec::new();
        let mut printer = Printer::to(Out::to(&mut text), json);
        for piece in pieces {
            let line = json!({"event": "text", "text": piece}).to_string();
            assert_eq!(printer.line(line.as_bytes()).unwrap(), None);
        }
        let line = serde_json::to_vec(&TurnEvent::Turn {
            turn: Box::new(turn.clone()),
        })
        .unwrap();
        assert_eq!(printer.line(&line).unwrap().as_ref(), Some(turn));
        printer.finish(turn).unwrap();
        drop(printer);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_whole_reply_is_printed_once_however_much_of_it_was_streamed() {
        let turn = sample::replied("one\ntwo");
        for pieces in [&[][..], &["one"], &["on", "e\nt"], &["one\ntwo"], &["one\ntwo\n"]] {
            assert_eq!(streamed(pieces, &turn, false), "one\ntwo\n", "{pieces:?}");
        }
        assert_eq!(streamed(&["something else"], &turn, false), "something else\n");
        assert_eq!(streamed(&["half"], &sample::blocked(), false), "half\n");
        assert_eq!(streamed(&[], &sample::refused(), false), "");
    }

    #[test]
    fn json_is_the_events_as_they_came() {
        let text = streamed(&["a", "b"], &sample::replied("ab"), true);
        let events: Vec<TurnEvent> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(events.len(), 3);
        assert_eq!(events[0], TurnEvent::Text { text: "a".to_owned() });
    }

    async fn followed(body: &str) -> (Option<Turn>, String) {
        let (_dir, socket, _server) = fake::daemon(&[fake::answer("200 OK", body)]);
        let mut client = Client::connect(&socket).await.unwrap();
        let mut text = Vec::new();
        let mut printer = Printer::to(Out::to(&mut text), false);
        let seen = events(&mut client, "t1", &mut printer).await.unwrap();
        drop(printer);
        (seen, String::from_utf8(text).unwrap())
    }

    #[tokio::test]
    async fn events_end_with_the_turn_or_are_known_to_be_broken_off() {
        let event = |turn: Turn| serde_json::to_string(&TurnEvent::Turn { turn: Box::new(turn) }).unwrap();
        let (queued, blocked) = (event(sample::queued()), event(sample::blocked()));
        let text = "{\"event\":\"text\",\"text\":\"hi\"}";
        assert_eq!(
            followed(&format!("{queued}\n{text}\n\n{blocked}\n{text}\n")).await,
            (Some(sample::blocked()), "hi".to_owned())
        );
        assert_eq!(
            followed(&format!("{queued}\n{text}\n{{\"ev")).await,
            (None, "hi".to_owned())
        );
    }

    #[test]
    fn what_is_no_event_is_not_taken_for_one() {
        let mut printer = Printer::to(Out::to(Vec::new()), false);
        assert!(printer.line(b"<html>").is_err());
    }
}
