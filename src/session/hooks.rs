//! An agent's hooks, set up for one program: each start has a directory of its own, which goes with the program.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use llmux_protocol::api::HooksView;

use super::{Sessions, lock};
use crate::{
    agent::{
        Agent,
        hooks::{self, Hooks, SetUp},
        trust::Surroundings,
    },
    store::SessionRecord,
};

impl Sessions {
    /// Sets the hooks of a record's agent up for the program that is about to be started with this key.
    ///
    /// Says what did not work, for a person; the agent can be started all the same.
    pub(super) async fn set_up_hooks(
        &self,
        record: &SessionRecord,
        agent: &Agent,
        key: &str,
    ) -> (SetUp, Option<String>) {
        let Ok(hooks) = self.wanted_hooks(record, agent) else {
            return (SetUp::default(), None);
        };
        let (hooks, dir, hook) = (hooks.clone(), self.hooks_dir(key), self.hook_command());
        let setting_up = tokio::task::spawn_blocking(move || {
            let all = dir.parent().unwrap_or(Path::new("/"));
            fs::DirBuilder::new().recursive(true).mode(0o700).create(all)?;
            hooks.set_up(&dir, &hook)
        });
        let error = match setting_up.await {
            Ok(Ok(set_up)) => return (set_up, None),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.remove_hooks(key);
        tracing::warn!(name = record.name, error, "an agent's hooks could not be set up");
        let warning = format!("the agent's hooks could not be set up, so less is known of it: {error}");
        (SetUp::default(), Some(warning))
    }

    /// The hooks of the program that was started with this key, as far as they were set up.
    pub(super) fn hooks_of(&self, record: &SessionRecord, agent: Option<&Agent>, key: &str) -> HooksView {
        let wanted = agent.map(|agent| self.wanted_hooks(record, agent));
        let events = || agent.and_then(|agent| agent.hooks.as_ref()).map(Hooks::events);
        if self.hooks_dir(key).is_dir() {
            return HooksView {
                events: events().unwrap_or_default().to_vec(),
                ..HooksView::default()
            };
        }
        let why_not = match wanted {
            None => "the agent is not known any more".to_owned(),
            Some(Ok(_)) => "they were not set up when it was started".to_owned(),
            Some(Err(why)) => why,
        };
        HooksView {
            why_not: Some(why_not),
            ..HooksView::default()
        }
    }

    /// Removes what was set up for the program with this key.
    pub(super) fn remove_hooks(&self, key: &str) {
        // There may be none. What can't be removed is tried again by the next daemon.
        let _ = fs::remove_dir_all(self.hooks_dir(key));
    }

    /// Removes what programs have left that ended while no daemon ran. To be called once all running ones are found.
    pub(super) fn sweep_hooks(&self) {
        let used: Vec<PathBuf> = {
            let live = lock(&self.0.live);
            live.values()
                .map(|live| self.hooks_dir(live.pane.key()))
                .collect()
        };
        let is_used = |name: &str| used.iter().any(|dir| dir.ends_with(name));
        hooks::sweep(&self.0.setting.hooks, is_used);
    }

    /// The hooks to set up; else why there are none, for a person.
    fn wanted_hooks<'a>(&self, record: &SessionRecord, agent: &'a Agent) -> Result<&'a Hooks, String> {
        let hooks = agent.hooks.as_ref().filter(|hooks| !hooks.events().is_empty());
        let hooks = hooks.ok_or("this agent has none that can be set up for one session")?;
        match record.hooks {
            Some(true) => {}
            Some(false) => return Err("the session was started with --no-hooks".to_owned()),
            None if agent.wants_hooks => {}
            None => return Err(format!("agents.{}.hooks is false", agent.key)),
        }
        let environment = &self.0.setting.environment;
        let argv = agent
            .argv(record.flags.as_deref(), environment)
            .map_err(|error| error.to_string())?;
        let env = self.known_environment(record, Some(agent));
        let around = Surroundings {
            env: &env,
            home: environment.home(),
        };
        match hooks.kept_out_by(&argv, around) {
            None => Ok(hooks),
            Some(own) => Err(format!("ours would take the place of the user's own: {own}")),
        }
    }

    /// The directory of a program's hooks. The key itself is a secret: with it a program could speak for its wrapper.
    fn hooks_dir(&self, key: &str) -> PathBuf {
        let hash = blake3::hash(key.as_bytes()).to_hex();
        self.0.setting.hooks.join(&hash[..16])
    }

    /// What a hook calls. It finds each daemon of this state directory, whatever the agent's environment is.
    fn hook_command(&self) -> Vec<String> {
        let setting = &self.0.setting;
        [
            setting.exe.as_path(),
            Path::new("--socket"),
            &setting.door,
            Path::new("hook"),
        ]
        .map(|word| word.to_string_lossy().into_owned())
        .to_vec()
    }
}
