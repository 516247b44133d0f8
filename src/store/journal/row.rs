//! A turn, and an entry, as the database holds them: what is searched for in columns, the rest as JSON.

use std::mem;

use llmux_protocol::api::Turn;
use rusqlite::{Connection, Row, named_params, params};

use super::{Entry, JournalError};

/// What [`TurnRow::read`] reads.
pub(super) const TURN: &str = "turns.id, turns.session, turns.turn";
/// What [`EntryRow::read`] reads of the turns and their texts.
pub(super) const ENTRY: &str = "turns.id, turns.session, turns.turn, texts.prompt, texts.request, texts.pane";

/// A turn: what changes while it goes on.
#[derive(Debug)]
pub(super) struct TurnRow {
    id: String,
    /// The truth: the JSON may have the name from before a rename.
    pub(super) session: String,
    /// The JSON.
    turn: String,
}

/// A turn that is to be written.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) row: TurnRow,
    state: &'static str,
    is_final: bool,
}

/// What is written once: the prompt's text, and what else belongs to it.
#[derive(Debug)]
pub(super) struct Text {
    key: Option<String>,
    queued_at: String,
    prompt: String,
    request: String,
    pane: String,
}

/// An entry as it is read.
#[derive(Debug)]
pub(super) struct EntryRow {
    turn: TurnRow,
    prompt: String,
    request: String,
    pane: String,
}

impl Change {
    pub(super) fn of(turn: &Turn) -> Result<Self, JournalError> {
        let json = serde_json::to_string(turn).map_err(|source| JournalError::Entry {
            id: turn.id.clone(),
            source,
        })?;
        Ok(Self {
            row: TurnRow {
                id: turn.id.clone(),
                session: turn.session.clone(),
                turn: json,
            },
            state: turn.state.as_str(),
            is_final: turn.state.is_final(),
        })
    }

    /// Writes what has changed of a turn; says whether the turn is there.
    ///
    /// Its session is left: [`super::Journal::rename`] changes that, and knows better.
    pub(super) fn update(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement =
            connection.prepare_cached("UPDATE turns SET state = ?2, final = ?3, turn = ?4 WHERE id = ?1")?;
        let changed = statement.execute(params![self.row.id, self.state, self.is_final, self.row.turn])?;
        Ok(changed > 0)
    }

    /// Writes the turn and its text, over those of the same id.
    pub(super) fn put(&self, text: &Text, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO turns (id, session, state, final, key, queued_at, turn)
             VALUES (:id, :session, :state, :final, :key, :queued_at, :turn)
             ON CONFLICT (id) DO UPDATE SET
                 session = excluded.session, state = excluded.state, final = excluded.final,
                 key = excluded.key, queued_at = excluded.queued_at, turn = excluded.turn",
        )?;
        statement.execute(named_params! {
            ":id": self.row.id, ":session": self.row.session, ":state": self.state, ":final": self.is_final,
            ":key": text.key, ":queued_at": text.queued_at, ":turn": self.row.turn,
        })?;
        let mut statement = connection
            .prepare_cached("REPLACE INTO texts (id, prompt, request, pane) VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![self.row.id, text.prompt, text.request, text.pane])?;
        Ok(())
    }
}

impl Text {
    /// Takes an entry apart.
    pub(super) fn of(entry: Entry) -> Result<(Change, Self), JournalError> {
        let Entry {
            turn,
            mut request,
            pane,
        } = entry;
        let change = Change::of(&turn)?;
        let prompt = mem::take(&mut request.prompt);
        let request = serde_json::to_string(&request).map_err(|source| JournalError::Entry {
            id: turn.id.clone(),
            source,
        })?;
        let text = Self {
            key: turn.key,
            queued_at: turn.queued_at,
            prompt,
            request,
            pane,
        };
        Ok((change, text))
    }
}

impl TurnRow {
    /// Reads a row of [`TURN`], or the beginning of one of [`ENTRY`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            session: row.get(1)?,
            turn: row.get(2)?,
        })
    }

    pub(super) fn decode(self) -> Result<Turn, JournalError> {
        let turn = serde_json::from_str(&self.turn);
        let mut turn: Turn = turn.map_err(|source| JournalError::Entry { id: self.id, source })?;
        turn.session = self.session;
        Ok(turn)
    }
}

impl EntryRow {
    /// Reads a row of [`ENTRY`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            turn: TurnRow::read(row)?,
            prompt: row.get(3)?,
            request: row.get(4)?,
            pane: row.get(5)?,
        })
    }

    /// Puts an entry together again.
    pub(super) fn decode(self) -> Result<Entry, JournalError> {
        let turn = self.turn.decode()?;
        let request = serde_json::from_str(&self.request);
        let mut entry = Entry {
            request: request.map_err(|source| JournalError::Entry {
                id: turn.id.clone(),
                source,
            })?,
            turn,
            pane: self.pane,
        };
        entry.request.prompt = self.prompt;
        Ok(entry)
    }
}
