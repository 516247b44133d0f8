//! An entry as the database holds it.

use std::mem;

use rusqlite::{Connection, named_params};

use super::{Entry, JournalError};

/// The columns that [`Row::read`] reads.
pub(super) const COLUMNS: &str = "id, session, state, final, key, queued_at, turn, prompt, request, pane";

/// An entry as the database holds it: what is searched for in columns, the rest as JSON.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: String,
    /// The truth: the JSON may have the name from before a rename.
    pub(super) session: String,
    state: String,
    is_final: bool,
    key: Option<String>,
    queued_at: String,
    turn: String,
    prompt: String,
    request: String,
    pane: String,
}

impl Row {
    /// Takes an entry apart.
    pub(super) fn encode(entry: Entry) -> Result<Self, JournalError> {
        let Entry {
            turn,
            mut request,
            pane,
        } = entry;
        let prompt = mem::take(&mut request.prompt);
        let fail = |source| JournalError::Entry {
            id: turn.id.clone(),
            source,
        };
        Ok(Self {
            turn: serde_json::to_string(&turn).map_err(fail)?,
            request: serde_json::to_string(&request).map_err(fail)?,
            state: turn.state.as_str().to_owned(),
            is_final: turn.state.is_final(),
            id: turn.id,
            session: turn.session,
            key: turn.key,
            queued_at: turn.queued_at,
            prompt,
            pane,
        })
    }

    /// Puts an entry together again.
    pub(super) fn decode(self) -> Result<Entry, JournalError> {
        let Self { id, session, .. } = self;
        let read = || {
            let turn = serde_json::from_str(&self.turn)?;
            let request = serde_json::from_str(&self.request)?;
            Ok(Entry {
                turn,
                request,
                pane: self.pane,
            })
        };
        let mut entry: Entry = read().map_err(|source| JournalError::Entry { id, source })?;
        entry.turn.session = session;
        entry.request.prompt = self.prompt;
        Ok(entry)
    }

    /// Inserts the row, or replaces the one of the same id.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO turns (id, session, state, final, key, queued_at, turn, prompt, request, pane)
             VALUES (:id, :session, :state, :final, :key, :queued_at, :turn, :prompt, :request, :pane)
             ON CONFLICT (id) DO UPDATE SET
                 session = excluded.session, state = excluded.state, final = excluded.final,
                 key = excluded.key, queued_at = excluded.queued_at, turn = excluded.turn,
                 prompt = excluded.prompt, request = excluded.request, pane = excluded.pane",
        )?;
        statement.execute(named_params! {
            ":id": self.id, ":session": self.session, ":state": self.state, ":final": self.is_final,
            ":key": self.key, ":queued_at": self.queued_at, ":turn": self.turn, ":prompt": self.prompt,
            ":request": self.request, ":pane": self.pane,
        })?;
        Ok(())
    }

    /// Reads a row of [`COLUMNS`].
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            session: row.get(1)?,
            state: row.get(2)?,
            is_final: row.get(3)?,
            key: row.get(4)?,
            queued_at: row.get(5)?,
            turn: row.get(6)?,
            prompt: row.get(7)?,
            request: row.get(8)?,
            pane: row.get(9)?,
        })
    }
}
