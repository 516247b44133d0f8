//! How many conversations are stored where a session works, and what those that it names are called. Looked up when they
//! may have changed, never when a session is asked for.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use llmux_protocol::api::{Event, SessionView};
use tokio::time::{Instant, sleep_until};

use super::{Sessions, lock};
use crate::{
    agent::history::{Conversation, Place, Store},
    bus::{Next, Reader},
    store::SessionRecord,
};

/// How long at least between two looks: an agent that is prompted all the time is not looked up all the time.
const PAUSE: Duration = Duration::from_secs(1);

/// What was found last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// How many there are.
    pub(super) count: usize,
    /// The title of the one that the session is in.
    pub(super) bound: Option<String>,
    /// The title of the one that it was started with.
    pub(super) resumed: Option<String>,
}

impl Stored {
    pub(super) fn of(record: &SessionRecord, found: &[Conversation]) -> Self {
        let title = |id: Option<&str>| {
            let one = found.iter().find(|one| Some(one.id.as_str()) == id);
            one.and_then(|one| one.title.clone())
        };
        Self {
            count: found.len(),
            bound: title(record.conversation()),
            resumed: title(record.resume_from.as_deref()),
        }
    }
}

/// Looks soon after a session is another one than before, and after its turns; however many there are, now and then only.
pub(super) async fn run(sessions: Sessions, mut events: Reader<Event>) {
    let mut seen: HashMap<String, Vec<Option<String>>> = HashMap::new();
    let mut due: BTreeSet<String> = BTreeSet::new();
    let mut next = Instant::now();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(next), if !due.is_empty() => {
                sessions.look_up(std::mem::take(&mut due)).await;
                next = Instant::now() + PAUSE;
                continue;
            }
        };
        match event {
            Next::Item(_, event) => match &*event {
                Event::Session { session } => {
                    let sight = sight(session);
                    if seen.get(&session.name) != Some(&sight) {
                        seen.insert(session.name.clone(), sight);
                        due.insert(session.name.clone());
                    }
                }
                Event::Turn { turn } if turn.state.is_final() => {
                    due.insert(turn.session.clone());
                }
                Event::SessionGone { name } => {
                    seen.remove(name);
                    lock(&sessions.0.stored).remove(name);
                }
                _ => {}
            },
            Next::Missed(_) => {
                let all = sessions.list().await.unwrap_or_default();
                due.extend(all.into_iter().map(|session| session.name));
            }
        }
    }
}

/// What of a session decides where its conversations are, and which it names.
fn sight(session: &SessionView) -> Vec<Option<String>> {
    vec![
        Some(session.agent.clone()),
        Some(session.cwd.clone()),
        Some(session.created_at.clone()),
        Some(session.state.as_str().to_owned()),
        session.bound_conversation_id.clone(),
        session.resume_from.clone(),
    ]
}

impl Sessions {
    /// What is known of a session's stored conversations.
    pub(super) fn stored(&self, name: &str) -> Stored {
        lock(&self.0.stored).get(name).cloned().unwrap_or_default()
    }

    /// Keeps what was found, and has it told if it is news.
    pub(super) fn keep_stored(&self, name: &str, stored: &Stored) {
        let before = lock(&self.0.stored).insert(name.to_owned(), stored.clone());
        if before.unwrap_or_default() != *stored {
            self.0.records.touch();
        }
    }

    /// Looks what some sessions have stored, once for all who have it in the same place.
    async fn look_up(&self, names: BTreeSet<String>) {
        let mut shelves: Vec<((Store, Place), Vec<SessionRecord>)> = Vec::new();
        for name in names {
            let Ok(record) = self.record(&name).await else {
                continue;
            };
            let Ok((store, place)) = self.shelf(&record) else {
                continue;
            };
            let is_here =
                |(known, at): &(Store, Place)| *known == store && at.cwd == place.cwd && at.env == place.env;
            match shelves.iter_mut().find(|(shelf, _)| is_here(shelf)) {
                Some((_, records)) => records.push(record),
                None => shelves.push(((store, place), vec![record])),
            }
        }
        for ((store, place), records) in shelves {
            let found = self.read(move |history| history.list(store, &place)).await;
            for record in records {
                self.keep_stored(&record.name, &Stored::of(&record, &found));
            }
        }
    }
}
