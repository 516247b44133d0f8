//! The stored conversations of sessions, and those of any directory.

use std::{path::Path, sync::Arc, time::SystemTime};

use llmux_protocol::api::{ConversationView, FoundView};

use super::{SessionError, Sessions, stored::Stored, transcript::role};
use crate::{
    agent::history::{Conversation, History, Limits, Place, Store},
    store::{SessionRecord, time},
};

/// How an untitled conversation is shown, as the Node program has it.
const UNTITLED: &str = "(no opener)";

impl Sessions {
    /// The stored conversations of a session's agent in its directory, the newest first; none if it keeps none.
    pub(crate) async fn conversations(&self, name: &str) -> Result<Vec<ConversationView>, SessionError> {
        let record = self.record(name).await?;
        let Ok((store, place)) = self.shelf(&record) else {
            return Ok(Vec::new());
        };
        let found = self.read(move |history| history.list(store, &place)).await;
        self.keep_stored(name, &Stored::of(&record, &found));
        let mut views: Vec<ConversationView> = found.iter().map(view).collect();
        for view in &mut views {
            view.current = record.conversation() == Some(&view.id);
        }
        Ok(views)
    }

    /// The same for an agent in any directory; none if either is unknown.
    pub(crate) async fn conversations_in(&self, agent: &str, cwd: &str) -> Vec<ConversationView> {
        let Some((store, place)) = self.place_in(agent, cwd) else {
            return Vec::new();
        };
        let found = self.read(move |history| history.list(store, &place)).await;
        found.iter().map(view).collect()
    }

    /// Searches what was said in a directory, with one agent or with all.
    pub(crate) async fn search(
        &self,
        text: String,
        agent: Option<&str>,
        cwd: Option<&str>,
    ) -> Result<Vec<FoundView>, SessionError> {
        let cwd = self.cwd(cwd)?;
        let keys: Vec<String> = match agent {
            Some(key) => vec![self.agent(key)?.key.clone()],
            None => self
                .policy()
                .catalog
                .all()
                .map(|agent| agent.key.clone())
                .collect(),
        };
        let places: Vec<_> = keys
            .into_iter()
            .filter_map(|key| Some((self.place_in(&key, &cwd)?, key)))
            .collect();
        let found = self.read(move |history| {
            let hits = |((store, place), key): &((Store, Place), String)| {
                let hits = history.search(*store, place, &text, Limits::default());
                let key = key.clone();
                hits.into_iter().map(move |hit| FoundView {
                    agent: key.clone(),
                    id: hit.id,
                    title: hit.title,
                    role: role(hit.role).to_owned(),
                    snippet: hit.snippet,
                })
            };
            places.iter().flat_map(hits).collect()
        });
        Ok(found.await)
    }

    /// Where a session's agent keeps its conversations.
    pub(super) fn shelf(&self, record: &SessionRecord) -> Result<(Store, Place), SessionError> {
        let agent = self.agent(&record.agent)?;
        let store = agent
            .history
            .ok_or_else(|| SessionError::NoHistory(agent.key.clone()))?;
        let mut place = Place::new(self.0.setting.environment.home(), Path::new(&record.cwd));
        place.env = self.known_environment(record, Some(&agent));
        Ok((store, place))
    }

    fn place_in(&self, key: &str, cwd: &str) -> Option<(Store, Place)> {
        let agent = self.agent(key).ok()?;
        let environment = &self.0.setting.environment;
        let cwd = environment.resolve(Path::new(cwd));
        let record = SessionRecord::new("", &agent.key, cwd.to_str()?);
        self.shelf(&record).ok()
    }

    /// Reads on a thread where reading may take long.
    pub(super) async fn read<T: Default + Send + 'static>(
        &self,
        read: impl FnOnce(&History) -> T + Send + 'static,
    ) -> T {
        let history: Arc<History> = self.0.history.clone();
        // It fails only if it panics, or when the daemon leaves.
        tokio::task::spawn_blocking(move || read(&history))
            .await
            .unwrap_or_default()
    }
}

fn view(conversation: &Conversation) -> ConversationView {
    let moment = |at: Option<SystemTime>| at.map(time::rfc3339).unwrap_or_default();
    ConversationView {
        id: conversation.id.clone(),
        title: conversation.title.clone().unwrap_or_else(|| UNTITLED.to_owned()),
        started_at: moment(conversation.started),
        last_message_at: moment(conversation.last),
        message_count: conversation.messages,
        current: false,
    }
}
