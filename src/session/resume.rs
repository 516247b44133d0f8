//! Starting a session in a stored conversation, and proof that it is that one.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmux_protocol::api::{ResumeRequest, SessionView};
use tokio::time::timeout;

use super::{SessionError, Sessions, start::DEFAULT_SIZE, stop::NOT_STARTED_AGAIN};
use crate::{
    agent::history::{Conversation, Part, Turn},
    pane::Condition,
    screen::Size,
    store::{SessionRecord, time},
};

/// How long an agent may take to show the conversation it was started in.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many of the last turns are looked for on the screen.
const LAST_TURNS: usize = 6;
/// How many characters of a line, without blanks and markup, tell it from others.
const TELLING: usize = 20;
/// How many ids an error names.
const NAMED: usize = 4;

impl Sessions {
    /// Starts a session's program anew in a stored conversation.
    ///
    /// It is ended only once the conversation is known to be there. If the new program does not prove to be in it, the
    /// session is started again as it was.
    pub(crate) async fn resume(
        &self,
        name: &str,
        request: &ResumeRequest,
    ) -> Result<SessionView, SessionError> {
        let _gate = self.gate(name).await;
        let before = self.record(name).await?;
        let found = self.choose(&before, request).await?;
        self.go_to(&before, &before, &found).await?;
        self.get(name).await
    }

    /// Starts the program of a record as `after` says, in a stored conversation; else again as it was `before`. The caller
    /// holds the gate.
    pub(super) async fn go_to(
        &self,
        before: &SessionRecord,
        after: &SessionRecord,
        found: &Conversation,
    ) -> Result<(), SessionError> {
        let name = &before.name;
        self.check_startable(after)?;
        let live = self.live(name);
        let ran = live.as_ref().is_some_and(|live| live.runs());
        let size = live.map_or(DEFAULT_SIZE, |live| live.pane.size());
        self.end(name).await;
        let mut record = resumed(after, found);
        record.created_at = time::now();
        record.exit = None;
        let put = self.put(&record).await;
        put.map_err(|error| error.though(name, NOT_STARTED_AGAIN))?;
        let Err(error) = self.launch_in(&record, size, found).await else {
            return Ok(());
        };
        self.end(name).await;
        let put = self.put(before).await;
        put.map_err(|error| error.though(name, NOT_STARTED_AGAIN))?;
        let again = self.where_it_was(before.clone()).await;
        if ran && let Err(error) = self.launch(&again, size, false).await {
            tracing::warn!(name, %error, "a session could not be started again as it was before a resume");
        }
        Err(error)
    }

    /// A record that launches a session in the conversation it was in: an id of its own choice can't be chosen twice.
    async fn where_it_was(&self, mut record: SessionRecord) -> SessionRecord {
        if let (Some(id), Ok((store, place))) =
            (record.conversation().map(str::to_owned), self.shelf(&record))
        {
            let wanted = id.clone();
            let is_stored = self.read(move |history| history.path(store, &place, Some(&wanted)).is_some());
            if is_stored.await {
                record.resume_from = Some(id);
            }
        }
        record
    }

    /// Finds the conversation that is meant.
    pub(super) async fn choose(
        &self,
        record: &SessionRecord,
        request: &ResumeRequest,
    ) -> Result<Conversation, SessionError> {
        let agent = self.agent(&record.agent)?;
        if agent.resume_words("").is_none() {
            return Err(SessionError::NoHistory(agent.key.clone()));
        }
        let (store, place) = self.shelf(record)?;
        let mut all = self.read(move |history| history.list(store, &place)).await;
        let Some(wanted) = request.conversation_id.as_deref().filter(|id| !id.is_empty()) else {
            if !request.latest {
                return Err(SessionError::NoConversation("\"\"".into()));
            }
            let newest = all.into_iter().next();
            return newest.ok_or_else(|| SessionError::NoConversation("any".into()));
        };
        if let Some(exact) = all.iter().position(|one| one.id == wanted) {
            return Ok(all.swap_remove(exact));
        }
        all.retain(|one| one.id.starts_with(wanted));
        match all.len() {
            0 => Err(SessionError::NoConversation(format!("{wanted:?}"))),
            1 => Ok(all.remove(0)),
            _ => Err(SessionError::AmbiguousConversation {
                wanted: wanted.to_owned(),
                ids: all.into_iter().take(NAMED).map(|one| one.id).collect(),
            }),
        }
    }

    /// Launches a record that resumes `found` and waits for proof that it did.
    pub(super) async fn launch_in(
        &self,
        record: &SessionRecord,
        size: Size,
        found: &Conversation,
    ) -> Result<(), SessionError> {
        let (store, place) = self.shelf(record)?;
        let id = found.id.clone();
        let turns =
            self.read(move |history| history.read(store, &place, &id, LAST_TURNS).unwrap_or_default());
        let needles = needles(&turns.await);
        let launched = SystemTime::now();
        self.launch(record, size, false).await?;
        let Some(live) = self.live(&record.name) else {
            return Err(SessionError::not_running(&record.name));
        };
        let shows = live.pane.wait(Condition::Screen {
            test: Box::new(move |rows| shown(&needles, rows)),
            hold: Duration::ZERO,
        });
        match timeout(PATIENCE, shows).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => return Err(SessionError::from_wait(&record.name, error)),
            Err(_) => {}
        }
        // Some show nothing of what was said, but write at once that they go on.
        if self.agent(&record.agent)?.resumes_silently || self.is_touched(record, found, launched).await {
            return Ok(());
        }
        let rows = live.pane.look().await.map(|look| look.rows).unwrap_or_default();
        Err(SessionError::Unproven {
            name: record.name.clone(),
            id: found.id.clone(),
            rows,
        })
    }

    async fn is_touched(&self, record: &SessionRecord, found: &Conversation, since: SystemTime) -> bool {
        let Ok((store, place)) = self.shelf(record) else {
            return false;
        };
        let all = self.read(move |history| history.list(store, &place)).await;
        all.iter()
            .any(|one| one.id == found.id && one.last.is_some_and(|last| last >= since))
    }

    /// Writes a record over the one of its name.
    pub(super) async fn put(&self, record: &SessionRecord) -> Result<(), SessionError> {
        let record = record.clone();
        let put = self.0.records.update(move |records| {
            records.insert(record.name.clone(), record);
        });
        put.await
    }
}

/// A record that is in a stored conversation from its next start on.
pub(super) fn resumed(record: &SessionRecord, found: &Conversation) -> SessionRecord {
    SessionRecord {
        resume_from: Some(found.id.clone()),
        external_session_id: None,
        external_session_by: None,
        ..record.clone()
    }
}

/// What of the last turns can be known again on a screen: beginnings of lines.
fn needles(turns: &[Turn]) -> Vec<String> {
    let texts = turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .filter_map(|part| match part {
            Part::Text { text } => Some(text),
            _ => None,
        });
    let lines = texts.flat_map(|text| text.lines()).map(squeeze);
    lines.filter(|line| !line.is_empty()).collect()
}

/// The row that shows one of the needles. A short line must stand alone on its row.
fn shown(needles: &[String], rows: &[Arc<str>]) -> Option<String> {
    let is_shown = |row: &&Arc<str>| {
        let row = squeeze(row);
        needles.iter().any(|needle| match needle.chars().count() {
            TELLING.. => row.contains(needle.as_str()),
            _ => row == *needle,
        })
    };
    rows.iter().find(is_shown).map(ToString::to_string)
}

/// The first letters and digits of a line: renderers change all else.
fn squeeze(line: &str) -> String {
    line.chars()
        .filter(|c| c.is_alphanumeric())
        .take(2 * TELLING)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_conversation_is_known_on_the_screen() {
        let needles: Vec<String> = ["**Rename** the function `frobnicate`, please.", "yes"]
            .map(squeeze)
            .to_vec();
        let shown = |row: &str| shown(&needles, &[row.into()]).is_some();
        assert!(shown("● Rename the function frobnicate, please."));
        assert!(shown("❯ yes"));
        assert!(!shown("yes, I do") && !shown("") && !shown("❯ Rename the other one, please"));
    }
}
