//! Turns: one prompt and its answer, submitted with proof, ended by evidence, and written down.
//!
//! Each running program has a [`Seat`]: an [`oracle::Oracle`] that tells what the agent does, and a queue that takes
//! one turn at a time. What a turn is stands in the journal before it happens: a daemon that is killed leaves no turn
//! that the next one could type twice.

mod account;
mod announce;
mod answer;
mod composer;
mod conversation;
mod dialogs;
mod ending;
mod error;
mod follow;
mod hook;
mod live;
mod marker;
mod new_chat;
mod oracle;
mod over;
mod picture;
mod receipt;
mod replay;
mod report;
mod seat;
mod seats;
mod submit;
pub(crate) mod turnq;
mod view;

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{
    Activity, ActivityState, AnswerRequest, Answered, Explanation, HookRequest, HooksView, Origin, Turn,
    TurnCancel, TurnRequest, TurnState, TurnWait, WaitFor,
};
use tokio::time::{Instant, timeout};

pub(crate) use self::{
    dialogs::Dialogs,
    error::{TurnFault, TurnRefusal},
    follow::{Follow, News},
    live::Live,
    replay::{Change, Recording, replay},
    seat::Policy,
    seats::Seats,
};
use self::{
    seat::Seat,
    view::{Look, watch_for},
};
use crate::session::{ProgramId, SessionError, Sessions, is_blank, prompt_bytes};

/// The longest key of a sender's own.
const MAX_KEY_BYTES: usize = 256;
/// The most turns that a list shows.
const MOST_LISTED: usize = 1000;
/// How long a dialog must stand before a wait for a ready agent is given up.
const STANDS: Duration = Duration::from_secs(1);
/// How many turns a list shows if it is not said.
const LISTED: usize = 50;

/// A handle on all turns. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns {
    sessions: Sessions,
    seats: Arc<Seats>,
}

impl Turns {
    /// Takes turns in the sessions that `seats` follows.
    pub(crate) fn new(sessions: Sessions, seats: Arc<Seats>) -> Self {
        Self { sessions, seats }
    }

    /// Takes care of what daemons before have left, once all running sessions are found: a turn whose program is gone is
    /// over.
    pub(crate) async fn settle(&self) {
        self.seats.settle().await;
    }

    /// Lets no more prompts be typed, and waits until those in the middle are. What waits is the next daemon's.
    pub(crate) async fn quiesce(&self) {
        self.seats.quiesce().await;
    }

    /// What the user should know of the journal.
    pub(crate) async fn notices(&self) -> Vec<String> {
        self.seats.notices().await
    }

    /// Writes a prompt down and queues it; with a key that is known, finds the turn of that key.
    pub(crate) async fn begin(
        &self,
        name: &str,
        request: TurnRequest,
        origin: Origin,
    ) -> Result<Begun, TurnFault> {
        let text = prompt_bytes(&request.prompt)?;
        // Without Enter it is no prompt, but perhaps a key.
        if is_blank(&text) && request.enter {
            return Err(SessionError::EmptyPrompt.into());
        }
        if request
            .key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > MAX_KEY_BYTES)
        {
            return Err(TurnFault::BadKey);
        }
        let seat = self.seat(name).await;
        let _first = self.seats.one_by_one(&request).await;
        // A retry after the session has ended gets its turn all the same.
        if let Some(turn) = self.seats.again(name, &request, &text).await? {
            return Ok(match self.seats.live(&turn.id) {
                Some(live) => Begun::Live(live),
                None => Begun::Over(Box::new(turn)),
            });
        }
        let live = self.seats.queue(&seat?, request, text, origin).await?;
        Ok(Begun::Live(live))
    }

    /// A turn as it is.
    pub(crate) async fn get(&self, id: &str) -> Result<Turn, TurnFault> {
        match self.seats.live(id) {
            Some(live) => Ok(live.now()),
            None => self.seats.recorded(id).await,
        }
    }

    /// A turn that is not over, to be followed; otherwise its end.
    pub(crate) async fn follow(&self, id: &str) -> Result<Result<Arc<Live>, Turn>, TurnFault> {
        match self.seats.live(id) {
            Some(live) => Ok(Ok(live)),
            None => Ok(Err(self.seats.recorded(id).await?)),
        }
    }

    /// The turns of a session, the youngest first.
    pub(crate) async fn list(&self, name: &str, limit: Option<usize>) -> Result<Vec<Turn>, TurnFault> {
        self.sessions.get(name).await?;
        let limit = limit.unwrap_or(LISTED).min(MOST_LISTED);
        let recorded = self.seats.of_session(name, limit).await?;
        Ok(recorded
            .into_iter()
            .map(|turn| self.seats.live(&turn.id).map_or(turn, |live| live.now()))
            .collect())
    }

    /// Waits for the end of a turn, or for a question of the agent.
    pub(crate) async fn wait(&self, id: &str, how: TurnWait) -> Result<Turn, TurnFault> {
        let Some(live) = self.seats.live(id) else {
            return self.seats.recorded(id).await;
        };
        let mut turns = live.follow();
        let is_enough =
            |turn: &Turn| turn.state.is_final() || !how.through_dialogs && turn.state == TurnState::Blocked;
        let waiting = turns.wait_for(is_enough);
        let waited = match how.timeout_ms {
            None => waiting.await,
            Some(ms) => {
                timeout(Duration::from_millis(ms), waiting)
                    .await
                    .map_err(|_| TurnFault::WaitTimeout {
                        id: id.to_owned(),
                        ms,
                    })?
            }
        };
        // The sender lives in `live`.
        Ok(waited.map_or_else(|_| live.now(), |turn| turn.clone()))
    }

    /// Cancels a turn and waits until it is over.
    pub(crate) async fn cancel(&self, id: &str, how: &TurnCancel) -> Result<Turn, TurnFault> {
        let Some(live) = self.seats.live(id) else {
            return self.seats.recorded(id).await;
        };
        live.cancel(how.leave_running);
        let mut turns = live.follow();
        let waited = turns.wait_for(|turn| turn.state.is_final()).await;
        let turn = waited.map_or_else(|_| live.now(), |turn| turn.clone());
        if live.is_unwritten() {
            return Err(TurnFault::Unwritten {
                id: turn.id,
                state: turn.state,
            });
        }
        Ok(turn)
    }

    /// What a session is believed to do, and why.
    pub(crate) async fn explain(&self, name: &str) -> Result<Explanation, TurnFault> {
        let seat = self.seat(name).await?;
        let picture = seat.oracle.look().await.unwrap_or_else(|| seat.oracle.last());
        let bound = seat.program.binding.now();
        Ok(Explanation {
            conversation: bound.id,
            bound_by: bound.by,
            session: name.to_owned(),
            agent: seat.program.record.agent.clone(),
            activity: picture.belief.activity(),
            votes: picture.votes(),
            composer: picture.composer.as_ref().map(|composer| composer.text.clone()),
            turn: seat.current().map(|live| live.now()),
            queued: seat.waiting(),
            hooks: HooksView {
                last: picture.last_hook(),
                ..(*seat.program.hooks).clone()
            },
        })
    }

    /// What a session is believed to do; none if it does not run.
    pub(crate) fn activity(&self, name: &str) -> Option<Activity> {
        Some(self.seats.seat(name)?.oracle.last().belief.activity())
    }

    /// Follows what the program in a session does, and how its turns go.
    pub(crate) fn follow_program(&self, program: ProgramId) -> Option<Follow> {
        let seat = self.seats.of_program(program)?;
        Some(Follow::new(self.seats.clone(), seat))
    }

    /// Follows the activity of a session until it is `wanted`, or the session is gone.
    pub(crate) async fn reaches(&self, name: &str, wanted: ActivityState) -> Result<Activity, TurnFault> {
        let seat = self.seat(name).await?;
        let _attention = seat.oracle.attend();
        let mut pictures = seat.oracle.pictures();
        let look = |picture: &Arc<picture::Picture>| {
            if picture.is(wanted) || picture.has_ended() {
                Look::Found(picture.belief.activity())
            } else {
                Look::Wait
            }
        };
        let activity = watch_for(&mut pictures, None, look).await;
        activity.ok_or_else(|| SessionError::not_running(name).into())
    }

    /// Waits until a session is ready and its init prompts are done; gives the first of them that did not end well, too.
    ///
    /// # Errors
    ///
    /// It asks something that nobody has answered for [`STANDS`], or it is gone.
    pub(crate) async fn ready(&self, name: &str) -> Result<(Activity, Option<Box<Turn>>), TurnFault> {
        let seat = self.seat(name).await?;
        let mut pictures = seat.oracle.pictures();
        let stands = watch_for(&mut pictures, None, |picture| {
            let due = picture.belief.since + STANDS;
            match picture.belief.state {
                ActivityState::Blocked if due <= Instant::now() => Look::Found(()),
                ActivityState::Blocked => Look::Until(due),
                _ => Look::Wait,
            }
        });
        let is_ready = async {
            // The sender lives in `seat`.
            let _ = seat.init().wait_for(|init| init.pending == 0).await;
            self.reaches(name, ActivityState::Ready).await
        };
        tokio::select! {
            _ = stands => {}
            reached = is_ready => { reached?; }
        }
        let belief = seat.oracle.last().belief.clone();
        match (belief.state, belief.dialog.as_deref()) {
            (ActivityState::Exited, _) => Err(SessionError::not_running(name).into()),
            (ActivityState::Blocked, Some(dialog)) => Err(TurnFault::Blocked {
                session: name.to_owned(),
                dialog: Box::new(dialog.clone()),
            }),
            _ => Ok((belief.activity(), seat.init().borrow().failed.clone())),
        }
    }

    /// Answers the dialog that is open in a session.
    pub(crate) async fn answer(&self, name: &str, request: &AnswerRequest) -> Result<Answered, TurnFault> {
        let seat = self.seat(name).await?;
        answer::answer(&seat, request).await
    }

    /// Takes the call of an agent's hook.
    pub(crate) async fn hook(&self, name: &str, hook: HookRequest) -> Result<(), TurnFault> {
        let in_pane = hook
            .pane
            .as_ref()
            .and_then(|(server, pane)| self.seats.in_pane(*server, pane));
        let seat = match in_pane {
            Some(seat) => seat,
            // Called from elsewhere: a sandbox, or a tmux inside the pane.
            None => self.seat(name).await?,
        };
        let is_busy = seat.oracle.last().is(ActivityState::Busy);
        if let Some(named) = hook::conversation(&hook, is_busy) {
            seat.program.binding.named(named);
        }
        seat.oracle.hook(hook).await;
        Ok(())
    }

    /// The seat of a running session.
    async fn seat(&self, name: &str) -> Result<Arc<Seat>, TurnFault> {
        self.sessions.check_running(name).await?;
        Ok(self
            .seats
            .seat(name)
            .ok_or_else(|| SessionError::not_running(name))?)
    }
}

/// A turn that was asked for.
pub(crate) enum Begun {
    /// It goes on, whoever waits for it.
    Live(Arc<Live>),
    /// It is over already.
    Over(Box<Turn>),
}

impl Begun {
    /// The turn as it is.
    pub(crate) fn now(&self) -> Turn {
        match self {
            Self::Live(live) => live.now(),
            Self::Over(turn) => (**turn).clone(),
        }
    }

    /// Waits for what a request asked for. Cancel safe.
    pub(crate) async fn reaches(&self, wait: WaitFor) -> Turn {
        match self {
            Self::Live(live) => until(live, wait).await,
            Self::Over(turn) => (**turn).clone(),
        }
    }
}

async fn until(live: &Live, wait: WaitFor) -> Turn {
    let mut turns = live.follow();
    let is_enough = |turn: &Turn| match wait {
        WaitFor::Queued => true,
        // Who has to wait for others is told so at once.
        WaitFor::Submitted => {
            !matches!(turn.state, TurnState::Queued | TurnState::Submitting)
                || turn.state == TurnState::Queued && turn.place.is_some()
        }
        WaitFor::Ended => turn.state.is_final() || turn.state == TurnState::Blocked,
    };
    let waited = turns.wait_for(is_enough).await;
    waited.map_or_else(|_| live.now(), |turn| turn.clone())
}
