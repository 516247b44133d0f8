//! What looks for a program's conversation.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use llmux_protocol::api::BoundBy;
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use super::{
    Bound, Fact,
    evidence::{Found, Named, Question, Said},
};
use crate::{
    agent::{
        history::{Place, Store},
        transcript::Listener,
    },
    session::{ProgramId, Sessions, lock, tree},
};

/// How soon it is looked again after a look that found nothing, at first and at last: a store may change all the time.
const LOOK_AFTER: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for one program's conversation, as long as somebody may tell it something.
pub(super) struct Task {
    sessions: Sessions,
    id: ProgramId,
    store: Store,
    place: Place,
    said: Arc<Mutex<Vec<Said>>>,
    bound: watch::Sender<Bound>,
    /// Counts what becomes known of other programs.
    others: watch::Receiver<u64>,
    /// The conversation that was left for a new one. Its file may be open for a while.
    left: Option<String>,
    /// Hears of changes in the store, while it is looked for something there.
    ear: Option<Listener>,
    /// When it may be looked again, and after how long if that finds nothing.
    next: Instant,
    pause: Duration,
}

impl Task {
    pub(super) fn new(
        sessions: &Sessions,
        id: ProgramId,
        (store, place): (Store, Place),
        said: Arc<Mutex<Vec<Said>>>,
        bound: watch::Sender<Bound>,
    ) -> Self {
        Self {
            sessions: sessions.clone(),
            id,
            store,
            place,
            said,
            bound,
            others: sessions.0.bound.subscribe(),
            left: None,
            ear: None,
            next: Instant::now(),
            pause: LOOK_AFTER,
        }
    }

    pub(super) async fn run(mut self, mut facts: mpsc::Receiver<Fact>) {
        loop {
            let fact = tokio::select! {
                fact = facts.recv() => match fact {
                    Some(fact) => Some(fact),
                    None => return,
                },
                () = heard(self.ear.as_ref(), &mut self.others, self.next) => None,
            };
            match fact {
                Some(Fact::Missing) => self.begin_to_look().await,
                Some(Fact::Rested) => self.look(None).await,
                Some(Fact::Named(named)) => self.named(&named).await,
                Some(Fact::Left(known)) => {
                    self.left = self.bound.borrow().id.clone();
                    self.bind(Bound::default()).await;
                    let _ = known.send(());
                    self.begin_to_look().await;
                }
                None => self.look_again().await,
            }
        }
    }

    /// Looks for the prompt that was typed last, until it is found.
    async fn begin_to_look(&mut self) {
        self.pause = LOOK_AFTER;
        let mut ear = self.sessions.0.setting.watch.listen();
        let (store, place) = (self.store, self.place.clone());
        let listening = self.sessions.read(move |history| {
            // Before the first look: what comes between them is heard.
            ear.set(history.dirs(store, &place).iter().map(PathBuf::as_path));
            Some(ear)
        });
        self.ear = listening.await;
        self.look_again().await;
    }

    async fn look_again(&mut self) {
        let last = lock(&self.said).last().cloned();
        self.look(last).await;
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LOOK_EVERY);
    }

    async fn look(&mut self, last: Option<Said>) {
        let bound = self.bound.borrow().clone();
        // Whom a hook or a pin tells, a file that his tools write tells nothing.
        let is_sure = matches!(bound.by, Some(BoundBy::Hook | BoundBy::Pin)) && bound.id.is_some();
        let by_file = self.store.has_a_file_each() && !is_sure;
        if last.is_none() && !by_file {
            return;
        }
        let root = by_file
            .then(|| self.sessions.of_pane(self.id.server, self.id.pane))
            .flatten();
        let root = root.map(|(_, live)| live.root);
        let is_command = last.as_ref().is_some_and(Said::is_command);
        let until = last.as_ref().map(Said::at);
        let mut others = self.sessions.others(self.id, self.store);
        others.taken.extend(self.left.clone());
        let question = Question {
            store: self.store,
            place: self.place.clone(),
            bound,
            last,
            others,
            written: HashSet::new(),
        };
        let history = self.sessions.0.history.clone();
        let found = spawn_blocking(move || {
            let written = root.map(tree::written_files).unwrap_or_default();
            Question { written, ..question }.ask(&history)
        });
        match found.await {
            Ok(Found::Other(bound)) => {
                self.bind(bound).await;
                self.rest(until);
            }
            Ok(Found::Same) => self.rest(until),
            // An agent need not write down what is a command to itself.
            Ok(Found::Nothing) if is_command && self.bound.borrow().id.is_some() => self.rest(until),
            Ok(Found::Nothing) => {}
            Err(error) => tracing::error!(%error, "could not look for a session's conversation"),
        }
    }

    async fn named(&mut self, named: &Named) {
        let bound = self.bound.borrow().clone();
        if bound.id.as_ref() == Some(&named.id) || !named.is_told(&bound, &lock(&self.said)) {
            return;
        }
        if self
            .sessions
            .others(self.id, self.store)
            .taken
            .contains(&named.id)
        {
            return;
        }
        self.bind(Bound {
            id: Some(named.id.clone()),
            by: Some(BoundBy::Hook),
        })
        .await;
    }

    async fn bind(&mut self, bound: Bound) {
        if !self.sessions.note_bound(self.id, &bound).await {
            return;
        }
        if bound.id.is_some() {
            self.left = None;
        }
        tracing::info!(pane = %self.id.pane, id = bound.id, by = ?bound.by, "a session is in another conversation");
        self.bound.send_replace(bound);
        self.sessions.0.bound.send_modify(|bound| *bound += 1);
    }

    /// All that was said until then stands where it should. A later prompt may be on its way.
    fn rest(&mut self, until: Option<SystemTime>) {
        let mut said = lock(&self.said);
        said.retain(|said| until.is_some_and(|until| said.at() > until));
        self.ear = None;
    }
}

/// Waits until it may be looked again, and for a change in the store or in what is known of others. Cancel safe: a change is
/// kept until it is waited for.
async fn heard(ear: Option<&Listener>, others: &mut watch::Receiver<u64>, next: Instant) {
    let Some(ear) = ear else {
        return std::future::pending().await;
    };
    sleep_until(next).await;
    tokio::select! {
        () = ear.changed() => {}
        // The sender lives in the sessions, which the task holds.
        _ = others.changed() => {}
    }
}
