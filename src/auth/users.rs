//! The users: `users.json`, shared with the Node program 0.41.

use std::path::PathBuf;

use llmux_protocol::api::{Secret, UserView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{
    AuthError,
    rows::{Row, Rows},
    shelf::{Change, Shelf},
};
use crate::store::time;

const MAX_USERNAME: usize = 32;
const MAX_NAME: usize = 200;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) username: String,
    pub(super) name: String,
    pub(super) passphrase_hash: Secret,
    #[serde(default)]
    pub(super) admin: bool,
    #[serde(default)]
    created_at: String,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Row for User {
    fn key(&self) -> &str {
        &self.username
    }
}

impl User {
    pub(super) fn new(username: &str, name: &str, passphrase_hash: String, admin: bool) -> Self {
        Self {
            username: username.to_owned(),
            name: name.to_owned(),
            passphrase_hash: Secret::new(passphrase_hash),
            admin,
            created_at: time::now(),
            extra: Map::new(),
        }
    }

    pub(super) fn view(&self) -> UserView {
        UserView {
            username: self.username.clone(),
            name: self.name.clone(),
            admin: self.admin,
            created_at: self.created_at.clone(),
        }
    }
}

pub(super) struct Users(Shelf<Rows<User>>);

impl Users {
    pub(super) fn new(path: PathBuf, changed: watch::Sender<()>) -> Self {
        Self(Shelf::new(path, changed))
    }

    pub(super) fn find(&self, username: &str) -> Result<Option<User>, AuthError> {
        Ok(self.0.get()?.get(username).cloned())
    }

    pub(super) fn list(&self) -> Result<Vec<User>, AuthError> {
        Ok(self.0.get()?.all.clone())
    }

    pub(super) fn exist(&self) -> Result<bool, AuthError> {
        Ok(!self.0.get()?.all.is_empty())
    }

    /// Adds a user; with `first` only if there is none yet.
    pub(super) fn add(&self, user: User, first: bool) -> Result<UserView, AuthError> {
        self.0.update(|users| {
            if first && !users.all.is_empty() {
                return Err(AuthError::SetupDone);
            }
            if users.find(&user.username).is_some() {
                return Err(AuthError::UserExists(user.username));
            }
            let view = user.view();
            users.all.push(user);
            Ok(Change::Write(view))
        })
    }

    /// Changes a user.
    pub(super) fn change(
        &self,
        username: &str,
        change: impl FnOnce(&mut User) -> Result<(), AuthError>,
    ) -> Result<UserView, AuthError> {
        self.0.update(|users| {
            let user = users.find(username).ok_or_else(|| unknown(username))?;
            change(user)?;
            Ok(Change::Write(user.view()))
        })
    }

    /// Removes a user, unless nobody could administrate the daemon any more.
    pub(super) fn remove(&self, username: &str) -> Result<(), AuthError> {
        self.0.update(|users| {
            let user = users
                .find(username)
                .ok_or_else(|| AuthError::UserNotFound("user not found".to_owned()))?;
            let admin = user.admin;
            if admin && users.all.iter().filter(|user| user.admin).count() < 2 {
                return Err(AuthError::invalid("cannot delete the last admin"));
            }
            users.all.retain(|user| user.username != username);
            Ok(Change::Write(()))
        })
    }
}

pub(super) fn unknown(username: &str) -> AuthError {
    AuthError::UserNotFound(format!("user '{username}' not found"))
}

/// Whether a new username will do.
pub(super) fn check_username(username: &str) -> Result<(), AuthError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if username.is_empty() {
        Err(AuthError::invalid("username required"))
    } else if username.chars().count() > MAX_USERNAME {
        Err(AuthError::invalid("username too long (max 32)"))
    } else if !username.chars().all(fits) {
        Err(AuthError::invalid(
            "username must match [a-z0-9_-]+ (lowercase, no spaces)",
        ))
    } else {
        Ok(())
    }
}

/// A display name without the blanks around it. It is shown on pages and in terminals, so nothing there may obey it.
pub(super) fn check_name(name: &str) -> Result<&str, AuthError> {
    let name = name.trim();
    if name.is_empty() {
        Err(AuthError::invalid("name required"))
    } else if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        Err(AuthError::invalid(
            "name must be one line of at most 200 characters",
        ))
    } else {
        Ok(name)
    }
}
