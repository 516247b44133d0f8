//! The tokens of users: `tokens.json`, shared with the Node program 0.41.
//!
//! On the wire a token is `sas_ID.SECRET`; the file has the digest of SECRET. `scopes` is ours: the Node program carries it
//! along and does not heed it.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use llmux_protocol::api::{Secret, TokenScope, TokenView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{
    AuthError,
    rows::{Row, Rows},
    secret::{from_base64, random_text, same, sha256, to_base64},
    shelf::{Change, Shelf},
};
use crate::store::time;

/// How long an expired token stays in the file, so that its bearer is told why it is refused.
const EXPIRED_KEPT: Duration = Duration::from_hours(24);
const MAX_NAME: usize = 200;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the file's own words")]
pub(super) struct Token {
    pub(super) token_id: String,
    secret_hash: Secret,
    pub(super) username: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What a token is limited to. What can't be read allows nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Scopes {
    Known(Vec<TokenScope>),
    Unreadable(Value),
}

impl Row for Token {
    fn key(&self) -> &str {
        &self.token_id
    }
}

impl Token {
    pub(super) fn scopes(&self) -> Option<Vec<TokenScope>> {
        match self.scopes.as_ref()? {
            Scopes::Known(scopes) => Some(scopes.clone()),
            Scopes::Unreadable(_) => Some(Vec::new()),
        }
    }

    /// The end of its life; one that can't be read is none, as in the Node program.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        time::parse(self.expires_at.as_deref()?)
    }

    pub(super) fn is_expired(&self) -> bool {
        self.expires().is_some_and(|end| end <= SystemTime::now())
    }

    fn is_past_keeping(&self) -> bool {
        let now = SystemTime::now();
        self.expires()
            .and_then(|end| end.checked_add(EXPIRED_KEPT))
            .is_some_and(|end| end <= now)
    }

    pub(super) fn view(&self) -> TokenView {
        TokenView {
            id: self.token_id.clone(),
            username: self.username.clone(),
            name: self.name.clone(),
            created_at: self.created_at.clone(),
            expires_at: self.expires_at.clone(),
            last_used_at: self.last_used_at.clone(),
            scopes: self.scopes(),
        }
    }
}

/// A new token: what it is, and its one plain showing.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) value: Secret,
    pub(crate) token: TokenView,
}

pub(super) struct Wish<'a> {
    pub(super) username: &'a str,
    pub(super) name: String,
    pub(super) expires_at: Option<String>,
    pub(super) scopes: Option<Vec<TokenScope>>,
}

pub(super) struct Tokens {
    shelf: Shelf<Rows<Token>>,
    /// Tokens that were used since the file was last written.
    used: Mutex<HashMap<String, SystemTime>>,
}

impl Tokens {
    pub(super) fn new(path: PathBuf, changed: watch::Sender<()>) -> Self {
        Self {
            shelf: Shelf::new(path, changed),
            used: Mutex::default(),
        }
    }

    /// The token behind a wire text. Its owner is not looked at.
    pub(super) fn check(&self, wire: &str) -> Result<Token, AuthError> {
        let (id, secret) = split(wire).ok_or(AuthError::BadToken)?;
        let tokens = self.shelf.get()?;
        let found = tokens.get(id);
        let stored = found.and_then(|token| from_base64(token.secret_hash.expose()));
        // An unknown id costs the same comparison.
        let good = same(&sha256(secret), stored.as_deref().unwrap_or_default());
        match found {
            Some(token) if good && token.is_expired() => Err(AuthError::Expired),
            Some(token) if good => Ok(token.clone()),
            _ => Err(AuthError::BadToken),
        }
    }

    /// The token of this id, if it is still good.
    pub(super) fn find(&self, id: &str) -> Result<Token, AuthError> {
        match self.shelf.get()?.get(id) {
            Some(token) if token.is_expired() => Err(AuthError::Expired),
            Some(token) => Ok(token.clone()),
            None => Err(AuthError::BadToken),
        }
    }

    /// Notes that a token is in use; `true` for the first since the last [`Tokens::flush`].
    pub(super) fn touch(&self, id: &str) -> bool {
        let mut used = self.used();
        let first = used.is_empty();
        match used.get_mut(id) {
            Some(at) => *at = SystemTime::now(),
            None => {
                used.insert(id.to_owned(), SystemTime::now());
            }
        }
        first
    }

    /// Writes down when tokens were last used, and forgets those that ended long ago.
    pub(super) fn flush(&self) -> Result<(), AuthError> {
        let used = std::mem::take(&mut *self.used());
        self.shelf.update(|tokens| {
            let before = tokens.all.len();
            tokens.all.retain(|token| !token.is_past_keeping());
            let mut changed = tokens.all.len() != before;
            for token in &mut tokens.all {
                if let Some(at) = used.get(&token.token_id) {
                    token.last_used_at = Some(time::rfc3339(*at));
                    changed = true;
                }
            }
            Ok(if changed {
                Change::Write(())
            } else {
                Change::Keep(())
            })
        })
    }

    pub(super) fn list(&self) -> Result<Vec<TokenView>, AuthError> {
        let tokens = self.shelf.get()?;
        let used = self.used();
        let view = |token: &Token| {
            let mut view = token.view();
            if let Some(at) = used.get(&token.token_id) {
                view.last_used_at = Some(time::rfc3339(*at));
            }
            view
        };
        Ok(tokens.all.iter().map(view).collect())
    }

    pub(super) fn mint(&self, wish: Wish<'_>) -> Result<Minted, AuthError> {
        let name = check_name(&wish.name)?;
        if name.is_empty() {
            return Err(AuthError::invalid("name required"));
        }
        let expires_at = wish.expires_at.as_deref().map(check_expiry).transpose()?;
        let (id, secret) = (random_text::<12>()?, random_text::<32>()?);
        let token = Token {
            token_id: id.clone(),
            secret_hash: Secret::new(to_base64(&sha256(&secret))),
            username: wish.username.to_owned(),
            name: name.to_owned(),
            created_at: time::now(),
            expires_at,
            last_used_at: None,
            scopes: wish.scopes.map(Scopes::Known),
            extra: Map::new(),
        };
        let view = token.view();
        self.shelf.update(|tokens| {
            tokens.all.retain(|token| !token.is_past_keeping());
            tokens.all.push(token);
            Ok(Change::Write(()))
        })?;
        Ok(Minted {
            value: Secret::new(format!("sas_{id}.{secret}")),
            token: view,
        })
    }

    /// Changes a token's name, which may become empty; `may` judges whose it is.
    pub(super) fn rename(
        &self,
        id: &str,
        name: &str,
        may: impl FnOnce(&str) -> Result<(), AuthError>,
    ) -> Result<TokenView, AuthError> {
        let name = check_name(name)?;
        self.shelf.update(|tokens| {
            let token = tokens
                .find(id)
                .ok_or_else(|| AuthError::TokenNotFound(format!("no token with id \"{id}\"")))?;
            may(&token.username)?;
            name.clone_into(&mut token.name);
            Ok(Change::Write(token.view()))
        })
    }

    /// Removes a token and says whose it was; `may` judges that.
    pub(super) fn revoke(
        &self,
        id: &str,
        may: impl FnOnce(&str) -> Result<(), AuthError>,
    ) -> Result<String, AuthError> {
        self.shelf.update(|tokens| {
            let token = tokens
                .find(id)
                .ok_or_else(|| AuthError::TokenNotFound("token not found".to_owned()))?;
            let owner = token.username.clone();
            may(&owner)?;
            tokens.all.retain(|token| token.token_id != id);
            Ok(Change::Write(owner))
        })
    }

    /// Removes all tokens, or one user's; says how many went, and how many there were.
    pub(super) fn revoke_all(&self, username: Option<&str>) -> Result<(usize, usize), AuthError> {
        self.shelf.update(|tokens| {
            let before = tokens.all.len();
            tokens
                .all
                .retain(|token| username.is_some_and(|username| token.username != username));
            let removed = before - tokens.all.len();
            let counts = (removed, before);
            Ok(if removed > 0 {
                Change::Write(counts)
            } else {
                Change::Keep(counts)
            })
        })
    }

    fn used(&self) -> std::sync::MutexGuard<'_, HashMap<String, SystemTime>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a wire text apart.
fn split(wire: &str) -> Option<(&str, &str)> {
    let (id, secret) = wire.strip_prefix("sas_")?.split_once('.')?;
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

/// Whether a wire text is of this kind, and not one of version 1.
pub(super) fn is_ours(wire: &str) -> bool {
    wire.contains('.')
}

fn check_name(name: &str) -> Result<&str, AuthError> {
    let name = name.trim();
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(AuthError::invalid(
            "a token's name must be one line of at most 200 characters",
        ));
    }
    Ok(name)
}

/// An end in the future, in the one form that is written.
/// A time as it is kept, if it is one and in the future.
pub(super) fn check_expiry(text: &str) -> Result<String, AuthError> {
    let text = text.trim();
    let end = time::parse(text)
        // A date is its first moment, as in JavaScript.
        .or_else(|| time::parse(&format!("{text}T00:00:00Z")))
        .ok_or_else(|| AuthError::invalid("expiresAt must be ISO-8601"))?;
    if end <= SystemTime::now() {
        return Err(AuthError::invalid("expiresAt must be in the future"));
    }
    Ok(time::rfc3339(end))
}
