//! What a route asks of its caller.

use llmux_protocol::api::Action;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Open,
    /// Nothing yet: the request itself brings a credential, and is throttled.
    SignIn,
    /// Any good credential.
    Known,
    /// A user without limits, for what is theirs; handlers ask for more where they must.
    Account,
    /// The daemon's owner, through the Unix socket.
    Owner,
    /// That an action is allowed.
    Do(Action, Reach),
}

/// Where a route's action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On the session that the path names as `{name}`.
    Session,
    /// On the session of the turn that the path names as `{id}`.
    Turn,
    /// On all sessions, or on none in particular.
    Every,
    /// On some; the handler looks at each.
    Some,
}

pub(crate) const fn on_session(action: Action) -> Need {
    Need::Do(action, Reach::Session)
}

pub(crate) const fn on_turn(action: Action) -> Need {
    Need::Do(action, Reach::Turn)
}

pub(crate) const fn every(action: Action) -> Need {
    Need::Do(action, Reach::Every)
}

pub(crate) const fn some(action: Action) -> Need {
    Need::Do(action, Reach::Some)
}

impl Need {
    /// Whether what is done through it goes on record.
    pub(super) fn is_recorded(self) -> bool {
        match self {
            Self::Open | Self::Known | Self::Do(Action::Watch, _) => false,
            Self::SignIn | Self::Account | Self::Owner | Self::Do(..) => true,
        }
    }
}
