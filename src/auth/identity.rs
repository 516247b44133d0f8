//! Who asks.

use std::sync::Arc;

use llmux_protocol::api::{Action, Role, TokenScope, Whoami};

use super::{
    AuthError,
    policy::{Where, role_may, scopes_allow},
};

/// Somebody whose credential was found good. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The user the daemon runs as, through its Unix socket: the file system was the credential.
    Owner,
    /// A user, by a token of theirs.
    User(Arc<Bearer>),
    /// The bearer of a token of version 1, by its id.
    Legacy(String),
    /// Somebody who asked for a one-time ticket to a session.
    Ticket { of: Box<Identity>, session: String },
}

/// A user and the token they came with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) admin: bool,
    pub(crate) token_id: String,
    /// What the token is limited to.
    pub(crate) scopes: Option<Vec<TokenScope>>,
}

impl Identity {
    /// Whether an action is allowed: on one session, or with `None` on every one.
    pub(crate) fn may(&self, action: Action, session: Option<&str>) -> bool {
        self.may_at(action, session.map_or(Where::Everywhere, Where::On))
    }

    pub(crate) fn may_at(&self, action: Action, place: Where<'_>) -> bool {
        let scopes_allow = match self {
            Self::Owner | Self::Legacy(_) => true,
            Self::User(bearer) => bearer
                .scopes
                .as_ref()
                .is_none_or(|scopes| scopes_allow(scopes, action, place)),
            Self::Ticket { of, session } => place == Where::On(session) && of.may_at(action, place),
        };
        scopes_allow && role_may(self.role(), action)
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Owner => Role::Owner,
            Self::User(bearer) if bearer.admin => Role::Admin,
            Self::User(_) => Role::User,
            Self::Legacy(_) => Role::Legacy,
            Self::Ticket { of, .. } => of.role(),
        }
    }

    /// The user behind a token, whatever it is limited to.
    pub(crate) fn bearer(&self) -> Result<&Bearer, AuthError> {
        match self {
            Self::User(bearer) => Ok(bearer),
            _ => Err(AuthError::NeedsUser),
        }
    }

    /// Whether accounts and tokens may be changed: a limited token must not make one without limits.
    pub(crate) fn is_unlimited(&self) -> bool {
        match self {
            Self::Owner => true,
            Self::User(bearer) => bearer.scopes.is_none(),
            Self::Legacy(_) | Self::Ticket { .. } => false,
        }
    }

    /// Whether users and everybody's tokens are theirs to change.
    pub(crate) fn is_admin(&self) -> bool {
        self.is_unlimited() && self.may(Action::Admin, None)
    }

    /// Whether they are this user.
    pub(crate) fn is(&self, username: &str) -> bool {
        self.bearer().is_ok_and(|bearer| bearer.username == username)
    }

    /// How the record names them.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Owner => "(owner)".to_owned(),
            Self::User(bearer) => bearer.username.clone(),
            Self::Legacy(id) => format!("(v1 {id})"),
            Self::Ticket { of, .. } => of.label(),
        }
    }

    pub(crate) fn token_id(&self) -> Option<&str> {
        match self {
            Self::Owner => None,
            Self::User(bearer) => Some(&bearer.token_id),
            Self::Legacy(id) => Some(id),
            Self::Ticket { of, .. } => of.token_id(),
        }
    }

    pub(crate) fn whoami(&self) -> Whoami {
        let bearer = self.bearer().ok();
        Whoami {
            role: self.role(),
            username: bearer.map(|bearer| bearer.username.clone()),
            name: bearer.map(|bearer| bearer.name.clone()),
            admin: self.is_admin(),
            token_id: self.token_id().map(str::to_owned),
            scopes: bearer.and_then(|bearer| bearer.scopes.clone()),
            actions: Action::ALL
                .into_iter()
                .filter(|action| self.may_at(*action, Where::Somewhere))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(admin: bool, scopes: Option<Vec<TokenScope>>) -> Identity {
        Identity::User(Arc::new(Bearer {
            username: "alice".to_owned(),
            name: "Alice".to_owned(),
            admin,
            token_id: "id".to_owned(),
            scopes,
        }))
    }

    #[test]
    fn scopes_never_give_more_than_the_role() {
        let all = TokenScope {
            sessions: "*".to_owned(),
            actions: Action::ALL.to_vec(),
        };
        let limited = user(false, Some(vec![all.clone()]));
        assert!(limited.may(Action::Manage, None) && !limited.may(Action::Admin, None));
        // Nor can a limited token make one that is not: it is no administrator of accounts.
        assert!(user(true, Some(vec![all.clone()])).may(Action::Admin, None));
        assert!(!user(true, Some(vec![all])).is_admin());
        assert!(user(true, None).is_admin() && !user(false, None).is_admin());
    }

    #[test]
    fn a_ticket_opens_its_session_only_and_no_more_than_its_owner_may() {
        let ticket = |of: Identity| Identity::Ticket {
            of: Box::new(of),
            session: "a".to_owned(),
        };
        let of_user = ticket(user(false, None));
        assert!(of_user.may(Action::Type, Some("a")));
        assert!(!of_user.may(Action::Type, Some("b")) && !of_user.may(Action::Watch, None));
        let of_legacy = ticket(Identity::Legacy("12345678".to_owned()));
        assert!(of_legacy.may(Action::Watch, Some("a")) && !of_legacy.may(Action::Type, Some("a")));
        assert!(!of_user.is_unlimited() && of_user.bearer().is_err());
    }
}
