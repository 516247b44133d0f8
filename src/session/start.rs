//! Starting a session's program, and making sure that it runs.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use llmux_protocol::{
    SessionId, SessionName,
    api::{BoundBy, ResumeRequest, SessionView, StartRequest},
    control::{Command, CommandLine, PaneTarget, Reply, SessionTarget, WindowTarget},
};
use tokio::time::timeout;

use super::{
    Live, SessionError, Sessions,
    binding::Binding,
    input::{Destination, Input},
    keeper, lock,
    program::{Program, ProgramId},
    size::Audience,
    tree::Process,
};
use crate::{
    agent::{Agent, history::Conversation, hooks::SetUp, transcript::random_id},
    pane::{Condition, Life, Pane, WaitError},
    screen::Size,
    store::SessionRecord,
    tmux::{RunError, ServerId},
};

/// A new pane's size, until somebody with a terminal comes.
pub(super) const DEFAULT_SIZE: Size = Size { cols: 120, rows: 40 };
/// Stands in the environment of each tmux session that was ever ours: a pane without a tag in there is a human's.
pub(super) const OWNER: &str = "LLMUX_OWNER";
/// How long a program without a ready rule must have been silent after its first output to count as started.
const SETTLED: Duration = Duration::from_millis(60);
/// How long at most a start waits to see whether the program ends at once.
const WATCH_START: Duration = Duration::from_millis(500);

impl Sessions {
    /// Starts a new session. It is written down first and forgotten again if its program does not come up.
    pub(crate) async fn create(&self, request: StartRequest) -> Result<SessionView, SessionError> {
        let env = request.env.as_deref().map(read_env).transpose()?;
        self.create_with(request, env.unwrap_or_default()).await
    }

    /// [`Sessions::create`] with an environment whose values may hold anything; that of the request is passed over.
    pub(super) async fn create_with(
        &self,
        request: StartRequest,
        env: BTreeMap<String, String>,
    ) -> Result<SessionView, SessionError> {
        // An agent's key is the default name: a key that is no name is first of all no key.
        self.agent(&request.agent)?;
        let name: SessionName = request.name.as_deref().unwrap_or(&request.agent).parse()?;
        let _gate = self.gate(name.as_str()).await;
        let mut record = self.new_record(&name, &request, env)?;
        self.check_startable(&record)?;
        let resumed = self.resumed(&mut record, &request).await?;
        self.pin(&mut record)?;
        let size = request
            .size
            .map_or(DEFAULT_SIZE, |(cols, rows)| Size::new(cols, rows));
        self.reserve(&record).await?;
        let launched = match &resumed {
            Some(found) => self.launch_in(&record, size, found).await,
            None => self.launch(&record, size, !request.skip_init).await,
        };
        match launched {
            Ok(()) => self.get(name.as_str()).await,
            // Whether tmux started it is unknown; the next look tells, and the record is there for it.
            Err(error @ SessionError::Tmux(RunError::Disconnected | RunError::TimedOut)) => Err(error),
            Err(error) => {
                self.end(name.as_str()).await;
                lock(&self.0.live).remove(name.as_str());
                self.0
                    .records
                    .update(move |records| records.remove(name.as_str()))
                    .await?;
                Err(error)
            }
        }
    }

    /// The conversation that a new session is to begin in, if one is asked for.
    async fn resumed(
        &self,
        record: &mut SessionRecord,
        request: &StartRequest,
    ) -> Result<Option<Conversation>, SessionError> {
        let Some(id) = request.resume_from.clone().filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        let wish = ResumeRequest {
            conversation_id: Some(id),
            latest: false,
        };
        let found = self.choose(record, &wish).await?;
        record.resume_from = Some(found.id.clone());
        Ok(Some(found))
    }

    fn new_record(
        &self,
        name: &SessionName,
        request: &StartRequest,
        env: BTreeMap<String, String>,
    ) -> Result<SessionRecord, SessionError> {
        let cwd = self.cwd(request.cwd.as_deref())?;
        let mut record = SessionRecord::new(name.as_str(), &request.agent, &cwd);
        record.flags.clone_from(&request.flags);
        record.env = Some(env).filter(|env| !env.is_empty());
        record.init_prompts = request.init_prompts.clone().filter(|prompts| !prompts.is_empty());
        record.parent.clone_from(&request.parent);
        record.hooks = request.hooks;
        self.mark(&mut record)?;
        Ok(record)
    }

    /// Gives a record the marker with which its agent is to end each reply, if that is wanted and it has none.
    pub(super) fn mark(&self, record: &mut SessionRecord) -> Result<(), SessionError> {
        if self.policy().markers && record.turnq_marker.is_none() {
            record.turnq_marker = Some(format!("LLMUX_DONE_{}", &new_key()?[..8]));
        }
        Ok(())
    }

    /// An absolute directory that exists; the home directory by default.
    pub(super) fn cwd(&self, wish: Option<&str>) -> Result<String, SessionError> {
        let environment = &self.0.setting.environment;
        let cwd = match wish {
            None | Some("") => environment.home().to_owned(),
            Some(wish) => environment.resolve(&PathBuf::from(wish)),
        };
        match cwd.to_str() {
            Some(text) if cwd.is_dir() => Ok(text.to_owned()),
            _ => Err(SessionError::NoCwd(cwd)),
        }
    }

    /// Chooses the id of the conversation that the next launch begins, where the agent takes one. What was known of the
    /// conversation before is no longer true.
    pub(super) fn pin(&self, record: &mut SessionRecord) -> Result<(), SessionError> {
        let agent = self.agent(&record.agent)?;
        record.external_session_by = None;
        if record.resume_from.is_some() {
            record.external_session_id = None;
            return Ok(());
        }
        let argv = agent.argv(record.flags.as_deref(), &self.0.setting.environment)?;
        let id = agent.pin_flag(&argv).map(|_| random_id()).transpose();
        record.external_session_id = id.map_err(SessionError::Spool)?;
        record.external_session_by = record.external_session_id.is_some().then_some(BoundBy::Pin);
        Ok(())
    }

    async fn reserve(&self, record: &SessionRecord) -> Result<(), SessionError> {
        let record = record.clone();
        let name = record.name.clone();
        let free = self.0.records.update(move |records| {
            let free = !records.contains_key(&record.name);
            if free {
                records.insert(record.name.clone(), record);
            }
            free
        });
        if free.await? {
            Ok(())
        } else {
            Err(SessionError::Exists(name))
        }
    }

    /// Finds what can be known to be wrong before anything is started or ended.
    pub(super) fn check_startable(&self, record: &SessionRecord) -> Result<(), SessionError> {
        let environment = &self.0.setting.environment;
        let agent = self.agent(&record.agent)?;
        agent.argv(record.flags.as_deref(), environment)?;
        self.has_place(&record.name)?;
        if !agent.installed(self.0.programs.refreshed(), environment) {
            return Err(SessionError::NotInstalled {
                key: agent.key.clone(),
                hint: agent.install_hint.clone(),
            });
        }
        if !PathBuf::from(&record.cwd).is_dir() {
            return Err(SessionError::NoCwd(record.cwd.clone().into()));
        }
        if !self.0.tmux.model().borrow().looked {
            return Err(RunError::Disconnected.into());
        }
        Ok(())
    }

    /// Starts a record's program in a new tmux session and watches whether it stays. The caller holds the gate, and has
    /// called [`Sessions::pin`] for this launch.
    ///
    /// `init`: its init prompts are wanted.
    pub(super) async fn launch(
        &self,
        record: &SessionRecord,
        size: Size,
        init: bool,
    ) -> Result<(), SessionError> {
        let agent = self.agent(&record.agent)?;
        let _place = self.take_place(&record.name)?;
        let key = new_key()?;
        let warnings = self.prepare(record, &agent).await;
        let (set_up, warning) = self.set_up_hooks(record, &agent, &key).await;
        let warnings = warnings.into_iter().chain(warning).collect();
        let flag = set_up.words.first().cloned();
        let made = self.make_pane(record, &agent, (size, &key), set_up).await;
        // Nobody follows its end.
        let (ids, pane) = made.inspect_err(|_| self.remove_hooks(&key))?;
        let live = self.enlist(record, ids, pane, warnings);
        if self.0.tmux.version().ignores_session_size() {
            let resize = Command::ResizeWindow {
                window: ids.window,
                size: size.into(),
            };
            let unpin = Command::UnpinWindowSize { window: ids.window };
            let resized = self.0.tmux.run(ids.server, CommandLine::new(resize).then(unpin));
            if let Err(error) = resized.await {
                // A program that runs in another size is better than none; one that is gone is noticed below.
                tracing::warn!(name = record.name, %error, "cannot give a new session its size");
            }
        }
        let started = self.watch_start(record, &agent, &live).await;
        started.map_err(|failure| failure.perhaps_of_hooks(flag))?;
        self.0.follower.started(&record.name, init);
        Ok(())
    }

    /// Starts the program in a new tmux session.
    async fn make_pane(
        &self,
        record: &SessionRecord,
        agent: &Agent,
        (size, key): (Size, &str),
        set_up: SetUp,
    ) -> Result<(Ids, Pane), SessionError> {
        let name: SessionName = record.name.parse()?;
        let line = self.launch_line(&name, record, agent, (size, key), set_up)?;
        let server = self.0.tmux.server();
        let (replies, feed) = match self.0.tmux.create(server, line, size).await {
            Ok(created) => created,
            Err(RunError::Refused { why, .. }) if why.starts_with("duplicate session") => {
                return Err(SessionError::Foreign(record.name.clone()));
            }
            Err(error) => {
                self.undo(server, &error).await;
                return Err(error.into());
            }
        };
        let ids = Ids::read(server, &replies).ok_or_else(|| RunError::Refused {
            why: "new-session answered no ids".into(),
            done: Vec::new(),
        })?;
        Ok((ids, Pane::made(feed, size, key)))
    }

    /// Ends a session that was made before a later command of its line failed.
    async fn undo(&self, server: ServerId, error: &RunError) {
        if let RunError::Refused { done, .. } = error
            && let Some(ids) = Ids::read(server, done)
        {
            // Each fails if there is nothing to end, which is as well.
            let _ = self.0.tmux.run(server, Command::KillSession(ids.session)).await;
            let _ = self.0.tmux.run(server, Command::KillWindow(ids.window)).await;
        }
    }

    fn launch_line(
        &self,
        name: &SessionName,
        record: &SessionRecord,
        agent: &Agent,
        (size, key): (Size, &str),
        set_up: SetUp,
    ) -> Result<impl FnOnce(SessionId) -> CommandLine + use<>, SessionError> {
        let environment = &self.0.setting.environment;
        let mut program = agent.argv(record.flags.as_deref(), environment)?;
        if let Some(id) = &record.resume_from {
            let words = agent.resume_words(id).unwrap_or_default();
            // The flags may hold the subcommand already: `goose session` with `session -r`.
            let is_there = words.first().is_some_and(|word| program[1..].contains(word));
            program.extend(words.into_iter().skip(usize::from(is_there)));
        } else if let (Some(flag), Some(id)) = (agent.pin_flag(&program), &record.external_session_id) {
            program.extend([flag.to_owned(), id.clone()]);
        }
        agent.insert(set_up.words, &mut program, environment);
        if let Some(file) = agent.stand_in(&program, &self.0.programs) {
            program[0] = file.to_string_lossy().into_owned();
        }
        let mut argv = vec![self.0.setting.exe.to_string_lossy().into_owned()];
        argv.extend(["run", "--key", key, "--cwd", &record.cwd, "--"].map(str::to_owned));
        argv.extend(program);
        let (name, tag) = (name.clone(), self.tag(name.as_str(), key));
        let of = move || name.clone();
        let new = Command::NewSession {
            name: of(),
            size: size.into(),
            cwd: Some(record.cwd.clone()),
            env: self.environment_of(record, agent, set_up.env),
            argv,
        };
        // Linked at once: a user's hook between two commands can let the program print.
        Ok(move |hub| {
            CommandLine::new(new)
                .then(Command::LinkWindow {
                    from: WindowTarget::Of(of()),
                    hub,
                })
                .then(Command::KeepSessionUnattached {
                    session: SessionTarget::Named(of()),
                })
                .then(Command::TagPane {
                    pane: PaneTarget::Of(of()),
                    tag,
                })
        })
    }

    /// The agent's own variables, over them the session's, over them those of its hooks, over them ours.
    fn environment_of(
        &self,
        record: &SessionRecord,
        agent: &Agent,
        hooks: BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        let environment = &self.0.setting.environment;
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        // A pane would get the tmux server's, which may have been started with little (a service, a cron job).
        if let Some(path) = environment.text("PATH") {
            all.insert("PATH".into(), path.into());
        }
        if ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .all(|name| environment.text(name).is_none())
        {
            all.insert("LANG".into(), "C.UTF-8".into());
        }
        all.insert("COLORTERM".into(), "truecolor".into());
        all.extend(agent.env.clone());
        all.extend(record.env.clone().unwrap_or_default());
        all.extend(hooks);
        all.insert("LLMUX_SESSION".into(), record.name.clone());
        all.insert("LLMUX_AGENT".into(), record.agent.clone());
        all.insert(OWNER.into(), self.0.setting.owner.clone());
        all.extend(
            record
                .orch_alias
                .clone()
                .map(|alias| ("LLMUX_ORCH_ALIAS".into(), alias)),
        );
        all.into_iter().collect()
    }

    /// Makes a pane the session's, and follows its life.
    pub(super) fn enlist(
        &self,
        record: &SessionRecord,
        ids: Ids,
        pane: Pane,
        warnings: Arc<[String]>,
    ) -> Arc<Live> {
        let Ids {
            server,
            session,
            home,
            window,
            id,
            pid,
        } = ids;
        let input = Input::new(Destination {
            tmux: self.0.tmux.clone(),
            server,
            id,
            spool: self.0.setting.spool.clone(),
        });
        let agent = self.agent(&record.agent).ok();
        let program_id = ProgramId { server, pane: id };
        let binding = Binding::start(self, program_id, record);
        let program = Program {
            id: program_id,
            env: Arc::new(self.known_environment(record, agent.as_deref())),
            hooks: Arc::new(self.hooks_of(record, agent.as_deref(), pane.key())),
            agent,
            record: Arc::new(record.clone()),
            pane: pane.clone(),
            input: input.clone(),
            binding: binding.clone(),
        };
        let live = Arc::new(Live {
            server,
            session,
            home,
            window,
            id,
            root: Process::now(pid),
            pane,
            input,
            binding,
            audience: Audience::new(),
            warnings,
        });
        lock(&self.0.live).insert(record.name.clone(), live.clone());
        self.0.follower.runs(&record.name, program);
        self.0.begun.send_modify(|begun| *begun += 1);
        tokio::spawn(keeper::follow(self.clone(), record.name.clone(), live.clone()));
        self.0.records.touch();
        live
    }

    /// What a program's environment holds, as far as the daemon's own and the settings tell.
    pub(super) fn known_environment(
        &self,
        record: &SessionRecord,
        agent: Option<&Agent>,
    ) -> BTreeMap<String, String> {
        let text = |(key, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
            Some((key.to_str()?.to_owned(), value.to_str()?.to_owned()))
        };
        let mut all: BTreeMap<String, String> = self.0.setting.environment.vars().filter_map(text).collect();
        all.extend(agent.map(|agent| agent.env.clone()).unwrap_or_default());
        all.extend(record.env.clone().unwrap_or_default());
        all
    }

    /// Waits until the program looks alive, or until it has lasted long enough; says if it ended at once.
    async fn watch_start(
        &self,
        record: &SessionRecord,
        agent: &Agent,
        live: &Live,
    ) -> Result<(), SessionError> {
        let pane = &live.pane;
        let alive = async {
            pane.wait(Condition::OutputPast(0)).await?;
            if !agent.rules.knows_ready() {
                return pane.wait(Condition::Quiet(SETTLED)).await;
            }
            let rules = agent.rules.clone();
            pane.wait(Condition::Screen {
                test: Box::new(move |rows| super::ready_evidence(&rules, rows)),
                hold: Duration::ZERO,
            })
            .await
        };
        // Whichever way the wait ended, the life says how the program is.
        let _: Result<Result<_, WaitError>, _> = timeout(WATCH_START, alive).await;
        let life = pane.life().borrow().clone();
        let Life::Ended(end) = life else { return Ok(()) };
        let rows = pane.look().await.map(|look| look.rows).unwrap_or_default();
        self.end_pane(live).await;
        lock(&self.0.live).remove(&record.name);
        Err(SessionError::StartFailed {
            name: record.name.clone(),
            end,
            rows,
        })
    }
}

/// A key that no program can guess and print.
fn new_key() -> Result<String, SessionError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| SessionError::Spool(error.into()))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

/// What tmux calls a session's parts.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    pub(super) server: ServerId,
    pub(super) session: llmux_protocol::SessionId,
    pub(super) home: bool,
    pub(super) window: llmux_protocol::WindowId,
    pub(super) id: llmux_protocol::PaneId,
    pub(super) pid: u32,
}

impl Ids {
    /// Reads the first reply to a launch line.
    fn read(server: ServerId, replies: &[Reply]) -> Option<Self> {
        let said = replies.first()?.text();
        let mut ids = said.split(' ');
        let (session, window) = (ids.next()?.parse().ok()?, ids.next()?.parse().ok()?);
        let (id, pid) = (ids.next()?.parse().ok()?, ids.next()?.parse().ok()?);
        Some(Self {
            server,
            session,
            home: true,
            window,
            id,
            pid,
        })
    }
}

/// Reads `KEY=VALUE` lines; blank ones and those that begin with `#` are skipped.
pub(super) fn read_env(text: &str) -> Result<BTreeMap<String, String>, SessionError> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !line.contains('\0') => {
                Ok((key.trim().to_owned(), value.to_owned()))
            }
            _ => Err(SessionError::BadEnv(line.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_line_by_line() {
        let env = read_env("# comment\n A = b=c \r\n\nEMPTY=\n").unwrap();
        assert_eq!(
            env.into_iter().collect::<Vec<_>>(),
            [("A".into(), " b=c".into()), ("EMPTY".into(), String::new())]
        );
    }

    #[test]
    fn a_line_that_sets_nothing_is_named() {
        for line in ["novalue", "=x", "A=b\0c"] {
            assert!(
                matches!(read_env(line), Err(SessionError::BadEnv(bad)) if bad == line),
                "{line:?}"
            );
        }
    }
}
