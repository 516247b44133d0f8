//! What a viewer is told: the one writer of its connection.

use std::sync::Arc;

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload, WebSocketError, WebSocketWrite};
use llmux_protocol::api::{
    Action,
    socket::{HEAD_BYTES, Holder as WireHolder, PROTOCOL, ToViewer},
};
use tokio::{io::AsyncWrite, sync::watch};

use super::{
    End, Form,
    board::{Board, Facts, write},
    talk::{TICK, Talk},
    text::Text,
};
use crate::{
    pane::{Life, Pane, Snapshot, Subscription, Update},
    session::{Holder, Presence, Viewer},
};

/// How far a viewer that tells what it has drawn may be behind what it was sent.
const AHEAD: u64 = 512 << 10;
/// Clears a terminal that shows something, before a snapshot draws it anew.
const RESET: &str = "\x1bc";

/// What a viewer was told last.
struct Told {
    cols: u16,
    rows: u16,
    holder: Option<Holder>,
    viewers: usize,
    count: u64,
    activity: u64,
    turn: u64,
    /// The number of the next byte.
    seq: u64,
    /// All before this is drawn; none if the viewer does not say.
    drawn: Option<u64>,
}

impl Told {
    /// At the beginning.
    fn of(facts: &Facts, viewers: usize, pane: &Pane, seq: Option<u64>) -> Self {
        let size = pane.size();
        Self {
            cols: size.cols,
            rows: size.rows,
            holder: facts.holder.clone(),
            viewers,
            count: facts.viewers.0,
            activity: 0,
            turn: facts.turns.back().map_or(0, |(number, _)| *number),
            seq: seq.unwrap_or(0),
            drawn: None,
        }
    }
}

/// The writing half.
pub(super) struct Teller<W> {
    write: WebSocketWrite<W>,
    form: Form,
    talk: Arc<Talk>,
    pane: Pane,
    subscription: Subscription,
    presence: Presence,
    facts: watch::Receiver<Facts>,
    told: Told,
    text: Text,
}

impl<W: AsyncWrite + Unpin> Teller<W> {
    pub(super) fn new(
        mut write: WebSocketWrite<W>,
        form: Form,
        talk: Arc<Talk>,
        pane: Pane,
        subscription: Subscription,
        presence: Presence,
        board: &Board,
    ) -> Self {
        // A server's frames have no mask: they are written from where they lie.
        write.set_auto_apply_mask(false);
        let facts = board.follow();
        let viewers = presence.follow().borrow().count();
        let told = Told::of(&facts.borrow(), viewers, &pane, subscription.seq());
        Self {
            write,
            form,
            talk,
            pane,
            subscription,
            presence,
            facts,
            told,
            text: Text::default(),
        }
    }

    /// Tells everything, until there is an end.
    pub(super) async fn tell(&mut self, session: &str, may: &[Action]) -> End {
        // A connection that broke is all that can go wrong here.
        self.try_tell(session, may).await.unwrap_or(End::Gone)
    }

    /// Says goodbye. Nothing may be told after it.
    pub(super) async fn close(&mut self, end: &End) -> Result<(), WebSocketError> {
        let Some(code) = end.code() else { return Ok(()) };
        self.write
            .write_frame(Frame::close(code, end.reason().as_bytes()))
            .await?;
        self.write.flush().await
    }

    async fn try_tell(&mut self, session: &str, may: &[Action]) -> Result<End, WebSocketError> {
        if self.form == Form::V1 {
            self.greet(session, may).await?;
        }
        loop {
            if let Some(end) = self.tell_due().await? {
                return Ok(end);
            }
            if self.form == Form::V1 {
                self.tell_facts().await?;
            }
            let is_ahead = self
                .told
                .drawn
                .is_some_and(|drawn| self.told.seq.saturating_sub(drawn) > AHEAD);
            tokio::select! {
                biased;
                () = self.talk.due() => {}
                // The board lives as long as its viewers.
                _ = self.facts.changed(), if self.form == Form::V1 => {}
                update = self.subscription.next_message(), if !is_ahead => match update {
                    Update::Snapshot(snapshot) => self.tell_snapshot(&snapshot).await?,
                    Update::Output(message) => self.tell_terminal(&message).await?,
                    Update::Closed => return Ok(self.ended()),
                },
            }
        }
    }

    fn ended(&self) -> End {
        match &*self.pane.life().borrow() {
            Life::Ended(end) => End::Ended(end.code),
            Life::Starting | Life::Running => End::Ended(None),
        }
    }

    async fn greet(&mut self, session: &str, may: &[Action]) -> Result<(), WebSocketError> {
        let hello = ToViewer::Hello {
            protocol: PROTOCOL,
            session: session.to_owned(),
            epoch: self.pane.epoch().to_owned(),
            viewer: self.presence.viewer().id.to_string(),
            may: may.to_vec(),
            tick_secs: TICK.as_secs(),
        };
        self.send_json(&hello).await?;
        self.tell_size().await?;
        let count = self.told.viewers;
        self.send_json(&ToViewer::Viewers { count }).await
    }

    /// Does what the other parts asked for; returns the end if there is one.
    async fn tell_due(&mut self) -> Result<Option<End>, WebSocketError> {
        let due = self.talk.take();
        if due.end.is_some() {
            return Ok(due.end);
        }
        if let Some(ack) = due.ack {
            // Nobody has drawn what he was not sent.
            self.told.drawn = self.told.drawn.max(Some(ack.min(self.told.seq)));
        }
        if due.resync {
            self.subscription.resync();
            self.told.drawn = self.told.drawn.map(|_| self.told.seq);
        }
        if let Some(payload) = due.pong {
            self.send(OpCode::Pong, &payload).await?;
        }
        if due.ping {
            self.send(OpCode::Ping, b"").await?;
        }
        if self.form == Form::V1 {
            for refusal in &due.refusals {
                self.send_json(refusal).await?;
            }
            if due.tick {
                let seq = self.told.seq;
                self.send_json(&ToViewer::Tick { seq }).await?;
            }
        }
        Ok(None)
    }

    /// Tells what is so now and was not told.
    async fn tell_facts(&mut self) -> Result<(), WebSocketError> {
        let mut news: Vec<Bytes> = Vec::new();
        let (is_held_anew, count) = {
            let facts = self.facts.borrow_and_update();
            if facts.activity.0 > self.told.activity {
                self.told.activity = facts.activity.0;
                news.push(facts.activity.1.clone());
            }
            for (number, turn) in &facts.turns {
                if *number > self.told.turn {
                    self.told.turn = *number;
                    news.push(turn.clone());
                }
            }
            let is_held_anew = self.told.holder != facts.holder;
            if is_held_anew {
                self.told.holder.clone_from(&facts.holder);
            }
            let (number, viewers) = facts.viewers;
            let count = (number > self.told.count).then_some(viewers);
            self.told.count = number;
            (is_held_anew, count)
        };
        if is_held_anew {
            self.tell_size().await?;
        }
        if let Some(count) = count.filter(|count| *count != self.told.viewers) {
            self.told.viewers = count;
            self.send_json(&ToViewer::Viewers { count }).await?;
        }
        for text in news {
            self.send(OpCode::Text, &text).await?;
        }
        Ok(())
    }

    /// Tells the size of what was drawn last. Output in another one is always behind a snapshot.
    async fn tell_size(&mut self) -> Result<(), WebSocketError> {
        let size = ToViewer::Size {
            cols: self.told.cols,
            rows: self.told.rows,
            holder: self
                .told
                .holder
                .as_ref()
                .map(|holder| wire_holder(holder, self.presence.viewer())),
        };
        self.send_json(&size).await
    }

    async fn tell_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), WebSocketError> {
        self.told.seq = snapshot.seq;
        if self.form == Form::Old {
            self.text.reset();
            let text = RESET.to_owned() + &self.text.push(&snapshot.bytes());
            return self.send(OpCode::Text, text.as_bytes()).await;
        }
        let size = snapshot.size;
        if (self.told.cols, self.told.rows) != (size.cols, size.rows) {
            (self.told.cols, self.told.rows) = (size.cols, size.rows);
            self.tell_size().await?;
        }
        self.send(OpCode::Binary, &snapshot.message).await
    }

    async fn tell_terminal(&mut self, message: &Bytes) -> Result<(), WebSocketError> {
        self.told.seq = self.subscription.seq().unwrap_or(self.told.seq);
        if self.form == Form::V1 {
            return self.send(OpCode::Binary, message).await;
        }
        let text = self.text.push(&message[HEAD_BYTES..]);
        if text.is_empty() {
            return Ok(());
        }
        self.send(OpCode::Text, text.as_bytes()).await
    }

    async fn send_json(&mut self, message: &ToViewer) -> Result<(), WebSocketError> {
        self.send(OpCode::Text, &write(message)).await
    }

    async fn send(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), WebSocketError> {
        let frame = Frame::new(true, opcode, None, Payload::Borrowed(payload));
        self.write.write_frame(frame).await?;
        self.write.flush().await?;
        self.talk.spoke();
        Ok(())
    }
}

fn wire_holder(holder: &Holder, me: &Viewer) -> WireHolder {
    match holder {
        Holder::Tmux => WireHolder::Tmux,
        Holder::Viewer(viewer) => WireHolder::Viewer {
            you: viewer == me,
            who: viewer.who.to_string(),
        },
    }
}
