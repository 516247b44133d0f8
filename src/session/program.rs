//! What runs in a session, for those who work with it rather than on it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use llmux_protocol::{PaneId, api::HooksView};

use super::{binding::Binding, input::Input};
use crate::{agent::Agent, pane::Pane, store::SessionRecord, tmux::ServerId};

/// A running program: it is another one after each start.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) id: ProgramId,
    /// None if the configuration does not know the agent any more.
    pub(crate) agent: Option<Arc<Agent>>,
    /// As it was when the program was started, or found.
    pub(crate) record: Arc<SessionRecord>,
    /// Its environment, as far as it is known.
    pub(crate) env: Arc<BTreeMap<String, String>>,
    /// How its hooks were set up.
    pub(crate) hooks: Arc<HooksView>,
    pub(crate) pane: Pane,
    pub(crate) input: Input,
    /// The conversation it is in.
    pub(crate) binding: Binding,
}

/// What no two programs share, as long as the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProgramId {
    pub(super) server: ServerId,
    pub(super) pane: PaneId,
}

impl ProgramId {
    /// Whether it runs in this pane of the tmux server with this process id.
    pub(crate) fn is_in(self, server: u32, pane: &str) -> bool {
        self.server.pid == server && self.pane.to_string() == pane
    }
}

impl fmt::Display for ProgramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.server.pid, self.server.started, self.pane)
    }
}

/// Follows which programs run. Called in the order of events; must return at once.
pub(crate) trait Follower: Send + Sync {
    /// A program runs in the session `name`: it was started, or found by a new daemon. It replaces the one before.
    fn runs(&self, name: &str, program: Program);
    /// A program that was just started looks alive. `init`: its init prompts are wanted.
    fn started(&self, name: &str, init: bool);
    /// A session has a new name.
    fn renamed(&self, from: &str, to: &str);
}
