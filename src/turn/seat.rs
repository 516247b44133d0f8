//! The seat of one program: its queue of turns, and the one that is being taken.

mod first;
mod interrupt;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use llmux_protocol::api::{ActivityState, Event, Reply, Source, Step, TurnError, TurnState};
use tokio::{
    sync::{Notify, RwLock, watch},
    time::Instant,
};

use self::first::is_init;
use super::{
    conversation::Anchor,
    ending::{End, Ending, How, Progress},
    live::{Live, Stop, evidence},
    marker::Marker,
    oracle::Oracle,
    over::Over,
    picture::Picture,
    submit::{Accepted, Submission, Submitted},
    turnq::{Coordinator, Hold},
    view::{Look, watch_for},
};
use crate::{
    agent::{Rules, Submit},
    bus::Bus,
    session::Program,
};

/// The most turns that wait for one session.
const MOST_QUEUED: usize = 1024;
/// How long an answer may take to stand in the transcript after the end was seen: some write it seconds later.
const WRITTEN: Duration = Duration::from_secs(3);
/// How long the last words may take to come to the screen after the end was told.
const SHOWN: Duration = Duration::from_millis(700);
/// How long a screen must be silent to be taken for whole.
const SETTLED: Duration = Duration::from_millis(30);

/// What all seats share.
pub(crate) struct Setting {
    /// How long an agent may take to look ready.
    pub(crate) ready_timeout: Duration,
    /// Typed into each new session first.
    pub(crate) init_prompts: Vec<String>,
    /// Strict turn order, if it is wanted.
    pub(crate) turnq: Option<Coordinator>,
    /// How long a turn may hold others who wait by turnq.
    pub(crate) max_hold: Duration,
    /// Where it is told what agents do and what becomes of turns.
    pub(crate) events: Bus<Event>,
}

/// What waits.
#[derive(Default)]
struct Queue {
    turns: VecDeque<Arc<Live>>,
    /// The program has ended: nobody would take what comes now.
    closed: bool,
}

/// Why a turn can't wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    Full,
    /// The program has ended.
    Gone,
}

/// The place where a program takes its turns.
pub(crate) struct Seat {
    name: Mutex<String>,
    pub(super) program: Program,
    pub(super) oracle: Oracle,
    pub(super) setting: Arc<Setting>,
    typing: Arc<RwLock<()>>,
    marker: Option<Marker>,
    queue: Mutex<Queue>,
    /// The turn that was taken last.
    current: Mutex<Option<Arc<Live>>>,
    arrived: Notify,
    /// How many init prompts have not been taken to their end.
    init: watch::Sender<usize>,
    /// Whether the init prompts wait until somebody's half-typed text is gone.
    put_off: AtomicBool,
}

impl Seat {
    pub(super) fn new(
        name: &str,
        program: Program,
        oracle: Oracle,
        setting: Arc<Setting>,
        typing: Arc<RwLock<()>>,
    ) -> Arc<Self> {
        let marker = program.record.turnq_marker.as_deref().and_then(Marker::read);
        Arc::new(Self {
            name: Mutex::new(name.to_owned()),
            program,
            oracle,
            setting,
            typing,
            marker,
            queue: Mutex::default(),
            current: Mutex::default(),
            arrived: Notify::new(),
            init: watch::Sender::new(0),
            put_off: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> String {
        lock(&self.name).clone()
    }

    pub(super) fn rename(&self, name: &str) {
        name.clone_into(&mut lock(&self.name));
    }

    pub(super) fn rules(&self) -> &Rules {
        static NONE: std::sync::LazyLock<Rules> = std::sync::LazyLock::new(Rules::default);
        self.program.agent.as_ref().map_or(&NONE, |agent| &agent.rules)
    }

    pub(super) fn submit(&self) -> Submit {
        self.program
            .agent
            .as_ref()
            .map(|agent| agent.submit.clone())
            .unwrap_or_default()
    }

    pub(super) fn clear_keys(&self) -> &[Vec<u8>] {
        self.program.agent.as_ref().map_or(&[], |agent| &agent.clear_keys)
    }

    pub(super) fn insert_keys(&self) -> &[Vec<u8>] {
        self.program
            .agent
            .as_ref()
            .map_or(&[], |agent| &agent.insert_keys)
    }

    pub(super) fn marker(&self) -> Option<&Marker> {
        self.marker.as_ref()
    }

    /// The turn that is being taken, or was taken last.
    pub(super) fn current(&self) -> Option<Arc<Live>> {
        lock(&self.current).clone()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).turns.len()
    }

    /// Follows how many init prompts have not ended.
    pub(super) fn init(&self) -> watch::Receiver<usize> {
        self.init.subscribe()
    }

    /// Puts a turn into the queue.
    pub(super) fn enqueue(&self, live: Arc<Live>) -> Result<(), NoPlace> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(NoPlace::Gone);
        }
        if queue.turns.len() >= MOST_QUEUED {
            return Err(NoPlace::Full);
        }
        let works = lock(&self.current)
            .as_ref()
            .is_some_and(|current| !current.state().is_final());
        let ahead = queue.turns.len() + usize::from(works);
        if is_init(&live) {
            self.init.send_modify(|pending| *pending += 1);
        }
        live.place((ahead > 0).then(|| u32::try_from(ahead).unwrap_or(u32::MAX)));
        queue.turns.push_back(live);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes a turn out of the queue; says whether it was there.
    pub(super) fn unqueue(&self, live: &Arc<Live>) -> bool {
        let mut queue = lock(&self.queue);
        let turns = &mut queue.turns;
        let place = turns.iter().position(|waiting| Arc::ptr_eq(waiting, live));
        let was_there = place.and_then(|place| turns.remove(place)).is_some();
        if was_there && is_init(live) {
            self.init
                .send_modify(|pending| *pending = pending.saturating_sub(1));
        }
        was_there
    }

    /// Takes one turn after the other, until the program ends.
    pub(super) async fn run(self: Arc<Self>) {
        let mut life = self.program.pane.life();
        loop {
            let next = self.next();
            let Some(live) = next else {
                tokio::select! {
                    () = self.arrived.notified() => continue,
                    () = self.freed() => continue,
                    _ = life.wait_for(|life| matches!(life, crate::pane::Life::Ended(_))) => break,
                }
            };
            self.take(&live).await;
            if is_init(&live) {
                self.init
                    .send_modify(|pending| *pending = pending.saturating_sub(1));
            }
        }
        self.init.send_replace(0);
        for live in self.drain() {
            finish(&live, Over::gone()).await;
        }
    }

    fn next(&self) -> Option<Arc<Live>> {
        let passes_init = self.passes_init();
        let mut queue = lock(&self.queue);
        let place = queue
            .turns
            .iter()
            .position(|live| !(passes_init && is_init(live)))?;
        let live = queue.turns.remove(place)?;
        for (index, waiting) in queue.turns.iter().enumerate() {
            waiting.place(Some(u32::try_from(index + 1).unwrap_or(u32::MAX)));
        }
        *lock(&self.current) = Some(live.clone());
        drop(queue);
        live.place(None);
        Some(live)
    }

    /// Takes all that waits, and lets nothing more come.
    fn drain(&self) -> VecDeque<Arc<Live>> {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        std::mem::take(&mut queue.turns)
    }

    /// Takes one turn to its end.
    pub(super) async fn take(&self, live: &Arc<Live>) {
        if live.state().is_final() {
            return;
        }
        let attention = self.oracle.attend();
        let over = self.try_take(live).await;
        drop(attention);
        match over {
            Err(over) if over.is_draft() && is_init(live) => self.put_off(live, &over).await,
            Err(over) => finish(live, over).await,
            Ok(()) => {}
        }
    }

    async fn try_take(&self, live: &Arc<Live>) -> Result<(), Over> {
        if live.is_cancelled() {
            return Err(Over::stopped(Stop::Cancelled));
        }
        let Some(mut hold) = self.coordinate(live).await? else {
            return self.run_through(live).await;
        };
        let running = self.run_through(live);
        tokio::pin!(running);
        let result = tokio::select! {
            result = &mut running => Some(result),
            lost = hold.lost() => {
                tracing::warn!(session = self.name(), error = %lost, "the turnq channel was lost; the turn goes on");
                None
            }
            () = tokio::time::sleep(self.setting.max_hold) => {
                tracing::warn!(session = self.name(), "the turn takes longer than turnq.maxHoldMs; others may go on");
                None
            }
        };
        if let Some(result) = result {
            hold.release(outcome(&result)).await;
            result
        } else {
            hold.release(Err("it takes too long".to_owned())).await;
            running.await
        }
    }

    /// Hands the prompt in and follows the turn to its end.
    async fn run_through(&self, live: &Arc<Live>) -> Result<(), Over> {
        if live.resumed {
            return self.resume(live).await;
        }
        let accepted = self.hand_in(live).await?;
        self.follow(live, &accepted).await
    }

    /// Waits for the session's turn among all programs that use turnq.
    async fn coordinate(&self, live: &Arc<Live>) -> Result<Option<Hold>, Over> {
        let Some(turnq) = self.setting.turnq.as_ref().filter(|_| !live.request.no_turnq) else {
            return Ok(None);
        };
        let name = self.name();
        let acquired = tokio::select! {
            acquired = turnq.acquire(&name) => acquired,
            stop = live.stopped() => return Err(Over::not_typed(stop)),
        };
        match acquired {
            Ok(hold) => Ok(Some(hold)),
            Err(error) if error.is_unreachable() && live.request.allow_uncoordinated => {
                tracing::warn!(session = name, %error, "going on without the turnq coordinator");
                live.note(|turn| {
                    turn.evidence.push(evidence(
                        Step::Ready,
                        Source::Caller,
                        format!("uncoordinated, as allowed: {error}"),
                    ));
                })
                .await;
                Ok(None)
            }
            Err(error) => {
                let over = Over::new(TurnState::Refused, "turnq", error.to_string());
                Err(over.hint(error.hint()))
            }
        }
    }

    async fn hand_in(&self, live: &Arc<Live>) -> Result<Accepted, Over> {
        let mut submission = Submission::new(self, live);
        submission.ready().await?;
        let typist = self.program.input.claim().await;
        // Somebody may have typed while this one waited for the pane.
        let ready = submission.ready().await?;
        let _typing = self.typing.read().await;
        match submission.hand_in(&typist, &ready).await {
            Submitted::Accepted(accepted) => Ok(accepted),
            Submitted::Over(over) => Err(over),
        }
    }

    /// Follows a turn that a daemon before this one has submitted.
    async fn resume(&self, live: &Arc<Live>) -> Result<(), Over> {
        if live.state() == TurnState::Submitting {
            return Err(Over::new(
                TurnState::Unknown,
                "interrupted_daemon",
                "the daemon ended while the prompt was typed; nobody knows whether it was submitted",
            )
            .hint("`llmux session screen NAME` shows what is there; it was not typed again"));
        }
        let accepted = Accepted {
            heard: 0,
            before: Arc::default(),
            at: Instant::now(),
        };
        self.follow(live, &accepted).await
    }

    /// Follows a submitted turn to its end.
    async fn follow(&self, live: &Arc<Live>, accepted: &Accepted) -> Result<(), Over> {
        let prompt = String::from_utf8_lossy(&live.text).into_owned();
        let mut pictures = self.oracle.pictures();
        let size = pictures.borrow().size;
        let mut ending = Ending::new(self.rules(), self.marker(), &prompt, accepted, size);
        loop {
            let progress = {
                let ending = &mut ending;
                let look = |picture: &Arc<Picture>| {
                    self.show_growing(live, ending, picture);
                    if ending.is_blocked() && !picture.is(ActivityState::Blocked) {
                        ending.unblock();
                        return Look::Found(None);
                    }
                    match ending.look(picture) {
                        Look::Found(progress) => Look::Found(Some((progress, picture.clone()))),
                        Look::Wait => Look::Wait,
                        Look::Until(at) => Look::Until(at),
                    }
                };
                tokio::select! {
                    progress = watch_for(&mut pictures, None, look) => {
                        progress.unwrap_or_else(|| Some((Progress::Gone, self.oracle.last())))
                    }
                    stop = live.stopped() => return Err(self.stop(live, stop).await),
                }
            };
            let Some((progress, picture)) = progress else {
                // The dialog is gone.
                live.note(|turn| (turn.state, turn.dialog) = (TurnState::Running, None))
                    .await;
                continue;
            };
            match progress {
                Progress::Gone => return Err(Over::gone()),
                Progress::Blocked(dialog) => {
                    live.note(|turn| {
                        turn.state = TurnState::Blocked;
                        turn.evidence
                            .push(evidence(Step::Blocked, Source::Screen, &dialog.question));
                        turn.dialog = Some((*dialog).clone());
                    })
                    .await;
                }
                Progress::Ended(end) => {
                    self.end(live, &mut ending, end, picture).await;
                    return Ok(());
                }
            }
        }
    }

    fn show_growing(&self, live: &Live, ending: &mut Ending<'_>, picture: &Picture) {
        // Without its composer the screen is being painted.
        let is_whole = picture.composer.is_some() || !self.rules().knows_ready();
        if live.is_streamed()
            && is_whole
            && let Some(anchor) = ending.anchor(picture)
        {
            live.show_growing(picture.conversation.reply(self.rules(), anchor, self.marker()));
        }
    }

    /// Writes the end down, with the answer.
    async fn end(&self, live: &Arc<Live>, ending: &mut Ending<'_>, end: End, picture: Arc<Picture>) {
        let (told, picture) = match end.told.clone() {
            Some(told) => (Some(told), picture),
            None if end.how == How::Done && ending.is_in_transcript() => {
                (self.written(ending).await, self.oracle.last())
            }
            None => (None, picture),
        };
        // What an agent says of its end can come before its last words are on the screen.
        let picture = if told.is_none() && end.source < Source::Marker {
            self.settled().await.unwrap_or(picture)
        } else {
            picture
        };
        let anchor = ending.anchor(&picture);
        let reply = self.reply(&picture, anchor, told, &end, ending.is_resized(&picture));
        live.note(|turn| {
            turn.stages.first_output = ending.first_output.map(|at| live.since_queued(at));
            turn.stages.ended = Some(live.since_queued(end.at));
            turn.evidence.push(evidence(Step::Ended, end.source, &end.detail));
            turn.dialog = None;
            turn.reply = reply;
            (turn.state, turn.error) = match end.how {
                How::Done => (TurnState::Ended, None),
                How::Failed(message) => (TurnState::Failed, Some(error("agent_error", message))),
                How::Interrupted => (
                    TurnState::Cancelled,
                    Some(error("interrupted", "the agent was interrupted".to_owned())),
                ),
            };
        })
        .await;
    }

    /// Waits a little for the screen to look ready.
    async fn settled(&self) -> Option<Arc<Picture>> {
        let mut pictures = self.oracle.pictures();
        let look = |picture: &Arc<Picture>| {
            let is_whole = picture.is(ActivityState::Ready) && !picture.looks_busy();
            let due = picture.printed_at + SETTLED;
            match is_whole {
                true if Instant::now() >= due => Look::Found(picture.clone()),
                true => Look::Until(due),
                false => Look::Wait,
            }
        };
        watch_for(&mut pictures, Some(Instant::now() + SHOWN), look).await
    }

    /// Waits a little for the answer in the transcript.
    async fn written(&self, ending: &mut Ending<'_>) -> Option<String> {
        let mut pictures = self.oracle.pictures();
        let look = |picture: &Arc<Picture>| match ending.reply_told(picture) {
            Some(told) => Look::Found(told),
            None => Look::Wait,
        };
        watch_for(&mut pictures, Some(Instant::now() + WRITTEN), look).await
    }

    fn reply(
        &self,
        picture: &Picture,
        anchor: Option<Anchor>,
        told: Option<String>,
        end: &End,
        resized: bool,
    ) -> Option<Reply> {
        if let Some(told) = told {
            let text = self
                .marker()
                .map_or(told.as_str(), |marker| marker.strip(&told))
                .to_owned();
            let source = if end.told.is_some() && end.source == Source::Hook {
                Source::Hook
            } else {
                Source::Transcript
            };
            return Some(Reply {
                text,
                source,
                complete: true,
            });
        }
        let anchor = anchor?;
        Some(Reply {
            text: picture.conversation.reply(self.rules(), anchor, self.marker()),
            source: Source::Screen,
            // A resize leaves and takes rows as it likes.
            complete: anchor.is_visible() && !resized,
        })
    }
}

fn error(code: &str, message: String) -> TurnError {
    TurnError {
        code: code.to_owned(),
        message,
        hint: None,
    }
}

/// Writes down how a turn ended without an answer.
pub(super) async fn finish(live: &Live, over: Over) {
    let at = Instant::now();
    live.note(|turn| {
        turn.state = over.state;
        turn.error = over.error.map(|error| *error);
        turn.dialog = over.dialog.map(|dialog| *dialog);
        turn.stages.ended = Some(live.since_queued(at));
        turn.evidence.extend(over.evidence.map(|evidence| *evidence));
        if let Some(error) = &mut turn.error
            && let Some(hint) = &mut error.hint
        {
            *hint = hint.replace("NAME", &turn.session);
        }
    })
    .await;
}

/// What is told to those who wait for the same channel.
fn outcome(result: &Result<(), Over>) -> Result<(), String> {
    match result {
        Ok(()) => Ok(()),
        Err(over) => Err(over.state.as_str().to_owned()),
    }
}

/// Locks what no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
