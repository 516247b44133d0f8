//! The conversation a session is in, read and followed.

use std::{path::PathBuf, time::SystemTime};

use llmux_protocol::api::{TranscriptPart, TranscriptTurn, TranscriptView};
use tokio::{sync::watch, task::spawn_blocking};

use super::{SessionError, Sessions, binding::Bound};
use crate::{
    agent::{
        history::{Follow, Part, Place, Role, Step, Store, Turn},
        transcript::Listener,
    },
    store::time,
};

/// How many turns are shown of a conversation's end.
const LAST_TURNS: usize = 300;

/// What a reader of a conversation is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The agent keeps no conversations that can be read; there will be nothing else.
    Unsupported,
    /// What was told before is void: it is another conversation, or was written anew.
    Reset,
    /// More of it.
    Turns(Vec<TranscriptTurn>),
}

/// Follows the conversation a session is in, wherever it goes. It holds no file open, and nothing polls.
pub(crate) struct Reading {
    sessions: Sessions,
    name: String,
    shelf: Option<(Store, Place)>,
    /// None while no program was ever seen here.
    bound: Option<watch::Receiver<Bound>>,
    begun: watch::Receiver<u64>,
    ear: Option<Listener>,
    id: Option<String>,
    follow: Option<Follow>,
    /// Something was told.
    told: bool,
    /// More can be read at once.
    more: bool,
}

impl Sessions {
    /// The last turns of the conversation a session is in. None while it is not known which that is.
    pub(crate) async fn transcript(&self, name: &str) -> Result<TranscriptView, SessionError> {
        let record = self.record(name).await?;
        let Ok((store, place)) = self.shelf(&record) else {
            return Ok(TranscriptView::default());
        };
        let id = record.conversation().map(str::to_owned);
        let nothing = TranscriptView {
            supported: true,
            id: id.clone(),
            ..TranscriptView::default()
        };
        let Some(id) = id else { return Ok(nothing) };
        let read = self.read(move |history| history.follow(store, &place, &id, LAST_TURNS + 1).ok());
        let Some((mut turns, follow)) = read.await else {
            return Ok(nothing);
        };
        let truncated = turns.len() > LAST_TURNS;
        if truncated {
            turns.remove(0);
        }
        Ok(TranscriptView {
            path: Some(follow.path().to_string_lossy().into_owned()),
            truncated,
            turns: turns.into_iter().map(turn).collect(),
            ..nothing
        })
    }

    /// Follows the conversation a session is in, from its last turns on.
    pub(crate) async fn follow_transcript(&self, name: &str) -> Result<Reading, SessionError> {
        let record = self.record(name).await?;
        let shelf = self.shelf(&record).ok();
        let begun = self.0.begun.subscribe();
        let live = self.live(name);
        Ok(Reading {
            sessions: self.clone(),
            name: name.to_owned(),
            ear: shelf.is_some().then(|| self.0.setting.watch.listen()),
            shelf,
            bound: live.map(|live| live.binding.follow()),
            begun,
            id: record.conversation().map(str::to_owned),
            follow: None,
            told: false,
            more: false,
        })
    }
}

impl Reading {
    /// Waits for what is to be told next. Not cancel safe: what was read may be lost.
    pub(crate) async fn next(&mut self) -> Told {
        let Some((store, place)) = self.shelf.clone() else {
            if std::mem::replace(&mut self.told, true) {
                std::future::pending::<()>().await;
            }
            return Told::Unsupported;
        };
        loop {
            let read = match &self.follow {
                None => self.begin(store, &place).await,
                Some(_) => self.read_on().await,
            };
            if let Some(told) = read {
                return told;
            }
            if self.more {
                continue;
            }
            if self.wait().await {
                return Told::Reset;
            }
        }
    }

    /// Reads the end of the conversation, once it is there.
    async fn begin(&mut self, store: Store, place: &Place) -> Option<Told> {
        let (id, place, mut ear) = (self.id.clone()?, place.clone(), self.ear.take()?);
        let begun = self.sessions.read(move |history| {
            // Listened to before it is read: nothing comes between.
            let dirs = history.dirs(store, &place);
            let path = history.path(store, &place, Some(&id));
            let home = path.as_deref().and_then(std::path::Path::parent);
            ear.set(home.into_iter().chain(dirs.iter().map(PathBuf::as_path)));
            let read = history.follow(store, &place, &id, LAST_TURNS);
            if read.is_ok()
                && let Some(home) = home
            {
                ear.set([home]);
            }
            Some((ear, read.ok()))
        });
        let (ear, read) = begun.await?;
        self.ear = Some(ear);
        let (turns, follow) = read?;
        self.follow = Some(follow);
        self.tell(turns)
    }

    async fn read_on(&mut self) -> Option<Told> {
        let mut follow = self.follow.take()?;
        let read = spawn_blocking(move || {
            let step = follow.read_on();
            (follow, step)
        });
        let (follow, step) = read.await.ok()?;
        self.more = false;
        // What is gone, or another file by now, begins anew with the next look.
        let Some(Step { turns, more, .. }) = step.ok().filter(|step| !step.reset) else {
            return Some(Told::Reset);
        };
        self.more = more;
        self.follow = Some(follow);
        self.tell(turns)
    }

    fn tell(&mut self, turns: Vec<Turn>) -> Option<Told> {
        self.told |= !turns.is_empty();
        (!turns.is_empty()).then(|| Told::Turns(turns.into_iter().map(turn).collect()))
    }

    /// Waits for a change; says whether the conversation is another one.
    async fn wait(&mut self) -> bool {
        let changed = async {
            match &mut self.bound {
                Some(bound) => bound.changed().await,
                None => std::future::pending().await,
            }
        };
        let heard = async {
            match &self.ear {
                Some(ear) => ear.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = heard => return false,
            changed = changed => if changed.is_err() { self.bound = None },
            // The daemon has ended if that fails.
            _ = self.begun.changed() => {}
        }
        if let Some(live) = self.sessions.live(&self.name) {
            self.bound = Some(live.binding.follow());
        }
        let now = self
            .bound
            .as_mut()
            .map(|bound| bound.borrow_and_update().id.clone());
        let is_other = now.as_ref().is_some_and(|now| *now != self.id);
        if let Some(now) = now.filter(|_| is_other) {
            self.id = now;
            self.follow = None;
            if self.ear.is_none() {
                self.ear = Some(self.sessions.0.setting.watch.listen());
            }
        }
        is_other
    }
}

/// A turn as the API shows it.
fn turn(turn: Turn) -> TranscriptTurn {
    let part = |part| match part {
        Part::Text { text } => TranscriptPart::Text { text },
        Part::ToolUse { id, name, input } => TranscriptPart::ToolUse { id, name, input },
        Part::ToolResult {
            for_id,
            text,
            is_error,
        } => TranscriptPart::ToolResult {
            for_id,
            text,
            is_error,
        },
    };
    TranscriptTurn {
        id: turn.id,
        role: role(turn.role).to_owned(),
        ts: turn.at.map(|at: SystemTime| time::rfc3339(at)),
        parts: turn.parts.into_iter().map(part).collect(),
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::System => "system",
    }
}
