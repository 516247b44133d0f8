//! Which conversation a running program is in, and how that is known.
//!
//! Some ids are chosen before a conversation begins; others must be found. What tells: a hook that names it, the file
//! that the session's own process writes, and a conversation that holds what was just typed here and nowhere else. Without
//! such evidence it stays unknown: two sessions in one directory never swap their conversations.
//!
//! Nothing polls. It is looked for when a turn ends without the prompt in the conversation that was known, and again when
//! the agent's store changes, until it is found.

mod evidence;
mod task;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use llmux_protocol::api::BoundBy;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use self::evidence::{Named, Said};
use super::{ProgramId, Sessions, lock};
use crate::{
    agent::history::{Place, Store},
    store::SessionRecord,
};

/// Facts that wait for the task; each is little, and a later one tells as much.
const FACTS: usize = 64;
/// How many prompts are remembered that stand in no conversation yet.
const MOST_SAID: usize = 16;

/// The conversation of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    /// None while it is unknown.
    pub(crate) id: Option<String>,
    pub(crate) by: Option<BoundBy>,
}

/// What a program's binding is told.
pub(super) enum Fact {
    /// A turn has ended well, and its prompt does not stand in the conversation that is known.
    Missing,
    /// The agent worked, for somebody else than us, and is at rest.
    Rested,
    /// A hook named a conversation.
    Named(Named),
    /// A new conversation was begun here; whoever says so waits until that is known.
    Left(oneshot::Sender<()>),
}

/// A handle on a program's binding. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Binding {
    shelf: Option<(Store, Place)>,
    /// What was typed and is not known to stand in its conversation, the oldest first.
    said: Arc<Mutex<Vec<Said>>>,
    bound: watch::Receiver<Bound>,
    facts: mpsc::Sender<Fact>,
}

impl Bound {
    /// As a record has it.
    pub(super) fn of(record: &SessionRecord) -> Self {
        let id = record.conversation().map(str::to_owned);
        let by = match (&record.external_session_id, &id) {
            (Some(_), _) => record.external_session_by,
            (None, Some(_)) => Some(BoundBy::Resume),
            (None, None) => None,
        };
        Self { id, by }
    }
}

impl Binding {
    /// Begins with what the record says.
    pub(super) fn start(sessions: &Sessions, id: ProgramId, record: &SessionRecord) -> Self {
        let (sender, bound) = watch::channel(Bound::of(record));
        let (facts, inbox) = mpsc::channel(FACTS);
        let binding = Self {
            shelf: sessions.shelf(record).ok(),
            said: Arc::default(),
            bound,
            facts,
        };
        if let Some((store, place)) = binding.shelf.clone() {
            let mut place = place;
            place.since = SystemTime::now();
            let task = task::Task::new(sessions, id, (store, place), binding.said.clone(), sender);
            tokio::spawn(task.run(inbox));
        }
        binding
    }

    /// The conversation, and each other one that it turns out to be.
    pub(crate) fn follow(&self) -> watch::Receiver<Bound> {
        self.bound.clone()
    }

    /// The conversation now.
    pub(crate) fn now(&self) -> Bound {
        self.bound.borrow().clone()
    }

    /// A prompt is about to be submitted.
    pub(crate) fn says(&self, text: &str) {
        if self.shelf.is_none() {
            return;
        }
        let mut said = lock(&self.said);
        if said.len() == MOST_SAID {
            said.remove(0);
        }
        said.push(Said::now(text));
    }

    /// The turn of the prompt that was submitted last is over. `in_transcript`: it stood in the conversation that is known.
    pub(crate) fn answered(&self, in_transcript: bool) {
        if in_transcript && self.bound.borrow().id.is_some() {
            lock(&self.said).clear();
        } else {
            self.tell(Fact::Missing);
        }
    }

    /// The turn of the prompt that was submitted last came to nothing: agents may not write that down.
    pub(crate) fn unanswered(&self) {
        lock(&self.said).pop();
    }

    /// The agent worked for somebody else, and is at rest.
    pub(crate) fn rested(&self) {
        self.tell(Fact::Rested);
    }

    /// A hook of the agent named a conversation.
    pub(crate) fn named(&self, named: Named) {
        self.tell(Fact::Named(named));
    }

    /// A new conversation was begun: the one before is not it, whatever comes.
    pub(crate) async fn left(&self) {
        if self.shelf.is_none() {
            return;
        }
        let (known, knows) = oneshot::channel();
        // The task lives as long as this handle.
        let _ = self.facts.send(Fact::Left(known)).await;
        let _ = knows.await;
    }

    fn tell(&self, fact: Fact) {
        if self.shelf.is_some() && self.facts.try_send(fact).is_err() {
            tracing::debug!("evidence of a session's conversation was passed over");
        }
    }
}

/// What other running sessions know that matters to one.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The conversations they are in.
    taken: BTreeSet<String>,
    /// What they said that stands nowhere yet.
    said: Vec<Said>,
}

impl Sessions {
    /// What other running programs with the same store know.
    fn others(&self, id: ProgramId, store: Store) -> Others {
        let all = lock(&self.0.live);
        let others = all.values().filter(|live| live.runs() && live.program() != id);
        let mut found = Others::default();
        for binding in others.map(|live| &live.binding) {
            if binding.shelf.as_ref().is_some_and(|(other, _)| *other == store) {
                found.taken.extend(binding.bound.borrow().id.clone());
                found.said.extend(lock(&binding.said).iter().cloned());
            }
        }
        found
    }

    /// Writes down which conversation a program is in. Fails if the program is another one's by now.
    async fn note_bound(&self, id: ProgramId, bound: &Bound) -> bool {
        let Some((name, _)) = self.of_pane(id.server, id.pane) else {
            return false;
        };
        let (sessions, bound) = (self.clone(), bound.clone());
        let noted = self.0.records.update(move |records| {
            let is_its = sessions.live(&name).is_some_and(|live| live.program() == id);
            let Some(record) = records.get_mut(&name).filter(|_| is_its) else {
                return false;
            };
            // Who goes on in a stored conversation after a restart goes on in this one.
            if record.resume_from.is_some() {
                record.resume_from.clone_from(&bound.id);
            }
            record.external_session_id = bound.id;
            record.external_session_by = bound.by;
            true
        });
        noted.await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot write down which conversation a session is in");
            // It is so, all the same.
            true
        })
    }
}

#[cfg(test)]
mod tests;
