//! Ending sessions: the whole process tree, in bounded time, and nothing that is not in it.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use llmux_protocol::{
    api::{SessionView, State, Stopped},
    control::Command,
};
use rustix::process::Signal;
use tokio::time::timeout;

use super::{
    Live, SessionError, Sessions, lock,
    tree::{self, Birthplace, Process},
};
use crate::{
    pane::Condition,
    store::{SessionRecord, time},
};

/// How long an agent may take to leave by its own exit keys; some save their state then.
const EXIT_KEYS_PATIENCE: Duration = Duration::from_millis(1500);
/// How long one exit key may take before the next is typed: some agents want two, and forget the first soon.
const KEY_PATIENCE: Duration = Duration::from_millis(250);
/// What asks a program to leave: a shell leaves on HUP, not on TERM, and a stopped one hears nothing before CONT.
const POLITE: [Signal; 3] = [Signal::HUP, Signal::TERM, Signal::CONT];
/// How long processes may take after TERM.
const TERM_PATIENCE: Duration = Duration::from_millis(1500);
/// How long the wrapper may take to say how its program ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the kernel may take to end what was killed.
const KILL_PATIENCE: Duration = Duration::from_secs(2);
/// How often what is left is killed at most.
const KILL_ROUNDS: usize = 10;
/// How long an ended pane may take to leave the model.
const GONE_PATIENCE: Duration = Duration::from_secs(5);

/// What became of a session whose record can't be written between its end and its next start.
pub(super) const NOT_STARTED_AGAIN: &str = "has ended, and was not started again";

impl Sessions {
    /// Ends a session's program. With `forget` its record goes too; with `cascade`, so do the sessions it started, and
    /// theirs.
    pub(crate) async fn stop(
        &self,
        name: &str,
        forget: bool,
        cascade: bool,
    ) -> Result<Stopped, SessionError> {
        let records = self.0.records.all().await?;
        self.record(name).await?;
        let names = if cascade {
            descendants(name, &records)
        } else {
            vec![name.to_owned()]
        };
        let status = if self.running(name).is_ok() {
            State::Running
        } else {
            State::Exited
        };
        for name in &names {
            let _gate = self.gate(name).await;
            self.end(name).await;
            if forget {
                let key = name.clone();
                let forgotten = self.0.records.update(move |records| records.remove(&key)).await;
                forgotten
                    .map_err(|error| error.though(name, "has ended, but its record could not be removed"))?;
                lock(&self.0.live).remove(name);
            }
        }
        Ok(Stopped {
            ok: true,
            status,
            names,
        })
    }

    /// Ends a session's program, if it runs, and starts it again as the record says.
    ///
    /// `init`: its init prompts are typed again.
    pub(crate) async fn restart(&self, name: &str, init: bool) -> Result<SessionView, SessionError> {
        let _gate = self.gate(name).await;
        self.respawn(name, init).await
    }

    /// [`Sessions::restart`] for a caller that holds the gate.
    pub(super) async fn respawn(&self, name: &str, init: bool) -> Result<SessionView, SessionError> {
        let mut record = self.record(name).await?;
        // What can be known to be wrong is found before anything is ended.
        self.check_startable(&record)?;
        // One that nobody holds is what somebody left behind.
        let live = self.live(name).filter(|live| live.audience.is_held());
        let size = live.map(|live| live.pane.size());
        self.pin(&mut record)?;
        self.end(name).await;
        let pinned = record.clone();
        // Written before the launch: a daemon that dies in between must not take the new conversation for the old one.
        let repinned = self.0.records.update(move |records| {
            if let Some(record) = records.get_mut(&pinned.name) {
                record.external_session_id = pinned.external_session_id;
                record.external_session_by = pinned.external_session_by;
            }
        });
        repinned
            .await
            .map_err(|error| error.though(name, NOT_STARTED_AGAIN))?;
        record.created_at = time::now();
        record.exit = None;
        self.mark(&mut record)?;
        self.launch(&record, size.unwrap_or(super::start::DEFAULT_SIZE), init)
            .await?;
        let started = record.clone();
        let noted = self.0.records.update(move |records| {
            if let Some(record) = records.get_mut(&started.name) {
                record.created_at = started.created_at;
                record.turnq_marker = started.turnq_marker;
                record.exit = None;
            }
        });
        noted
            .await
            .map_err(|error| error.though(name, "was started again, but its record could not be written"))?;
        self.get(name).await
    }

    /// Ends what runs under a name. The caller holds the gate.
    pub(super) async fn end(&self, name: &str) {
        if let Some(live) = self.live(name) {
            // Looked at first: once the program has left, its children are nobody's.
            let before = live.processes();
            if live.runs() {
                self.leave_by_keys(name, &live).await;
            }
            self.end_processes(&live, before).await;
        }
    }

    /// Types the agent's own exit keys, where the catalog knows some, and waits a little for it to go.
    async fn leave_by_keys(&self, name: &str, live: &Live) {
        let Ok(record) = self.record(name).await else {
            return;
        };
        let Some(keys) = self
            .policy()
            .catalog
            .find(&record.agent)
            .map(|agent| agent.exit_keys.clone())
        else {
            return;
        };
        let leave = async {
            for key in keys {
                let ended = live.pane.wait(Condition::Ended);
                if live.input.claim().await.keys(&key).await.is_err()
                    || timeout(KEY_PATIENCE, ended).await.is_ok()
                {
                    return;
                }
            }
            let _ = live.pane.wait(Condition::Ended).await;
        };
        let _ = timeout(EXIT_KEYS_PATIENCE, leave).await;
    }

    /// Ends the processes of a pane, and its window.
    pub(super) async fn end_pane(&self, live: &Live) {
        self.end_processes(live, Vec::new()).await;
    }

    /// [`Sessions::end_pane`], together with the processes that were there `before`.
    async fn end_processes(&self, live: &Live, before: Vec<Process>) {
        let processes = live.processes_and(before);
        // The first is the wrapper, which says how its program ended if it is let live so long.
        let (first, agent): (Vec<Process>, Vec<Process>) =
            processes.iter().partition(|&&process| process == live.root);
        tree::signal(&agent, &POLITE);
        if !tree::wait_gone(&agent, TERM_PATIENCE).await {
            tree::signal(&agent, &[Signal::KILL]);
            tree::wait_gone(&agent, KILL_PATIENCE).await;
        }
        if live.runs()
            && timeout(LAST_WORDS, live.pane.wait(Condition::Ended))
                .await
                .is_err()
        {
            // It is the program itself, of a session that the Node program started.
            tree::signal(&first, &POLITE);
            tree::wait_gone(&first, TERM_PATIENCE).await;
        }
        self.close_pane(live).await;
        let mut left = processes;
        for _ in 0..KILL_ROUNDS {
            // Some start others when one of theirs ends.
            left = live.processes_and(left);
            tree::signal(&left, &[Signal::KILL]);
            if !tree::wait_gone(&left, KILL_PATIENCE).await {
                tracing::warn!(pane = %live.id, "processes of an ended session do not go away");
                break;
            }
            if live.processes().is_empty() {
                break;
            }
        }
        self.wait_pane_gone(live).await;
    }

    /// Takes a pane away from tmux. What is gone already is what is wanted.
    async fn close_pane(&self, live: &Live) {
        let run = |command: Command| self.0.tmux.run(live.server, command);
        if live.home {
            let _ = run(Command::KillSession(live.session)).await;
            // It outlives its session, because it is linked into the hub.
            let _ = run(Command::KillWindow(live.window)).await;
        } else {
            let _ = run(Command::KillPane(live.id)).await;
        }
    }

    /// Waits until the model lacks the pane: else its name would look taken.
    async fn wait_pane_gone(&self, live: &Live) {
        let mut model = self.0.tmux.model();
        let gone = model.wait_for(|model| model.server != live.server || !model.panes.contains_key(&live.id));
        let _ = timeout(GONE_PATIENCE, gone).await;
    }
}

impl Live {
    fn processes(&self) -> Vec<Process> {
        let birthplace = Birthplace {
            server: self.server,
            pane: self.id,
        };
        tree::of_pane(self.root, birthplace)
    }

    /// What runs now, and what was known before.
    fn processes_and(&self, before: Vec<Process>) -> Vec<Process> {
        let mut all = self.processes();
        let known: HashSet<Process> = all.iter().copied().collect();
        all.extend(before.into_iter().filter(|process| !known.contains(process)));
        all
    }
}

/// A session and all that it started, parents first. A ring of parents in the file ends nothing twice.
fn descendants(name: &str, records: &BTreeMap<String, SessionRecord>) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let mut next = 0;
    while let Some(parent) = names.get(next).cloned() {
        let children = records
            .values()
            .filter(|record| record.parent.as_deref() == Some(&parent));
        let new = children
            .map(|record| record.name.clone())
            .filter(|name| !names.contains(name))
            .collect::<Vec<_>>();
        names.extend(new);
        next += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cascade_takes_children_and_theirs_even_in_a_ring() {
        let record = |name: &str, parent: Option<&str>| {
            let mut record = SessionRecord::new(name, "demo", "/");
            record.parent = parent.map(str::to_owned);
            (name.to_owned(), record)
        };
        let records = BTreeMap::from([
            record("a", Some("c")),
            record("b", Some("a")),
            record("c", Some("b")),
            record("other", None),
        ]);
        assert_eq!(descendants("a", &records), ["a", "b", "c"]);
        assert_eq!(descendants("other", &records), ["other"]);
    }
}
