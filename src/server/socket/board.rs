//! What all viewers of one program are told alike: one task a program that is watched follows it and writes it down once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use llmux_protocol::api::socket::ToViewer;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    session::{AudienceState, Holder, ProgramId},
    turn::{Follow, News, Turns},
};

/// Changes of turns that are kept for viewers who are slow.
const TURNS: usize = 32;
/// How long a new number of viewers waits for others: where a thousand come at once, each would be told of each.
const GATHER: Duration = Duration::from_millis(200);

/// What is so now.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) holder: Option<Holder>,
    /// How many look, with the number of the count.
    pub(super) viewers: (u64, usize),
    /// The activity, written down, with its number.
    pub(super) activity: (u64, Bytes),
    /// The last changes of turns, each with its number.
    pub(super) turns: VecDeque<(u64, Bytes)>,
}

impl Facts {
    fn of(audience: &AudienceState) -> Self {
        Self {
            holder: audience.holder(),
            viewers: (0, audience.count()),
            ..Self::default()
        }
    }
}

/// Follows one program for all its viewers, until the last has gone.
pub(super) struct Board {
    facts: watch::Receiver<Facts>,
    _task: AbortOnDropHandle<()>,
}

impl Board {
    fn start(follow: Option<Follow>, audience: watch::Receiver<AudienceState>) -> Self {
        let facts = Facts::of(&audience.borrow());
        let (sender, facts) = watch::channel(facts);
        let task = Task {
            facts: sender,
            follow,
            audience,
            number: 0,
        };
        Self {
            facts,
            _task: AbortOnDropHandle::new(tokio::spawn(task.run())),
        }
    }

    /// Follows what is so.
    pub(super) fn follow(&self) -> watch::Receiver<Facts> {
        self.facts.clone()
    }
}

struct Task {
    facts: watch::Sender<Facts>,
    /// None when the program is gone.
    follow: Option<Follow>,
    audience: watch::Receiver<AudienceState>,
    number: u64,
}

impl Task {
    async fn run(mut self) {
        let mut count_at = None;
        loop {
            tokio::select! {
                news = next(&mut self.follow) => match news {
                    Some(news) => self.post(news),
                    None => self.follow = None,
                },
                changed = self.audience.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let holder = self.audience.borrow_and_update().holder();
                    self.facts.send_if_modified(|facts| {
                        let is_new = facts.holder != holder;
                        facts.holder = holder;
                        is_new
                    });
                    count_at.get_or_insert_with(|| Instant::now() + GATHER);
                }
                () = until(count_at) => {
                    count_at = None;
                    let viewers = self.audience.borrow().count();
                    // Told even if it is the same: who came meanwhile may have heard another.
                    self.facts.send_modify(|facts| facts.viewers = (facts.viewers.0 + 1, viewers));
                }
            }
        }
    }

    fn post(&mut self, news: News) {
        self.number += 1;
        let number = self.number;
        match news {
            News::Activity(activity) => {
                let text = write(&ToViewer::State { activity });
                self.facts.send_modify(|facts| facts.activity = (number, text));
            }
            News::Turn(turn) => {
                let text = write(&ToViewer::Turn { turn });
                self.facts.send_modify(|facts| {
                    if facts.turns.len() == TURNS {
                        facts.turns.pop_front();
                    }
                    facts.turns.push_back((number, text));
                });
            }
        }
    }
}

/// The boards of the programs that are watched.
#[derive(Default)]
pub(super) struct Boards(Mutex<HashMap<ProgramId, Weak<Board>>>);

impl Boards {
    /// The board of a program.
    pub(super) fn of(
        &self,
        program: ProgramId,
        turns: &Turns,
        audience: watch::Receiver<AudienceState>,
    ) -> Arc<Board> {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(board) = boards.get(&program).and_then(Weak::upgrade) {
            return board;
        }
        boards.retain(|_, board| board.strong_count() > 0);
        let board = Arc::new(Board::start(turns.follow_program(program), audience));
        boards.insert(program, Arc::downgrade(&board));
        board
    }
}

/// Writes a message down.
pub(super) fn write(message: &ToViewer) -> Bytes {
    match serde_json::to_vec(message) {
        Ok(text) => text.into(),
        Err(error) => {
            tracing::error!(%error, "a message to a viewer can't be written as JSON");
            Bytes::from_static(b"{\"type\":\"unknown\"}")
        }
    }
}

async fn next(follow: &mut Option<Follow>) -> Option<News> {
    match follow {
        Some(follow) => follow.next().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    /// Who borrows a `watch` twice in one statement waits for the writer who came in between, who waits for him.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn boards_begin_while_viewers_come_and_go() {
        let audience = watch::Sender::new(AudienceState::default());
        let (follower, runtime) = (audience.subscribe(), tokio::runtime::Handle::current());
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        thread::spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                audience.send_modify(|_| {});
            }
        });
        let (begun, all_begun) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            let _context = runtime.enter();
            for _ in 0..2000 {
                Board::start(None, follower.clone());
            }
            let _ = begun.send(());
        });
        let all = tokio::time::timeout(Duration::from_secs(30), all_begun).await;
        done.store(true, Ordering::Relaxed);
        assert_eq!(all, Ok(Ok(())));
    }
}
