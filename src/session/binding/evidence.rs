//! What tells a conversation from others.

use std::{
    collections::HashSet,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use llmux_protocol::api::BoundBy;

use super::{Bound, Others};
use crate::agent::history::{Conversation, History, Place, Role, Store, Turn};

/// How many turns of a conversation are looked through for a prompt.
const LAST_TURNS: usize = 400;
/// How much earlier than it was typed a prompt may seem to be written: file systems count in steps, some agents in seconds.
const COARSE: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);

/// A prompt that was typed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    text: String,
    at: SystemTime,
}

/// A conversation that a hook named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    /// It has just begun, or was just gone back to: the hook's word for how.
    pub(crate) begins: Option<String>,
    /// What was asked in it.
    pub(crate) prompt: Option<String>,
    /// The agent worked when the hook was called: it may be of an agent that this agent runs.
    pub(crate) is_busy: bool,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The prompt stands where it was expected.
    Same,
    /// It is another conversation.
    Other(Bound),
    /// Nothing tells.
    Nothing,
}

/// What is looked for, and by what.
pub(super) struct Question {
    pub(super) store: Store,
    pub(super) place: Place,
    /// The conversation that is known.
    pub(super) bound: Bound,
    /// The prompt that was typed last and must stand somewhere.
    pub(super) last: Option<Said>,
    pub(super) others: Others,
    /// The files that the session's own processes write.
    pub(super) written: HashSet<PathBuf>,
}

impl Said {
    pub(super) fn now(text: &str) -> Self {
        Self {
            text: squeeze(text),
            at: SystemTime::now(),
        }
    }

    pub(super) fn at(&self) -> SystemTime {
        self.at
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == squeeze(text)
    }

    /// A command to the agent itself, which need not be written down.
    pub(super) fn is_command(&self) -> bool {
        self.text.starts_with('/')
    }

    /// Whether it was typed before that moment, as far as that can be told.
    fn is_before(&self, at: SystemTime) -> bool {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let coarse = if since.subsec_nanos() == 0 { SECOND } else { COARSE };
        at + coarse >= self.at
    }

    /// Whether one of the turns is this prompt, and not an equal one of earlier.
    fn is_in(&self, turns: &[Turn]) -> bool {
        let mut prompts = turns.iter().rev().filter(|turn| turn.role == Role::User);
        let mut newest = true;
        prompts.any(|turn| {
            // Where the agent writes no times, only the newest prompt can be this one.
            let is_new = turn.at.map_or(newest, |at| self.is_before(at));
            newest = false;
            is_new && turn.texts().any(|words| self.is(words))
        })
    }
}

impl Named {
    /// Whether it is this session's own conversation that is named: at rest nothing else begins one here, and a prompt that
    /// was typed here is only asked here.
    pub(super) fn is_told(&self, bound: &Bound, said: &[Said]) -> bool {
        let begins = match (self.begins.as_deref(), &bound.id) {
            // The first word of an agent that begins: what is known already is better.
            (None, _) | (Some("startup"), Some(_)) => false,
            (Some(_), _) => !self.is_busy,
        };
        let asked = |prompt: &String| said.iter().any(|said| said.is(prompt));
        begins || self.prompt.as_ref().is_some_and(asked)
    }
}

impl Question {
    /// Looks. Blocks on the disk.
    pub(super) fn ask(&self, history: &History) -> Found {
        let read = |id: &str| {
            history
                .read(self.store, &self.place, id, LAST_TURNS)
                .unwrap_or_default()
        };
        if let (Some(id), Some(last)) = (&self.bound.id, &self.last)
            && last.is_in(&read(id))
        {
            return Found::Same;
        }
        let mut all = history.list(self.store, &self.place);
        all.retain(|one| !self.others.taken.contains(&one.id));
        let is_known = |one: &Conversation| self.bound.id.as_ref() == Some(&one.id);
        // Some hold the file of the conversation before open, too, for a while: then it does not tell.
        if let Some(one) = self.by_file(&all).filter(|one| !is_known(one)) {
            return found(one, BoundBy::File);
        }
        all.retain(|one| !is_known(one));
        let Some(last) = self.last.as_ref().filter(|last| !self.is_said_elsewhere(last)) else {
            return Found::Nothing;
        };
        let touched = |one: &&Conversation| one.last.is_none_or(|at| last.is_before(at));
        let mut holders = all
            .iter()
            .filter(touched)
            .filter(|one| last.is_in(&read(&one.id)));
        match (holders.next(), holders.next()) {
            (Some(one), None) => found(one, BoundBy::Prompt),
            _ => Found::Nothing,
        }
    }

    fn is_said_elsewhere(&self, last: &Said) -> bool {
        self.others.said.iter().any(|said| said.text == last.text)
    }

    /// The only conversation whose file this session writes.
    fn by_file<'a>(&self, all: &'a [Conversation]) -> Option<&'a Conversation> {
        let is_written = |path: &PathBuf| path.canonicalize().is_ok_and(|path| self.written.contains(&path));
        let mut written = all.iter().filter(|one| is_written(&one.path));
        match (written.next(), written.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }
}

fn found(one: &Conversation, by: BoundBy) -> Found {
    Found::Other(Bound {
        id: Some(one.id.clone()),
        by: Some(by),
    })
}

/// A text without blanks: agents and terminals break lines as they like.
fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
