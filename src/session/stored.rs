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
    agent::history::Conversation,
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
                for name in std::mem::take(&mut due) {
                    sessions.look_up(&name).await;
                }
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

    async fn look_up(&self, name: &str) {
        let Ok(record) = self.record(name).await else {
            return;
        };
        let Ok((store, place)) = self.shelf(&record) else {
            return;
        };
        let found = self.read(move |history| history.list(store, &place)).await;
        self.keep_stored(name, &Stored::of(&record, &found));
    }
}
