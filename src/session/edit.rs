//! Changing a session's record, and its tmux session with it.

use llmux_protocol::{
    SessionName,
    api::{EditRequest, ResumeRequest, SessionView},
    control::{Command, CommandLine, PaneTarget},
};

use super::{SessionError, Sessions, lock, resume::resumed, start};
use crate::{store::SessionRecord, tmux::RunError};

impl Sessions {
    /// Changes a session. A new name takes effect at once; anything else by a restart, which a running session gets if
    /// its directory changed or the request says so.
    pub(crate) async fn edit(&self, name: &str, request: EditRequest) -> Result<SessionView, SessionError> {
        let EditRequest {
            name: new_name,
            cwd,
            flags,
            env,
            init_prompts,
            resume_from,
            apply,
        } = request;
        let changes_nothing = [&new_name, &cwd, &flags, &env]
            .iter()
            .all(|field| field.is_none());
        if changes_nothing && init_prompts.is_none() && resume_from.is_none() && !apply {
            return Err(SessionError::NothingToEdit);
        }
        let new: Option<SessionName> = match new_name.filter(|new| new != name) {
            None => None,
            Some(new) => Some(new.parse()?),
        };
        let _gates = self.gates(name, new.as_ref().map(SessionName::as_str)).await;
        let before = self.record(name).await?;
        let mut after = before.clone();
        if let Some(cwd) = cwd {
            after.cwd = self.cwd(Some(&cwd))?;
        }
        if let Some(flags) = flags {
            self.agent(&after.agent)?
                .argv(Some(&flags), &self.0.setting.environment)?;
            after.flags = Some(flags);
        }
        if let Some(env) = env {
            after.env = Some(start::read_env(&env)?).filter(|env| !env.is_empty());
        }
        if let Some(prompts) = init_prompts {
            after.init_prompts = Some(prompts).filter(|prompts| !prompts.is_empty());
        }
        let moved = after.cwd != before.cwd;
        let leaves = resume_from.as_deref() == Some("") && before.resume_from.is_some();
        let resumes = match resume_from.filter(|id| !id.is_empty()) {
            // Before anything is changed: a resume that fails leaves all as it was.
            Some(id) => self.resume_edited(&before, &after, id).await?,
            None => false,
        };
        let restart = !resumes && (apply || moved || leaves) && self.running(name).is_ok();
        let change = move |record: &mut SessionRecord| {
            record.cwd = after.cwd;
            record.flags = after.flags;
            record.env = after.env;
            record.init_prompts = after.init_prompts;
            if leaves {
                record.resume_from = None;
                record.external_session_id = None;
                record.external_session_by = None;
            }
        };
        let name = if let Some(new) = &new {
            self.rename(name, new, change).await?;
            new.as_str()
        } else {
            let key = name.to_owned();
            let records = &self.0.records;
            records
                .update(move |records| records.get_mut(&key).map(change))
                .await?;
            name
        };
        if restart {
            self.respawn(name, true).await
        } else {
            self.get(name).await
        }
    }

    /// Goes to a stored conversation as part of an edit: at once if the session runs, else at its next start. Says whether it
    /// was started anew.
    async fn resume_edited(
        &self,
        before: &SessionRecord,
        after: &SessionRecord,
        id: String,
    ) -> Result<bool, SessionError> {
        let wish = ResumeRequest {
            conversation_id: Some(id),
            latest: false,
        };
        let found = self.choose(after, &wish).await?;
        if self.running(&before.name).is_ok() {
            self.go_to(before, after, &found).await?;
            return Ok(true);
        }
        self.put(&resumed(after, &found)).await?;
        Ok(false)
    }

    /// Renames a session, in tmux first: tmux knows whether the name is free there. The caller holds both gates.
    async fn rename(
        &self,
        old: &str,
        new: &SessionName,
        change: impl FnOnce(&mut SessionRecord) + Send + 'static,
    ) -> Result<(), SessionError> {
        if self.0.records.all().await?.contains_key(new.as_str()) {
            return Err(SessionError::Exists(new.to_string()));
        }
        let Some(live) = self.running(old).ok().filter(|live| live.home) else {
            return self.adopt_name(old, new, change).await;
        };
        let rename = |name: &SessionName| {
            let session = live.session;
            let name = name.clone();
            self.0
                .tmux
                .run(live.server, Command::RenameSession { session, name })
        };
        rename(new).await.map_err(|error| match error {
            RunError::Refused { why, .. } if why.starts_with("duplicate session") => {
                SessionError::Foreign(new.to_string())
            }
            other => other.into(),
        })?;
        let adopted = self.adopt_name(old, new, change).await;
        if let (Err(SessionError::Registry(_)), Ok(old)) = (&adopted, old.parse()) {
            // It could not be written down, so it must not be so.
            let _ = rename(&old).await;
        }
        adopted
    }

    /// Gives everything but the tmux session its new name.
    pub(super) async fn adopt_name(
        &self,
        old: &str,
        new: &SessionName,
        change: impl FnOnce(&mut SessionRecord) + Send + 'static,
    ) -> Result<(), SessionError> {
        let (from, to) = (old.to_owned(), new.to_string());
        self.0
            .records
            .update(move |records| {
                if let Some(mut record) = records.remove(&from) {
                    for child in records
                        .values_mut()
                        .filter(|child| child.parent.as_deref() == Some(&from))
                    {
                        child.parent = Some(to.clone());
                    }
                    record.name.clone_from(&to);
                    change(&mut record);
                    records.insert(to, record);
                }
            })
            .await?;
        let live = {
            let mut all = lock(&self.0.live);
            let live = all.remove(old);
            if let Some(live) = &live {
                all.insert(new.to_string(), live.clone());
            }
            live
        };
        self.0.renamed.send_modify(|count| *count += 1);
        self.0.follower.renamed(old, new.as_str());
        if let Some(live) = live.filter(|live| live.runs()) {
            let mut line = CommandLine::new(Command::TagPane {
                pane: PaneTarget::Id(live.id),
                tag: self.tag(new.as_str(), live.pane.key()),
            });
            if live.home {
                line = line.then(Command::SetEnvironment {
                    session: live.session,
                    name: "LLMUX_SESSION",
                    value: new.to_string(),
                });
            }
            self.0.tmux.run(live.server, line).await?;
        }
        Ok(())
    }
}
