//! Sessions: agents in named tmux sessions, and the registry that remembers them.
//!
//! What a session is stands in `sessions.json`; whether it runs stands in tmux. The daemon holds neither: it follows
//! both, and a new daemon finds the same sessions again.

mod announce;
mod binding;
mod directories;
mod edit;
mod error;
mod history;
mod hooks;
mod input;
mod keeper;
mod limit;
mod plan;
mod prepare;
mod program;
mod records;
mod resume;
mod size;
mod start;
mod stop;
mod stored;
mod transcript;
mod tree;
mod view;

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use llmux_protocol::{
    PaneId, SessionId, WindowId,
    api::{ActivityState, AgentView, Event, ScreenView, SessionView, Until, WaitOutcome},
};
use tokio::{
    sync::{OwnedMutexGuard, broadcast, watch},
    time::timeout,
};

pub(crate) use self::{
    binding::{Binding, Bound, Named},
    error::SessionError,
    input::{Input, Typist, is_blank, prompt_bytes},
    program::{Follower, Program, ProgramId},
    size::{Holder, Presence, Sizing, State as AudienceState, Viewer},
    transcript::{Reading, Told},
};
use self::{plan::Ended, records::Records, size::Audience, stored::Stored, tree::Process};
use crate::{
    agent::{Agent, Catalog, ProgramSearch, Rules, Sight, history::History, parse_keys, transcript::Watch},
    bus::Bus,
    config::{Environment, Limits, Planned, Restart},
    nearest::near,
    pane::{Condition, Life, Pane, Seen, Subscription, exit_evidence},
    store::SessionRecord,
    tmux::{ServerId, Tmux},
};

/// The largest prompt.
pub(crate) const MAX_PROMPT_BYTES: usize = 1 << 20;
/// A ready screen counts as idle when it stayed so: right after Enter it still looks ready.
const IDLE_HOLD: Duration = Duration::from_millis(400);
/// From how many locks on those that nobody uses are forgotten: names that were only asked for must not pile up.
const MANY_GATES: usize = 64;
/// How many ends may wait for whoever follows them.
const ENDED_QUEUE: usize = 256;
/// What counts as idle for an agent without a ready rule.
const IDLE_QUIET: Duration = Duration::from_secs(1);

/// What sessions need to know of their surroundings.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The environment the daemon was started in.
    pub(crate) environment: Environment,
    /// This program, which panes run as `llmux run`.
    pub(crate) exe: PathBuf,
    /// A private directory for large pastes.
    pub(crate) spool: PathBuf,
    /// The directory that holds one directory a program, with its hooks.
    pub(crate) hooks: PathBuf,
    /// The socket by which any daemon of this state directory is found.
    pub(crate) door: PathBuf,
    /// What tells this daemon's panes from those of another state directory on the same tmux server.
    pub(crate) owner: String,
    /// The process's watcher of directories.
    pub(crate) watch: Watch,
    /// Where it is told what becomes of sessions.
    pub(crate) events: Bus<Event>,
}

/// What the configuration says of sessions. What runs already stays as it is.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// The agents that can be started.
    pub(crate) catalog: Catalog,
    /// Whether agents are asked to mark the end of each reply.
    pub(crate) markers: bool,
    /// The sessions that are kept up.
    pub(crate) planned: Vec<Planned>,
    /// The most that may run, and the most viewers of one.
    pub(crate) limits: Limits,
}

impl Policy {
    /// What happens when a session's program ends by itself; nothing, if it is not planned.
    fn restart_of(&self, name: &str) -> Restart {
        let planned = self.planned.iter().find(|planned| planned.name == name);
        planned.map_or(Restart::Never, |planned| planned.restart)
    }
}

/// A handle on all sessions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Inner>);

struct Inner {
    tmux: Tmux,
    policy: watch::Sender<Arc<Policy>>,
    programs: ProgramSearch,
    setting: Setting,
    follower: Arc<dyn Follower>,
    records: Records,
    history: Arc<History>,
    stored: Mutex<HashMap<String, Stored>>,
    live: Mutex<HashMap<String, Arc<Live>>>,
    /// The names of those that are being started.
    starting: Mutex<BTreeSet<String>>,
    /// One lock a name: starting, stopping and changing a session exclude each other.
    gates: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Whether the first look at tmux is done.
    synced: watch::Sender<bool>,
    /// Counts the programs that were started or found.
    begun: watch::Sender<u64>,
    /// Counts what became known of their conversations: what one is in, another is not.
    bound: watch::Sender<u64>,
    /// Counts the new names of sessions.
    renamed: watch::Sender<u64>,
    /// Programs that ended by themselves.
    ended: broadcast::Sender<Ended>,
}

/// A session's pane, from its start until it is started again or forgotten.
#[derive(Clone)]
struct Live {
    server: ServerId,
    session: SessionId,
    /// Whether that is the session llmux made for it, and not one of a human's, who moved the pane there.
    home: bool,
    window: WindowId,
    id: PaneId,
    /// The process tmux started in the pane. Who has its number later is a stranger.
    root: Process,
    pane: Pane,
    input: Input,
    /// The conversation it is in.
    binding: Binding,
    audience: Audience,
    /// What did not work when it was started.
    warnings: Arc<[String]>,
}

/// What a viewer of a session works with.
pub(crate) struct View {
    pub(crate) program: ProgramId,
    pub(crate) pane: Pane,
    pub(crate) subscription: Subscription,
    pub(crate) input: Input,
    pub(crate) presence: Presence,
    pub(crate) sizing: Sizing,
}

impl Live {
    fn program(&self) -> ProgramId {
        ProgramId {
            server: self.server,
            pane: self.id,
        }
    }

    fn runs(&self) -> bool {
        !matches!(*self.pane.life().borrow(), Life::Ended(_))
    }

    fn is(&self, server: ServerId, pane: PaneId) -> bool {
        self.server == server && self.id == pane
    }
}

impl Sessions {
    /// Starts to follow tmux and the registry.
    pub(crate) fn start(
        tmux: Tmux,
        policy: Policy,
        registry: PathBuf,
        setting: Setting,
        follower: Arc<dyn Follower>,
    ) -> Self {
        let sessions = Self(Arc::new(Inner {
            tmux,
            policy: watch::Sender::new(Arc::new(policy)),
            programs: ProgramSearch::new(&setting.environment),
            setting,
            follower,
            records: Records::new(registry),
            history: Arc::default(),
            stored: Mutex::default(),
            live: Mutex::default(),
            starting: Mutex::default(),
            gates: Mutex::default(),
            synced: watch::channel(false).0,
            begun: watch::channel(0).0,
            bound: watch::channel(0).0,
            renamed: watch::channel(0).0,
            ended: broadcast::channel(ENDED_QUEUE).0,
        }));
        tokio::spawn(keeper::run(sessions.clone()));
        let (touched, events) = (sessions.0.records.touched(), sessions.0.setting.events.clone());
        // Before the first is told of.
        tokio::spawn(stored::run(sessions.clone(), events.read(None)));
        tokio::spawn(announce::run(sessions.clone(), touched, events));
        sessions
    }

    /// Waits until sessions that were running are found again.
    pub(crate) async fn synced(&self) {
        // The sender lives in `self`.
        let _ = self.0.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Whether tmux answers.
    pub(crate) fn is_connected(&self) -> bool {
        self.0.tmux.status().borrow().connected
    }

    /// Waits until the session of a program has another name than `known`, and says it. Cancel safe.
    pub(crate) async fn renamed(&self, program: ProgramId, known: &str) -> String {
        let mut renamed = self.0.renamed.subscribe();
        loop {
            let now = self.of_pane(program.server, program.pane);
            if let Some((now, _)) = now.filter(|(now, _)| now != known) {
                return now;
            }
            // The sender lives in `self`.
            let _ = renamed.changed().await;
        }
    }

    /// What runs in a session, for [`Sessions::renamed`].
    pub(crate) fn program_in(&self, name: &str) -> Option<ProgramId> {
        self.live(name).map(|live| live.program())
    }

    /// All agents as the API shows them.
    pub(crate) fn agents(&self) -> Vec<AgentView> {
        let environment = &self.0.setting.environment;
        let search = self.0.programs.refreshed();
        self.policy()
            .catalog
            .all()
            .map(|agent| agent.view(agent.installed(search, environment)))
            .collect()
    }

    /// How many sessions were known at the last look, and how many run.
    pub(crate) fn count(&self) -> (usize, usize) {
        let running = lock(&self.0.live).values().filter(|live| live.runs()).count();
        (self.0.records.known(), running)
    }

    /// All sessions, the youngest first.
    pub(crate) async fn list(&self) -> Result<Vec<SessionView>, SessionError> {
        let records = self.0.records.all().await?;
        let mut views: Vec<SessionView> = records.values().map(|record| self.view(record)).collect();
        views.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.name.cmp(&b.name)));
        Ok(views)
    }

    /// One session, by its exact name.
    pub(crate) async fn get(&self, name: &str) -> Result<SessionView, SessionError> {
        Ok(self.view(&self.record(name).await?))
    }

    /// What a session shows; after its program ended, what it showed last.
    pub(crate) async fn screen(&self, name: &str) -> Result<ScreenView, SessionError> {
        self.record(name).await?;
        let live = self.live(name).ok_or_else(|| SessionError::not_running(name))?;
        let look = live
            .pane
            .look()
            .await
            .map_err(|_| SessionError::not_running(name))?;
        Ok(view::screen(name, look))
    }

    /// Presses a key in a session, by its name; between what others type, never inside it.
    pub(crate) async fn press(&self, name: &str, key: &str) -> Result<(), SessionError> {
        let presses = parse_keys(key)?;
        let [press] = presses.as_slice() else {
            return Err(SessionError::Keys(key.to_owned()));
        };
        self.record(name).await?;
        let live = self.running(name)?;
        live.input.claim().await.keys(press).await
    }

    /// Subscribes to a session's screen and output.
    pub(crate) fn subscribe(&self, name: &str, from: Option<u64>) -> Result<Subscription, SessionError> {
        Ok(self.running(name)?.pane.subscribe(from))
    }

    /// Lets a viewer look at a session. `at` is where he was before: an epoch and the number of the next byte.
    pub(crate) async fn view_by(
        &self,
        name: &str,
        viewer: Viewer,
        at: Option<(&str, u64)>,
    ) -> Result<View, SessionError> {
        self.record(name).await?;
        let live = self.running(name)?;
        let from = at.filter(|(epoch, _)| *epoch == live.pane.epoch());
        let (presence, sizing) = self.join(&live, viewer)?;
        Ok(View {
            program: live.program(),
            subscription: live.pane.subscribe(from.map(|(_, seq)| seq)),
            pane: live.pane.clone(),
            input: live.input.clone(),
            presence,
            sizing,
        })
    }

    /// Waits for a condition on a session.
    pub(crate) async fn wait(
        &self,
        name: &str,
        until: Until,
        at_most: Option<Duration>,
    ) -> Result<WaitOutcome, SessionError> {
        let record = self.record(name).await?;
        let live = match (&until, self.live(name)) {
            // Its end came before this daemon did.
            (Until::Exit, None) => {
                let code = record.exit.and_then(|exit| exit.code);
                return Ok(outcome(
                    name,
                    Seen {
                        evidence: exit_evidence(code),
                        seq: 0,
                    },
                ));
            }
            (Until::Exit, Some(live)) => live,
            (_, live) => live
                .filter(|live| live.runs())
                .ok_or_else(|| SessionError::not_running(name))?,
        };
        let waiting = live.pane.wait(self.condition(&record, until)?);
        let seen = match at_most {
            None => waiting.await,
            Some(at_most) => timeout(at_most, waiting)
                .await
                .map_err(|_| SessionError::WaitTimeout {
                    name: name.to_owned(),
                    ms: u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX),
                })?,
        };
        let seen = seen.map_err(|error| SessionError::from_wait(name, error))?;
        Ok(outcome(name, seen))
    }

    fn condition(&self, record: &SessionRecord, until: Until) -> Result<Condition, SessionError> {
        Ok(match until {
            Until::Quiet { ms } => Condition::Quiet(Duration::from_millis(ms)),
            Until::Exit => Condition::Ended,
            Until::Text { regex: text } => {
                let regex = regex::Regex::new(&text).map_err(|source| SessionError::BadRegex {
                    text,
                    source: Box::new(source),
                })?;
                let test = move |rows: &[Arc<str>]| {
                    let found = rows.iter().find(|row| regex.is_match(row));
                    found.map(ToString::to_string)
                };
                Condition::Screen {
                    test: Box::new(test),
                    hold: Duration::ZERO,
                }
            }
            Until::Idle | Until::Ready => match self
                .policy()
                .catalog
                .find(&record.agent)
                .map(|agent| agent.rules.clone())
                .filter(Rules::knows_ready)
            {
                None => Condition::Quiet(IDLE_QUIET),
                Some(rules) => Condition::Screen {
                    test: Box::new(move |rows| ready_evidence(&rules, rows)),
                    hold: IDLE_HOLD,
                },
            },
        })
    }

    // === What the other files of this room share ===

    /// Locks a name until the guard is dropped.
    async fn gate(&self, name: &str) -> OwnedMutexGuard<()> {
        let gate = {
            let mut gates = lock(&self.0.gates);
            if gates.len() >= MANY_GATES {
                // Nobody holds or waits for these.
                gates.retain(|_, gate| Arc::strong_count(gate) > 1);
            }
            gates.entry(name.to_owned()).or_default().clone()
        };
        gate.lock_owned().await
    }

    /// Locks two names, always in the same order: two renames that swap names would wait for each other for ever.
    async fn gates(
        &self,
        one: &str,
        other: Option<&str>,
    ) -> (OwnedMutexGuard<()>, Option<OwnedMutexGuard<()>>) {
        match other {
            None => (self.gate(one).await, None),
            Some(other) => {
                let first = self.gate(one.min(other)).await;
                (first, Some(self.gate(one.max(other)).await))
            }
        }
    }

    fn is_gated(&self, name: &str) -> bool {
        lock(&self.0.gates)
            .get(name)
            .is_some_and(|gate| gate.try_lock().is_err())
    }

    fn live(&self, name: &str) -> Option<Arc<Live>> {
        lock(&self.0.live).get(name).cloned()
    }

    /// The session of a pane, by the name it has now.
    fn of_pane(&self, server: ServerId, pane: PaneId) -> Option<(String, Arc<Live>)> {
        lock(&self.0.live)
            .iter()
            .find(|(_, live)| live.is(server, pane))
            .map(|(name, live)| (name.clone(), live.clone()))
    }

    fn running(&self, name: &str) -> Result<Arc<Live>, SessionError> {
        self.live(name)
            .filter(|live| live.runs())
            .ok_or_else(|| SessionError::not_running(name))
    }

    /// Says whether a session's program runs.
    pub(crate) async fn check_running(&self, name: &str) -> Result<(), SessionError> {
        self.record(name).await?;
        self.running(name).map(drop)
    }

    async fn record(&self, name: &str) -> Result<SessionRecord, SessionError> {
        let records = self.0.records.all().await?;
        match records.get(name) {
            Some(record) => Ok(record.clone()),
            None => Err(SessionError::NotFound {
                name: name.to_owned(),
                near: owned(near(name, records.keys().map(String::as_str))),
            }),
        }
    }

    /// An agent of the catalog, as it is now.
    pub(crate) fn agent(&self, key: &str) -> Result<Arc<Agent>, SessionError> {
        let policy = self.policy();
        let found = policy.catalog.find(key).cloned();
        found.ok_or_else(|| SessionError::UnknownAgent {
            key: key.to_owned(),
            near: owned(policy.catalog.near(key)),
        })
    }

    /// Goes by another configuration from now on.
    pub(crate) fn adopt(&self, policy: Policy) {
        self.0.policy.send_replace(Arc::new(policy));
        self.0.records.touch();
    }

    fn policy(&self) -> Arc<Policy> {
        self.0.policy.borrow().clone()
    }

    /// What marks a pane as this daemon's: the owner, the session's name, and the key with which its wrapper signs.
    fn tag(&self, name: &str, key: &str) -> String {
        format!("{}:{name}:{key}", self.0.setting.owner)
    }

    /// The name and the key in a tag of ours.
    fn read_tag<'a>(&self, tag: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = tag.strip_prefix(&self.0.setting.owner)?.strip_prefix(':')?;
        // A name of an old file may hold anything, a key only digits.
        rest.rsplit_once(':')
    }
}

fn outcome(name: &str, seen: Seen) -> WaitOutcome {
    WaitOutcome {
        ok: true,
        name: name.to_owned(),
        evidence: seen.evidence,
        seq: seen.seq,
        failed_init: None,
    }
}

/// What shows that the screen is ready for a prompt, if it is.
fn ready_evidence(rules: &Rules, rows: &[Arc<str>]) -> Option<String> {
    let sight = Sight {
        rows,
        bright: rows,
        title: "",
        cursor: None,
    };
    let seen = rules.screen(&sight)?;
    (seen.state == ActivityState::Ready).then_some(seen.detail)
}

fn owned(words: Vec<&str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// Locks what no panic can leave half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
