//! Sessions that the configuration plans: started when the daemon comes up, and again when their programs end by
//! themselves.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use llmux_protocol::{
    PaneId,
    api::{SessionView, StartRequest, State},
};
use tokio::{
    sync::{Mutex, broadcast, watch},
    time::sleep,
};

use super::{Policy, SessionError, Sessions};
use crate::{
    config::{Planned, Restart},
    store::SessionRecord,
    tmux::ServerId,
};

/// How long the first new start waits; each further one waits twice as long,
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A program that ran for so long has not failed again and again.
const STEADY: Duration = Duration::from_mins(1);
/// After how many ends in a row it is left alone.
const ENOUGH: u32 = 5;

/// A program that ended by itself: nobody stopped, restarted or killed it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) server: ServerId,
    pub(super) pane: PaneId,
    pub(super) code: Option<i32>,
}

/// How often a program ended soon after its start.
struct Tries {
    soon: u32,
    started: Instant,
}

impl Sessions {
    /// Starts the planned sessions one after the other, and keeps to their restart policy for as long as the daemon lives.
    /// When another configuration is adopted, those that are new in it, or planned otherwise, are started too.
    pub(crate) fn keep_to_plan(&self) {
        let (ended, policies) = (self.0.ended.subscribe(), self.0.policy.subscribe());
        let plan = Arc::new(Plan {
            sessions: self.clone(),
            tries: Mutex::default(),
        });
        tokio::spawn(plan.clone().follow_policy(policies));
        tokio::spawn(plan.follow(ended));
    }

    /// Starts a program again that is still the session's last one, and over. Nothing happens if somebody was faster.
    async fn revive(&self, ended: &Ended) -> Result<Option<SessionView>, SessionError> {
        let _gate = self.gate(&ended.name).await;
        let is_over = |live: Arc<super::Live>| live.is(ended.server, ended.pane) && !live.runs();
        if !self.live(&ended.name).is_some_and(is_over) {
            return Ok(None);
        }
        self.respawn(&ended.name, true).await.map(Some)
    }

    /// Starts a session that is over as it is planned: what the plan does not say, its record says no longer.
    async fn start_as(&self, planned: &Planned) -> Result<(), SessionError> {
        let name = &planned.name;
        let _gate = self.gate(name).await;
        // Somebody may have been faster.
        if self.running(name).is_ok() {
            return Ok(());
        }
        let cwd = self.cwd(planned.cwd.as_deref())?;
        let (key, planned) = (name.clone(), planned.clone());
        let replan = move |records: &mut BTreeMap<String, SessionRecord>| {
            if let Some(record) = records.get_mut(&key) {
                record.cwd = cwd;
                record.flags = planned.flags;
                record.env = Some(planned.env).filter(|env| !env.is_empty());
                record.init_prompts = Some(planned.init_prompts).filter(|prompts| !prompts.is_empty());
            }
        };
        self.0.records.update(replan).await?;
        self.respawn(name, true).await.map(drop)
    }
}

struct Plan {
    sessions: Sessions,
    /// Held while something is started: a machine that comes up starts one agent at a time.
    tries: Mutex<HashMap<String, Tries>>,
}

impl Plan {
    async fn follow_policy(self: Arc<Self>, mut policies: watch::Receiver<Arc<Policy>>) {
        let mut before: Vec<Planned> = Vec::new();
        loop {
            let now = policies.borrow_and_update().planned.clone();
            let is_new = |planned: &&Planned| planned.auto_spawn && !before.contains(planned);
            self.bring_up(now.iter().filter(is_new)).await;
            before = now;
            if policies.changed().await.is_err() {
                return;
            }
        }
    }

    /// How a session is planned now.
    fn planned(&self, name: &str) -> Option<Planned> {
        let policy = self.sessions.policy();
        policy
            .planned
            .iter()
            .find(|planned| planned.name == name)
            .cloned()
    }

    async fn bring_up(self: &Arc<Self>, all: impl Iterator<Item = &Planned>) {
        for planned in all {
            if self.try_start(planned).await || planned.restart == Restart::Never {
                continue;
            }
            // What does not come up, or ends at once, is tried again as what ends later is.
            let (plan, planned) = (self.clone(), planned.clone());
            tokio::spawn(async move {
                while let Some(wait) = plan.next_wait(&planned.name).await {
                    sleep(wait).await;
                    // Planned otherwise by now: whoever brings that up tries for himself.
                    if plan.planned(&planned.name).as_ref() != Some(&planned)
                        || plan.try_start(&planned).await
                    {
                        return;
                    }
                }
                give_up(&planned.name);
            });
        }
    }

    /// Says whether it runs now.
    async fn try_start(&self, planned: &Planned) -> bool {
        let mut all = self.tries.lock().await;
        let started = self.start(planned).await;
        if let Some(tries) = all.get_mut(&planned.name) {
            tries.started = Instant::now();
        }
        if let Err(error) = &started {
            tracing::error!(name = planned.name, %error, "a planned session does not start");
        }
        started.is_ok()
    }

    /// Starts what does not run. What its record says is replaced by the plan; what runs is left as it is.
    async fn start(&self, planned: &Planned) -> Result<(), SessionError> {
        let known = match self.sessions.get(&planned.name).await {
            Ok(view) => view,
            Err(SessionError::NotFound { .. }) => {
                let request = StartRequest {
                    agent: planned.agent.clone(),
                    name: Some(planned.name.clone()),
                    cwd: planned.cwd.clone(),
                    flags: planned.flags.clone(),
                    init_prompts: Some(planned.init_prompts.clone()),
                    ..StartRequest::default()
                };
                let created = self.sessions.create_with(request, planned.env.clone()).await;
                return created.map(drop);
            }
            Err(error) => return Err(error),
        };
        if known.state == State::Running {
            return Ok(());
        }
        if known.agent != planned.agent {
            tracing::warn!(
                name = planned.name,
                is = known.agent,
                planned = planned.agent,
                "a session is planned with another agent than it has; it stays what it is"
            );
        }
        self.sessions.start_as(planned).await
    }

    async fn follow(self: Arc<Self>, mut ended: broadcast::Receiver<Ended>) {
        loop {
            match ended.recv().await {
                Ok(ended) => {
                    let plan = self.clone();
                    tokio::spawn(async move { plan.ended(ended).await });
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::error!(missed, "too many programs ended at once to start each again");
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    async fn ended(&self, ended: Ended) {
        let wanted = || {
            let planned = self.planned(&ended.name);
            planned.filter(|it| wants(it.restart, ended.code))
        };
        let Some(planned) = wanted() else {
            return;
        };
        let Some(wait) = self.next_wait(&planned.name).await else {
            return give_up(&planned.name);
        };
        sleep(wait).await;
        let mut tries = self.tries.lock().await;
        if wanted().is_none() {
            return;
        }
        match self.sessions.revive(&ended).await {
            Ok(Some(_)) => tracing::info!(name = planned.name, "a planned session was started again"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(name = planned.name, %error, "a planned session does not start again");
            }
        }
        if let Some(tries) = tries.get_mut(&planned.name) {
            tries.started = Instant::now();
        }
    }

    /// How long to wait before the next start; none if there were enough.
    async fn next_wait(&self, name: &str) -> Option<Duration> {
        let mut all = self.tries.lock().await;
        let tries = all.entry(name.to_owned()).or_insert_with(|| Tries {
            soon: 0,
            started: Instant::now(),
        });
        if tries.started.elapsed() >= STEADY {
            tries.soon = 0;
        }
        let wait = FIRST_WAIT
            .saturating_mul(1 << tries.soon.min(16))
            .min(LONGEST_WAIT);
        tries.soon += 1;
        (tries.soon <= ENOUGH).then_some(wait)
    }
}

fn give_up(name: &str) {
    tracing::error!(
        name,
        times = ENOUGH,
        "a planned session ends again and again; it is left alone"
    );
}

/// Whether a policy wants a program again that ended so. An end that nobody saw, as when tmux went, was no success.
fn wants(policy: Restart, code: Option<i32>) -> bool {
    match policy {
        Restart::Always => true,
        Restart::OnFailure => code != Some(0),
        Restart::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_which_ends_it_minds() {
        let wanted = |policy| [Some(0), Some(1), None].map(|code| wants(policy, code));
        assert_eq!(wanted(Restart::Always), [true, true, true]);
        assert_eq!(wanted(Restart::OnFailure), [false, true, true]);
        assert_eq!(wanted(Restart::Never), [false, false, false]);
    }
}
