//! The seat of one program: its queue of turns, and the one that is being taken.

mod chat;
mod first;
mod follow;
mod interrupt;
mod queue;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use llmux_protocol::api::{Origin, Source, Step, TurnState};
use tokio::{
    sync::{Notify, RwLock, watch},
    time::Instant,
};

pub(super) use self::queue::NoPlace;
use self::{
    first::{Init, is_init},
    queue::Queue,
};
use super::{
    composer::{Holds, Wanted},
    live::{Live, Stop, evidence},
    marker::Marker,
    oracle::Oracle,
    over::Over,
    submit::{Accepted, Submission, Submitted},
    turnq::{Coordinator, Hold},
};
use crate::{
    agent::{Composer, Rules, Submit},
    session::Program,
};

/// What the configuration says of turns.
pub(crate) struct Policy {
    /// How long an agent may take to look ready.
    pub(crate) ready_timeout: Duration,
    /// Typed into each new session first.
    pub(crate) init_prompts: Vec<String>,
    /// Strict turn order, if it is wanted.
    pub(crate) turnq: Option<Coordinator>,
    /// How long a turn may hold others who wait by turnq.
    pub(crate) max_hold: Duration,
    /// The most turns that wait for one session.
    pub(crate) most_queued: usize,
}

/// The place where a program takes its turns.
pub(crate) struct Seat {
    name: Mutex<String>,
    pub(super) program: Program,
    pub(super) oracle: Oracle,
    policy: watch::Receiver<Arc<Policy>>,
    typing: Arc<RwLock<()>>,
    marker: Option<Marker>,
    queue: Mutex<Queue>,
    /// The turn that was taken last.
    current: Mutex<Option<Arc<Live>>>,
    /// The text of the turn that was interrupted last: some agents put it back into the composer, sooner or later.
    interrupted: Mutex<Option<Vec<u8>>>,
    arrived: Notify,
    init: watch::Sender<Init>,
    /// Whether the init prompts wait until somebody's half-typed text is gone.
    put_off: AtomicBool,
    /// Whether the last turn has ended without its hook.
    owes_hook: AtomicBool,
}

impl Seat {
    pub(super) fn new(
        name: &str,
        program: Program,
        oracle: Oracle,
        policy: watch::Receiver<Arc<Policy>>,
        typing: Arc<RwLock<()>>,
    ) -> Arc<Self> {
        let marker = program.record.turnq_marker.as_deref().and_then(Marker::read);
        Arc::new(Self {
            name: Mutex::new(name.to_owned()),
            program,
            oracle,
            policy,
            typing,
            marker,
            queue: Mutex::default(),
            current: Mutex::default(),
            interrupted: Mutex::default(),
            arrived: Notify::new(),
            init: watch::Sender::default(),
            put_off: AtomicBool::new(false),
            owes_hook: AtomicBool::new(false),
        })
    }

    /// What the configuration says now.
    pub(super) fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
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

    /// Notes that a turn with this text was interrupted.
    pub(super) fn note_interrupted(&self, text: &[u8]) {
        *lock(&self.interrupted) = Some(text.to_vec());
    }

    /// Whether a composer holds what an interrupted turn left there, and no words of a person.
    pub(super) fn has_given_back(&self, composer: &Composer) -> bool {
        let text = lock(&self.interrupted);
        text.as_ref()
            .is_some_and(|text| Wanted::new(text).in_composer(composer) == Holds::Prompt)
    }

    /// The key presses that take a dialog back.
    pub(super) fn cancel_keys(&self) -> &[Vec<u8>] {
        self.program
            .agent
            .as_ref()
            .map_or(&[], |agent| &agent.cancel_keys)
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
            self.init_over(&live);
        }
        self.init.send_modify(|init| init.pending = 0);
        for live in self.drain() {
            finish(&live, Over::gone()).await;
        }
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
            () = tokio::time::sleep(self.policy().max_hold) => {
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
        if live.now().origin == Origin::NewChat {
            let before = self.echoes().await;
            let accepted = self.hand_in(live).await?;
            return self.begin_chat(live, &accepted, &before).await;
        }
        let accepted = self.hand_in(live).await?;
        self.follow(live, &accepted).await
    }

    /// Waits for the session's turn among all programs that use turnq.
    async fn coordinate(&self, live: &Arc<Live>) -> Result<Option<Hold>, Over> {
        let policy = self.policy();
        let Some(turnq) = policy.turnq.as_ref().filter(|_| !live.request.no_turnq) else {
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
        let binding = &self.program.binding;
        binding.says(&String::from_utf8_lossy(&live.text));
        match submission.hand_in(&typist, &ready).await {
            Submitted::Accepted(accepted) => Ok(accepted),
            Submitted::Over(over) => {
                binding.unanswered();
                Err(over)
            }
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
            entered: live.queued,
            at: live.queued,
        };
        self.follow(live, &accepted).await
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
