//! All seats, and the turns that are not over.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use llmux_protocol::api::{Event, Origin, Turn, TurnRequest, TurnState};

use super::{
    announce,
    error::TurnFault,
    live::Live,
    oracle::Oracle,
    over::Over,
    seat::{self, NoPlace, Policy, Seat},
    turnq::Coordinator,
};
use tokio::sync::{RwLock, broadcast, watch};

use crate::{
    agent::transcript::{Follower as Transcript, Place, Watch},
    bus::Bus,
    session::{Follower, Program, ProgramId, SessionError, is_blank, prompt_bytes},
    store::{Entry, Journal, JournalError, Retention},
};

/// How many turns may begin before one who follows them looks for those he missed.
const BEGUN: usize = 64;

/// All seats. It follows which programs run.
pub(crate) struct Seats {
    policy: watch::Sender<Arc<Policy>>,
    /// Where it is told what agents do and what becomes of turns.
    events: Bus<Event>,
    journal: Journal,
    watch: Watch,
    home: PathBuf,
    by_name: Mutex<HashMap<String, Arc<Seat>>>,
    lives: Mutex<HashMap<String, Arc<Live>>>,
    /// What a daemon before has left, until its program is found.
    left: Mutex<Vec<Entry>>,
    /// Read while a prompt is typed; written once, when no more are to be.
    typing: Arc<RwLock<()>>,
    /// Two requests with one key must not both be the first.
    keys: tokio::sync::Mutex<()>,
    /// Tells the id of each turn that begins.
    begun: broadcast::Sender<String>,
}

impl Seats {
    /// Begins without seats. `home` is the user's home directory.
    pub(crate) async fn open(
        (policy, events): (Policy, Bus<Event>),
        journal: Journal,
        home: PathBuf,
        watch: Watch,
    ) -> Result<Arc<Self>, JournalError> {
        let left = journal.unfinished().await?;
        Ok(Arc::new(Self {
            policy: watch::Sender::new(Arc::new(policy)),
            events,
            journal,
            watch,
            home,
            by_name: Mutex::default(),
            lives: Mutex::default(),
            left: Mutex::new(left),
            typing: Arc::default(),
            keys: tokio::sync::Mutex::default(),
            begun: broadcast::Sender::new(BEGUN),
        }))
    }

    /// Goes by another configuration from now on; a turn that holds a turnq channel keeps it.
    pub(crate) fn adopt(&self, policy: Policy) {
        self.policy.send_replace(Arc::new(policy));
    }

    /// Keeps so many turns from now on.
    pub(crate) async fn retain(&self, retention: Retention) {
        if let Err(error) = self.journal.retain(retention).await {
            tracing::error!(%error, "cannot change how many turns are kept");
        }
    }

    /// What strict turn order goes by now.
    pub(crate) fn turnq(&self) -> Option<Coordinator> {
        self.policy.borrow().turnq.clone()
    }

    /// Lets no more prompts be typed, and waits until those in the middle are.
    pub(super) async fn quiesce(&self) {
        // Never unlocked: what waits for it goes with this daemon, and is in the journal.
        std::mem::forget(self.typing.clone().write_owned().await);
    }

    /// What the user should know of the journal.
    pub(super) async fn notices(&self) -> Vec<String> {
        self.journal.notices().await
    }

    pub(super) fn seat(&self, name: &str) -> Option<Arc<Seat>> {
        lock(&self.by_name).get(name).cloned()
    }

    /// The seat of the program in a pane of the tmux server with this process id.
    pub(super) fn in_pane(&self, server: u32, pane: &str) -> Option<Arc<Seat>> {
        let seats = lock(&self.by_name);
        seats
            .values()
            .find(|seat| seat.program.id.is_in(server, pane))
            .cloned()
    }

    /// The seat of a program.
    pub(super) fn of_program(&self, program: ProgramId) -> Option<Arc<Seat>> {
        let seats = lock(&self.by_name);
        seats.values().find(|seat| seat.program.id == program).cloned()
    }

    /// Follows which turns begin.
    pub(super) fn begun(&self) -> broadcast::Receiver<String> {
        self.begun.subscribe()
    }

    /// The turns that are not over.
    pub(super) fn lives(&self) -> Vec<Arc<Live>> {
        lock(&self.lives).values().cloned().collect()
    }

    pub(super) fn live(&self, id: &str) -> Option<Arc<Live>> {
        lock(&self.lives).get(id).cloned()
    }

    pub(super) async fn recorded(&self, id: &str) -> Result<Turn, TurnFault> {
        let turn = self.journal.get(id).await?;
        turn.ok_or_else(|| TurnFault::NotFound(id.to_owned()))
    }

    pub(super) async fn of_session(&self, name: &str, limit: usize) -> Result<Vec<Turn>, TurnFault> {
        Ok(self.journal.of_session(name, limit, None).await?)
    }

    /// The turn that was queued before under the same key.
    pub(super) async fn again(
        &self,
        name: &str,
        request: &TurnRequest,
        text: &[u8],
    ) -> Result<Option<Turn>, TurnFault> {
        let Some(key) = &request.key else { return Ok(None) };
        let Some(turn) = self.journal.by_key(name, key).await? else {
            return Ok(None);
        };
        if turn.prompt.blake3 != blake3::hash(text).to_hex().as_str() {
            return Err(TurnFault::Conflict {
                key: key.clone(),
                id: turn.id,
            });
        }
        // Nothing was typed: to try again is what the key is for.
        if matches!(turn.state, TurnState::Refused | TurnState::Unsubmitted) {
            return Ok(None);
        }
        Ok(Some(self.live(&turn.id).map_or(turn, |live| live.now())))
    }

    /// Keeps two requests with one key apart: the second finds the turn of the first.
    pub(super) async fn one_by_one(&self, request: &TurnRequest) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match request.key {
            Some(_) => Some(self.keys.lock().await),
            None => None,
        }
    }

    /// Writes a new turn down and queues it.
    pub(super) async fn queue(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        request: TurnRequest,
        text: Vec<u8>,
        origin: Origin,
    ) -> Result<Arc<Live>, TurnFault> {
        // What waits for the answer to a question can't be typed into it.
        let is_blocked = |live: Arc<Live>| live.state() == TurnState::Blocked;
        let now = request.now || request.force && seat.current().is_some_and(is_blocked);
        let live = self.new_live(seat, request, text, origin);
        // Known before it is written down: whoever renames its session meanwhile must find it.
        self.keep(&live);
        live.rename(&live.now().session, &seat.name());
        if let Err(error) = live.change(|_| ()).await {
            live.forget();
            return Err(error.into());
        }
        if now {
            let (seat, its) = (seat.clone(), live.clone());
            tokio::spawn(async move { seat.take(&its).await });
            return Ok(live);
        }
        match seat.enqueue(live.clone()) {
            Ok(()) => Ok(live),
            Err(NoPlace::Full) => {
                let over = Over::new(TurnState::Refused, "queue_full", "too many turns wait already");
                seat::finish(&live, over).await;
                Err(TurnFault::QueueFull { session: seat.name() })
            }
            Err(NoPlace::Gone) => {
                seat::finish(&live, Over::gone()).await;
                Ok(live)
            }
        }
    }

    fn new_live(&self, seat: &Seat, request: TurnRequest, text: Vec<u8>, origin: Origin) -> Arc<Live> {
        let program = seat.program.id.to_string();
        let agent = &seat.program.record.agent;
        Live::new(
            &seat.name(),
            agent,
            program,
            request,
            text,
            origin,
            self.journal.clone(),
        )
    }

    /// Takes a turn that nobody has begun out of its queue; gives the seat where it waited.
    fn unqueue(&self, live: &Arc<Live>) -> Option<Arc<Seat>> {
        let seats: Vec<Arc<Seat>> = lock(&self.by_name).values().cloned().collect();
        seats.into_iter().find(|seat| seat.unqueue(live))
    }

    /// Knows a turn by its id until it is over.
    fn keep(self: &Arc<Self>, live: &Arc<Live>) {
        announce::turn(live, self.events.clone());
        let id = live.id();
        lock(&self.lives).insert(id.clone(), live.clone());
        // It is as well if nobody follows.
        let _ = self.begun.send(id.clone());
        let (seats, live) = (self.clone(), live.clone());
        tokio::spawn(async move {
            let mut turns = live.follow();
            let is_over = turns.wait_for(|turn| turn.state.is_final());
            let stop = tokio::select! {
                _ = is_over => None,
                stop = live.stopped() => Some(stop),
            };
            if let Some(stop) = stop {
                // Who has begun it stops it; in the queue nobody has.
                if let Some(seat) = seats.unqueue(&live) {
                    seat::finish(&live, Over::not_typed(stop)).await;
                    seat.init_over(&live);
                }
                let _ = turns.wait_for(|turn| turn.state.is_final()).await;
            }
            // Until it is written down, the journal would tell of a turn that is not over.
            live.persist().await;
            lock(&seats.lives).remove(&id);
        });
    }

    /// Ends what daemons before have left for programs that are gone.
    pub(super) async fn settle(&self) {
        let left = std::mem::take(&mut *lock(&self.left));
        for entry in left {
            let state = entry.turn.state;
            let live = Live::resume(entry, Vec::new(), self.journal.clone());
            let over = if state == TurnState::Submitting {
                Over::new(
                    TurnState::Unknown,
                    "interrupted_daemon",
                    "the daemon ended while the prompt was typed, and the agent is gone",
                )
            } else {
                Over::gone()
            };
            seat::finish(&live, over).await;
        }
    }

    /// The turns that a daemon before has left for a program, oldest first.
    fn left_for(&self, program: &str) -> Vec<Entry> {
        lock(&self.left)
            .extract_if(.., |entry| entry.pane == program)
            .collect()
    }

    fn transcript(&self, program: &Program) -> Option<Transcript> {
        let agent = program.agent.as_ref()?;
        let place = Place {
            home: self.home.clone(),
            env: (*program.env).clone(),
            cwd: program.record.cwd.clone().into(),
            id: program.record.conversation().map(str::to_owned),
            since: SystemTime::now(),
        };
        Some(Transcript::start(agent.transcript?, place, &self.watch))
    }

    fn init_prompts(&self, seat: &Seat) -> Vec<String> {
        let mut prompts = self.policy.borrow().init_prompts.clone();
        prompts.extend(seat.program.record.init_prompts.clone().unwrap_or_default());
        if let (Some(marker), Some(agent)) = (seat.marker(), &seat.program.agent) {
            prompts.push(marker.instruction(&agent.marker));
        }
        prompts
    }
}

/// What follows sessions: a handle, because queues are filled by tasks of their own.
impl Follower for Arc<Seats> {
    fn runs(&self, name: &str, program: Program) {
        let rules = program
            .agent
            .as_ref()
            .map(|agent| agent.rules.clone())
            .unwrap_or_default();
        let oracle = Oracle::start(&program, Arc::new(rules), self.transcript(&program));
        let left = self.left_for(&program.id.to_string());
        let seat = Seat::new(
            name,
            program,
            oracle,
            self.policy.subscribe(),
            self.typing.clone(),
        );
        for entry in left {
            let text = prompt_bytes(&entry.request.prompt).unwrap_or_default();
            let live = Live::resume(entry, text, self.journal.clone());
            self.keep(&live);
            if seat.enqueue_promised(live.clone()).is_err() {
                tokio::spawn(async move { seat::finish(&live, Over::gone()).await });
            }
        }
        lock(&self.by_name).insert(name.to_owned(), seat.clone());
        announce::activity(seat.clone(), self.events.clone());
        let seats = self.clone();
        tokio::spawn(async move {
            seat.clone().run().await;
            // Whoever started the session again has another.
            lock(&seats.by_name).retain(|_, other| !Arc::ptr_eq(other, &seat));
        });
    }

    fn started(&self, name: &str, init: bool) {
        let Some(seat) = self.seat(name).filter(|_| init) else {
            return;
        };
        for prompt in self.init_prompts(&seat) {
            let (text, refused) = match prompt_bytes(&prompt) {
                Ok(text) => (text, None),
                Err(SessionError::EmptyPrompt) => continue,
                Err(error) => (Vec::new(), Some(error)),
            };
            if is_blank(&text) && refused.is_none() {
                continue;
            }
            // Queued before anybody is told that the session has started: nothing comes before them.
            let live = self.new_live(&seat, TurnRequest::new(prompt), text, Origin::Init);
            if let Some(error) = refused {
                tracing::warn!(session = name, %error, "an init prompt can't be typed");
                let over = Over::new(TurnState::Refused, "prompt", error.to_string());
                let seat = seat.clone();
                seat.init_waits();
                tokio::spawn(async move {
                    seat::finish(&live, over).await;
                    seat.init_over(&live);
                });
                continue;
            }
            self.keep(&live);
            // A program that is gone already needs none.
            if seat.enqueue_promised(live.clone()).is_err() {
                live.forget();
                return;
            }
            tokio::spawn(async move { live.note(|_| ()).await });
        }
    }

    fn renamed(&self, from: &str, to: &str) {
        let mut seats = lock(&self.by_name);
        if let Some(seat) = seats.remove(from) {
            seat.rename(to);
            seats.insert(to.to_owned(), seat);
        }
        drop(seats);
        for live in lock(&self.lives).values() {
            live.rename(from, to);
        }
        let (journal, from, to) = (self.journal.clone(), from.to_owned(), to.to_owned());
        tokio::spawn(async move {
            if let Err(error) = journal.rename(&from, &to).await {
                tracing::error!(%error, from, to, "cannot give the turns of a session its new name");
            }
        });
    }
}

/// Locks what no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
