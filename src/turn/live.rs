//! A turn that is not over: its present state for all who wait, and in the journal before anybody is told.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use llmux_protocol::api::{Evidence, Origin, Source, Stages, Step, Turn, TurnRequest, TurnState, Typed};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::store::{Entry, Journal, JournalError, time};

/// How soon what could not be written is tried again, and how often at least.
const PERSIST_AFTER: Duration = Duration::from_millis(100);
const PERSIST_EVERY: Duration = Duration::from_secs(10);
/// How many characters of a prompt's first line identify it for a person.
const HEAD_CHARS: usize = 80;

/// A turn that is not over, or just was.
pub(crate) struct Live {
    pub(super) request: TurnRequest,
    /// The prompt as it is typed.
    pub(super) text: Vec<u8>,
    /// The program it is for.
    program: String,
    pub(super) queued: Instant,
    journal: Journal,
    turn: watch::Sender<Turn>,
    /// One change at a time, each in the journal before the next.
    changing: tokio::sync::Mutex<()>,
    /// The answer as far as the screen shows it.
    growing: watch::Sender<String>,
    cancel: CancellationToken,
    leave_running: AtomicBool,
    /// Whether the journal has its text: then only what changes is written.
    is_put: AtomicBool,
    /// Whether the journal lacks its last change.
    unwritten: AtomicBool,
    /// When it was picked up from the journal: it was submitted by a daemon before.
    pub(super) resumed: bool,
}

/// Why a turn is stopped from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    TimedOut,
}

impl Live {
    pub(super) fn new(
        session: &str,
        agent: &str,
        program: String,
        request: TurnRequest,
        text: Vec<u8>,
        origin: Origin,
        journal: Journal,
    ) -> Arc<Self> {
        let turn = Turn {
            id: new_id(),
            session: session.to_owned(),
            agent: agent.to_owned(),
            state: TurnState::Queued,
            place: None,
            key: request.key.clone(),
            origin,
            prompt: typed(&text),
            queued_at: time::now(),
            stages: Stages::default(),
            evidence: Vec::new(),
            reply: None,
            dialog: None,
            error: None,
        };
        let entry = Entry {
            turn,
            request,
            pane: program,
        };
        Self::of(entry, text, journal, false)
    }

    /// A turn that a daemon before this one has left.
    pub(super) fn resume(entry: Entry, text: Vec<u8>, journal: Journal) -> Arc<Self> {
        Self::of(entry, text, journal, true)
    }

    fn of(entry: Entry, text: Vec<u8>, journal: Journal, is_put: bool) -> Arc<Self> {
        let Entry { turn, request, pane } = entry;
        Arc::new(Self {
            request,
            text,
            program: pane,
            queued: queued_at(&turn.id),
            resumed: is_put && turn.state != TurnState::Queued,
            journal,
            turn: watch::Sender::new(turn),
            changing: tokio::sync::Mutex::default(),
            growing: watch::Sender::new(String::new()),
            cancel: CancellationToken::new(),
            leave_running: AtomicBool::new(false),
            is_put: AtomicBool::new(is_put),
            unwritten: AtomicBool::new(false),
        })
    }

    /// As it is now.
    pub(crate) fn now(&self) -> Turn {
        self.turn.borrow().clone()
    }

    pub(super) fn state(&self) -> TurnState {
        self.turn.borrow().state
    }

    pub(super) fn origin(&self) -> Origin {
        self.turn.borrow().origin
    }

    pub(super) fn id(&self) -> String {
        self.turn.borrow().id.clone()
    }

    /// Whether it is for this program.
    pub(super) fn is_for(&self, program: &str) -> bool {
        self.program == program
    }

    /// Follows its changes.
    pub(crate) fn follow(&self) -> watch::Receiver<Turn> {
        self.turn.subscribe()
    }

    /// Follows its answer, as far as the screen shows it.
    pub(crate) fn grow(&self) -> watch::Receiver<String> {
        self.growing.subscribe()
    }

    /// Whether somebody follows the growing answer.
    pub(super) fn is_streamed(&self) -> bool {
        self.growing.receiver_count() > 0
    }

    pub(super) fn show_growing(&self, reply: String) {
        self.growing.send_if_modified(|shown| {
            let is_more = *shown != reply;
            *shown = reply;
            is_more
        });
    }

    /// Changes it: in the journal first, then for all who follow it.
    ///
    /// # Errors
    /// When it could not be written down. It is changed all the same.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Turn)) -> Result<(), JournalError> {
        let _one = self.changing.lock().await;
        let mut turn = self.now();
        if turn.state.is_final() {
            return Ok(());
        }
        change(&mut turn);
        let written = self.write(&turn).await;
        self.unwritten.store(written.is_err(), Ordering::Relaxed);
        self.show(turn);
        written
    }

    /// Changes it for all who follow it at once. The journal has it soon, before it has any later change: for what the next
    /// daemon finds out by itself, or can do without.
    pub(super) async fn tell(&self, change: impl FnOnce(&mut Turn)) {
        let _one = self.changing.lock().await;
        let mut turn = self.now();
        if turn.state.is_final() {
            return;
        }
        change(&mut turn);
        if let Err(error) = self.journal.update_soon(&turn).await {
            tracing::error!(%error, "cannot write down a turn");
        }
        self.show(turn);
    }

    /// Adds evidence, to be written down with the next change.
    pub(super) fn add(&self, evidence: Evidence) {
        self.turn.send_modify(|turn| turn.evidence.push(evidence));
    }

    /// Shows a change to all who follow it. Who has renamed its session meanwhile knows better.
    fn show(&self, mut turn: Turn) {
        self.turn.send_modify(|now| {
            turn.session = std::mem::take(&mut now.session);
            *now = turn;
        });
    }

    async fn write(&self, turn: &Turn) -> Result<(), JournalError> {
        if self.is_put.load(Ordering::Relaxed) && self.journal.update(turn).await? {
            return Ok(());
        }
        let mut entry = Entry {
            turn: turn.clone(),
            request: self.request.clone(),
            pane: self.program.clone(),
        };
        loop {
            self.journal.put(entry.clone()).await?;
            self.is_put.store(true, Ordering::Relaxed);
            let session = self.turn.borrow().session.clone();
            if session == entry.turn.session {
                return Ok(());
            }
            // Renamed meanwhile: what was just written may have the older name.
            entry.turn.session = session;
        }
    }

    /// Whether the journal lacks its last change: the next daemon would not know of it.
    pub(super) fn is_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Writes its end down, however often that has to be tried.
    pub(super) async fn persist(&self) {
        let mut pause = PERSIST_AFTER;
        while self.is_unwritten() {
            sleep(pause).await;
            pause = (pause * 2).min(PERSIST_EVERY);
            let written = self.write(&self.now()).await;
            self.unwritten.store(written.is_err(), Ordering::Relaxed);
        }
    }

    /// Ends it as far as this daemon knows: it was never written down.
    pub(super) fn forget(&self) {
        self.turn.send_modify(|turn| turn.state = TurnState::Refused);
    }

    /// [`Live::change`] where nothing depends on the journal.
    pub(super) async fn note(&self, change: impl FnOnce(&mut Turn)) {
        if let Err(error) = self.change(change).await {
            tracing::error!(%error, "cannot write down a turn");
        }
    }

    /// Says at which place of the queue it is, to those who follow only.
    pub(super) fn place(&self, place: Option<u32>) {
        self.turn.send_if_modified(|turn| {
            let is_new = turn.state == TurnState::Queued && turn.place != place;
            if is_new {
                turn.place = place;
            }
            is_new
        });
    }

    /// Follows its session to a new name.
    pub(super) fn rename(&self, from: &str, to: &str) {
        self.turn.send_if_modified(|turn| {
            let is_its = turn.session == from;
            if is_its {
                to.clone_into(&mut turn.session);
            }
            is_its
        });
    }

    /// Nanoseconds since it was queued.
    pub(super) fn since_queued(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.queued).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Asks to stop it.
    pub(super) fn cancel(&self, leave_running: bool) {
        self.leave_running.store(leave_running, Ordering::Relaxed);
        self.cancel.cancel();
    }

    pub(super) fn leaves_running(&self) -> bool {
        self.leave_running.load(Ordering::Relaxed)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Waits until it is to be stopped. Cancel safe.
    pub(super) async fn stopped(&self) -> Stop {
        let deadline = self
            .request
            .timeout_ms
            .map(|ms| self.queued + Duration::from_millis(ms));
        let timed_out = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancel.cancelled() => Stop::Cancelled,
            () = timed_out => Stop::TimedOut,
        }
    }
}

pub(super) fn evidence(step: Step, source: Source, detail: impl Into<String>) -> Evidence {
    Evidence {
        step,
        source,
        detail: detail.into(),
    }
}

fn typed(text: &[u8]) -> Typed {
    let head = String::from_utf8_lossy(text);
    Typed {
        bytes: text.len(),
        blake3: blake3::hash(text).to_hex().to_string(),
        head: head
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(HEAD_CHARS)
            .collect(),
    }
}

/// A new id: milliseconds since 1970 and a count, in hexadecimal, so that ids sort by time.
fn new_id() -> String {
    static LAST: Mutex<u64> = Mutex::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX >> 20)
    });
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // 10 bits of count below each millisecond; a busy one borrows from the next.
    *last = (millis << 10).max(*last + 1);
    // Two daemons, one after the other or of two state directories, must not share ids.
    format!("{:014x}{:04x}", *last, std::process::id() & 0xffff)
}

/// The moment of an id, which may be one before this daemon.
fn queued_at(id: &str) -> Instant {
    let now = Instant::now();
    let millis = id
        .get(..14)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let at = millis.map(|millis| UNIX_EPOCH + Duration::from_millis(millis >> 10));
    let since = at.and_then(|at| SystemTime::now().duration_since(at).ok());
    // An id borrows from the next millisecond, and has no fractions of one.
    let since = since.filter(|since| *since > Duration::from_millis(5));
    since.and_then(|since| now.checked_sub(since)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let ids: Vec<String> = (0..5000).map(|_| new_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.len() == 18));
    }

    #[test]
    fn an_id_holds_the_moment_it_was_made() {
        let age = |id: &str| queued_at(id).elapsed().as_secs();
        assert_eq!(age(&new_id()), 0);
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        assert_eq!(age(&format!("{:014x}0000", (millis - 90_000) << 10)), 90);
        assert_eq!((age("x"), age("日本日本日")), (0, 0));
    }

    #[test]
    fn what_is_typed_is_known_by_its_first_line_and_hash() {
        let typed = typed("é\nb".as_bytes());
        assert_eq!((typed.bytes, typed.head.as_str()), (4, "é"));
        assert_eq!(typed.blake3, blake3::hash("é\nb".as_bytes()).to_hex().as_str());
    }
}
