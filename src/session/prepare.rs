//! What an agent needs before it is started.

use std::path::Path;

use super::Sessions;
use crate::{
    agent::{Agent, trust::Surroundings},
    store::SessionRecord,
};

impl Sessions {
    /// Makes an agent that starts without its own guards trust the folder it starts in: it would ask there, and wait.
    ///
    /// Says what did not work, for a person; the agent can be started all the same.
    pub(super) async fn prepare(&self, record: &SessionRecord, agent: &Agent) -> Option<String> {
        let environment = self.0.setting.environment.clone();
        let argv = agent.argv(record.flags.as_deref(), &environment).ok()?;
        let file = agent.trusts(&argv)?;
        let env = self.known_environment(record, Some(agent));
        let cwd = record.cwd.clone();
        let trusting = tokio::task::spawn_blocking(move || {
            let around = Surroundings {
                env: &env,
                home: environment.home(),
            };
            file.trust(Path::new(&cwd), around)
        });
        let warning = match trusting.await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            name = record.name,
            warning,
            "an agent could not be made to trust its folder"
        );
        Some(warning)
    }
}
