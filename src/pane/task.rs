//! The task behind a pane: the only one that touches its screen and writes its ring.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    Look, Snapshot,
    life::{End, Life},
    observer::{Asked, Observation, Said},
    ring::Ring,
    wait::{Condition, Seen, View, WaitError, Waiters},
};
use crate::{
    screen::{Filter, Screen, Signal, Size},
    tmux::{FeedItem, FeedReader},
};

/// How long tmux waits for the end of an unfinished escape sequence before it forgets it.
const UNFINISHED: Duration = Duration::from_secs(5);
/// Output that is read through before anybody else gets a turn; a screen takes 1 ms for it.
const TURN_BYTES: usize = 64 << 10;
/// How much of what was said is kept for an observer who is behind.
const SAID_KEPT: usize = 256;

pub(super) enum Request {
    Snapshot(oneshot::Sender<Snapshot>),
    Look(oneshot::Sender<Look>),
    Wait(Condition, oneshot::Sender<Result<Seen, WaitError>>),
    Observe(Asked),
}

/// Where the task tells what anybody may follow.
pub(super) struct Tellers {
    pub(super) life: watch::Sender<Life>,
    pub(super) size: watch::Sender<Size>,
}

pub(super) struct Task {
    feed: FeedReader,
    requests: mpsc::Receiver<Request>,
    ring: Arc<Ring>,
    screen: Screen,
    filter: Filter,
    tellers: Tellers,
    said: VecDeque<Said>,
    said_number: u64,
    /// What the wrapper's messages are signed with.
    key: String,
    waiters: Waiters,
    /// Counts what happened.
    changes: u64,
    /// Who is to be answered when more does.
    observers: Vec<Asked>,
    /// The screen as it was just drawn: many viewers ask at the same time.
    drawn: Option<Snapshot>,
    last_output: Instant,
    /// Since when the filter has waited for the end of a sequence.
    waiting: Option<Instant>,
    /// Output that is newer than the capture that is awaited.
    held: Option<Vec<Bytes>>,
    /// Whether the screen is known; before the first capture of a pane that was found it is not.
    /// Requests wait in their queue for it.
    known: bool,
}

impl Task {
    pub(super) fn new(
        feed: FeedReader,
        requests: mpsc::Receiver<Request>,
        ring: Arc<Ring>,
        tellers: Tellers,
        key: String,
    ) -> Self {
        // A pane that was found says so by its first item, before it prints anything.
        let known = matches!(*tellers.life.borrow(), Life::Starting);
        let screen = Screen::new(*tellers.size.borrow());
        Self {
            feed,
            requests,
            ring,
            screen,
            filter: Filter::new(),
            tellers,
            said: VecDeque::new(),
            said_number: 0,
            key,
            waiters: Waiters::default(),
            changes: 0,
            observers: Vec::new(),
            drawn: None,
            last_output: Instant::now(),
            waiting: None,
            held: None,
            known,
        }
    }

    /// Runs until the pane is closed and nobody holds a handle on it: its last screen stays to be looked at.
    pub(super) async fn run(mut self) {
        let mut items = Vec::new();
        let mut open = true;
        loop {
            tokio::select! {
                () = self.feed.next(&mut items), if open => {
                    let mut turn = 0;
                    for item in items.drain(..) {
                        open &= !matches!(item, FeedItem::Gone);
                        turn += item.size();
                        self.item(item);
                        if turn > TURN_BYTES {
                            turn = 0;
                            self.rest().await;
                        }
                    }
                    self.changes += 1;
                    if !self.observers.is_empty() {
                        // Viewers go first: a key's echo does not wait until it is known what it means.
                        tokio::task::yield_now().await;
                    }
                    for asked in std::mem::take(&mut self.observers) {
                        self.observe(asked);
                    }
                    self.check();
                }
                request = self.requests.recv(), if self.known => match request {
                    Some(request) => {
                        self.request(request);
                        self.requests_too();
                    }
                    None => return,
                },
                () = until(self.waiters.deadline()) => self.check(),
                () = until(self.waiting.map(|since| since + UNFINISHED)) => {
                    self.filter.reset();
                    self.waiting = None;
                }
            }
        }
    }

    /// Lets others have their turn in the middle of a flood, and answers who asks.
    async fn rest(&mut self) {
        tokio::task::yield_now().await;
        self.requests_too();
    }

    /// Answers who else asks by now.
    fn requests_too(&mut self) {
        while self.known
            && let Ok(request) = self.requests.try_recv()
        {
            self.request(request);
        }
        // Nobody may ask again for long.
        self.drawn = None;
    }

    fn item(&mut self, item: FeedItem) {
        match item {
            FeedItem::Output(data) => match &mut self.held {
                Some(held) => held.push(data),
                None => self.output(data),
            },
            FeedItem::Resync => self.held = Some(Vec::new()),
            FeedItem::Capture(capture) => {
                self.filter.reset();
                self.screen.restore(&capture);
                let pending = capture.pending.clone();
                self.tellers
                    .size
                    .send_if_modified(|size| std::mem::replace(size, capture.size) != capture.size);
                self.ring.discontinue();
                self.drawn = None;
                let held = self.held.take().unwrap_or_default();
                for data in std::iter::once(pending).chain(held) {
                    self.output(data);
                }
                self.known = true;
            }
            FeedItem::Gone => self.gone(),
        }
    }

    fn output(&mut self, data: Bytes) {
        let mut signals = Vec::new();
        let data = self.filter.push(data, &mut signals);
        self.screen.feed(&data);
        self.ring.push(data);
        self.drawn = None;
        self.last_output = Instant::now();
        self.waiting = self
            .filter
            .is_waiting()
            .then(|| self.waiting.unwrap_or_else(Instant::now));
        for signal in signals {
            match signal {
                Signal::Wrapper(message) => {
                    if let Some(life) = Life::read(&message, &self.key) {
                        self.live(life);
                    }
                }
                signal => self.hear(signal),
            }
        }
    }

    /// Keeps what was said for observers.
    fn hear(&mut self, signal: Signal) {
        self.said_number += 1;
        if self.said.len() == SAID_KEPT {
            self.said.pop_front();
        }
        self.said.push_back(Said {
            number: self.said_number,
            at: self.last_output,
            signal,
        });
    }

    /// A life goes one way: what the wrapper repeats, and what comes late, changes nothing.
    fn live(&mut self, new: Life) {
        self.tellers.life.send_if_modified(|life| {
            let forward = match (&*life, &new) {
                (Life::Starting, _) | (Life::Running, Life::Ended(_)) => *life != new,
                _ => false,
            };
            if forward {
                *life = new;
            }
            forward
        });
    }

    fn gone(&mut self) {
        self.live(Life::Ended(End::default()));
        self.check();
        self.waiters.close();
        self.ring.close();
        self.known = true;
    }

    fn request(&mut self, request: Request) {
        // A caller that gave up is no fault.
        match request {
            Request::Snapshot(reply) => {
                let draw = || Snapshot::draw(&self.screen, self.ring.end());
                let _ = reply.send(self.drawn.get_or_insert_with(draw).clone());
            }
            Request::Look(reply) => {
                let _ = reply.send(self.look());
            }
            Request::Observe(asked) => self.observe(asked),
            Request::Wait(condition, reply) => {
                self.waiters.add(condition, reply);
                self.check();
            }
        }
    }

    fn look(&self) -> Look {
        Look {
            seq: self.ring.end(),
            size: self.screen.size(),
            rows: self.screen.rows(),
            cursor: self.screen.cursor(),
            modes: self.screen.modes(),
            title: self.screen.title().to_owned(),
        }
    }

    /// Answers an observer, now or after the next change.
    fn observe(&mut self, asked: Asked) {
        if asked.seen == Some(self.changes) {
            if asked.waits {
                self.observers.retain(|other| !other.reply.is_closed());
                self.observers.push(asked);
            } else {
                let _ = asked.reply.send(None);
            }
            return;
        }
        // Who gave up needs no screen.
        if !asked.reply.is_closed() {
            let observation = self.observation(asked.heard);
            let _ = asked.reply.send(Some(observation));
        }
    }

    fn observation(&mut self, heard: u64) -> Observation {
        Observation {
            number: self.changes,
            printed_at: self.last_output,
            seq: self.ring.end(),
            life: self.tellers.life.borrow().clone(),
            size: self.screen.size(),
            title: self.screen.title().to_owned(),
            page: self.screen.page(),
            said: self
                .said
                .iter()
                .filter(|said| said.number > heard)
                .cloned()
                .collect(),
        }
    }

    fn check(&mut self) {
        let life = self.tellers.life.borrow().clone();
        let view = View {
            screen: &self.screen,
            life: &life,
            seq: self.ring.end(),
            last_output: self.last_output,
        };
        self.waiters.check(&view);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
