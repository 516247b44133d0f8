//! Users, tokens and what they allow. Knows nothing of HTTP.
//!
//! The files are those of the Node program 0.41, in its shapes, and may be shared with one that runs. Checking a token reads
//! no file that is unchanged and writes none.

mod accounts;
mod audit;
mod checker;
mod error;
mod grants;
mod identity;
mod lasting;
mod legacy;
mod once;
mod passphrase;
mod policy;
mod rows;
mod secret;
mod setup;
mod shelf;
mod sign_in;
#[cfg(test)]
mod tests;
mod throttle;
mod tokens;
mod users;

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use llmux_protocol::api::Action;
use tokio::{sync::watch, task::spawn_blocking};

use self::{
    audit::Audit,
    checker::Checker,
    legacy::Legacy,
    once::Once,
    setup::Setup,
    sign_in::Pairing,
    throttle::Throttle,
    tokens::{Token, Tokens},
    users::Users,
};
pub(crate) use self::{
    audit::{Entry, Typed},
    error::AuthError,
    identity::{Bearer, Identity},
    once::Issued,
    policy::Where,
    sign_in::LOGIN,
    tokens::Minted,
};
use crate::config::Environment;

/// How long a pairing code is good.
const PAIRING: Duration = Duration::from_mins(5);
/// How long a WebSocket ticket is good.
const TICKET: Duration = Duration::from_secs(30);

/// What can be chosen.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The cost of a new passphrase's hash: the binary logarithm of scrypt's N.
    pub(crate) log_n: u8,
    /// How long the use of a token may stay unwritten.
    pub(crate) write_every: Duration,
    /// Whether the record holds what was typed as text.
    pub(crate) record_text: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            log_n: 17,
            write_every: Duration::from_mins(1),
            record_text: false,
        }
    }
}

/// The one door to all that is about users and tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Auth(Arc<Inner>);

struct Inner {
    setting: Setting,
    record_text: AtomicBool,
    users: Users,
    tokens: Tokens,
    legacy: Legacy,
    setup: Setup,
    checker: Checker,
    throttle: Throttle,
    pairings: Once<Pairing>,
    tickets: Once<Identity>,
    audit: Audit,
    /// Changes when one of the files did.
    changed: watch::Sender<()>,
}

impl Auth {
    /// Names the files: users and tokens in `$XDG_DATA_HOME/llmux/v2`, the rest in `state_dir`. Takes plain tokens out of an
    /// `auth.json` of version 1; a file that can't be understood is said in the log and refuses those who need it.
    ///
    /// # Errors
    /// The thread that writes the record can't be started.
    pub(crate) fn open(env: &Environment, state_dir: &Path, setting: Setting) -> io::Result<Self> {
        let data = env.xdg("XDG_DATA_HOME", ".local/share").join("llmux/v2");
        let audit = Audit::start(state_dir.join("audit.jsonl"))?;
        let changed = watch::Sender::default();
        let auth = Self(Arc::new(Inner {
            users: Users::new(data.join("users.json"), changed.clone()),
            tokens: Tokens::new(data.join("tokens.json"), changed.clone()),
            legacy: Legacy::new(state_dir.join("auth.json"), changed.clone()),
            setup: Setup::new(data.join("setup-token")),
            checker: Checker::new(setting.log_n),
            throttle: Throttle::new(),
            pairings: Once::new(PAIRING),
            tickets: Once::new(TICKET),
            audit,
            changed,
            record_text: AtomicBool::new(setting.record_text),
            setting,
        }));
        if let Err(error) = auth.0.legacy.migrate() {
            tracing::error!(%error, "tokens of version 1 are refused");
        }
        Ok(auth)
    }

    /// With all files in one directory, and passphrases that are cheap to check.
    #[cfg(test)]
    pub(crate) fn in_dir(dir: &Path) -> Self {
        let data = dir.join("data");
        let vars = [("XDG_DATA_HOME", data.to_str().unwrap())];
        let setting = Setting {
            log_n: 4,
            ..Setting::default()
        };
        Self::open(&Environment::new(dir, dir, vars), dir, setting).unwrap()
    }

    /// Whether anybody can sign in: there is a user, or a token of version 1.
    pub(crate) fn is_enabled(&self) -> bool {
        self.0.users.exist().unwrap_or(true) || self.0.legacy.exist().unwrap_or(true)
    }

    /// Who comes with this token, of whichever version.
    ///
    /// # Errors
    /// It is no good, or the files that could tell can't be read.
    pub(crate) fn identify(&self, token: &str) -> Result<Identity, AuthError> {
        if !tokens::is_ours(token) {
            return self.0.legacy.check(token).map(Identity::Legacy);
        }
        let token = self.0.tokens.check(token)?;
        let bearer = self.bearer(&token);
        if matches!(bearer, Err(AuthError::Orphan)) {
            self.forget_orphan(token.token_id.clone());
        }
        let bearer = bearer?;
        self.note_use(&token.token_id);
        Ok(Identity::User(Arc::new(bearer)))
    }

    /// The user behind a token, as they are now.
    fn bearer(&self, token: &Token) -> Result<Bearer, AuthError> {
        let user = self.0.users.find(&token.username)?.ok_or(AuthError::Orphan)?;
        Ok(Bearer {
            username: user.username,
            name: user.name,
            admin: user.admin,
            token_id: token.token_id.clone(),
            scopes: token.scopes(),
        })
    }

    /// Whether the bearer of the token of this id may do something on a session, were they to ask now.
    pub(crate) fn bearer_may(&self, token_id: &str, action: Action, session: &str) -> bool {
        let bearer = self.0.tokens.find(token_id).and_then(|token| self.bearer(&token));
        bearer.is_ok_and(|bearer| Identity::User(Arc::new(bearer)).may(action, Some(session)))
    }

    /// Whether the token of this id is over. Where a file can't be read, nobody knows.
    pub(crate) fn is_over(&self, token_id: &str) -> bool {
        let bearer = self.0.tokens.find(token_id).and_then(|token| self.bearer(&token));
        bearer.is_err_and(|error| !error.is_of_files())
    }

    /// Who asked for this ticket, if their own credential is still good; it is spent.
    pub(crate) fn redeem_ticket(&self, ticket: &str) -> Result<Identity, AuthError> {
        let who = self.0.tickets.take(ticket).ok_or(AuthError::BadToken)?;
        self.good_until(&who)?;
        Ok(who)
    }

    /// Makes a ticket for one upgrade to a session's WebSocket.
    pub(crate) fn issue_ticket(&self, of: &Identity, session: &str) -> Result<Issued, AuthError> {
        self.0.tickets.issue(Identity::Ticket {
            of: Box::new(of.clone()),
            session: session.to_owned(),
        })
    }

    /// Describes what was typed, for the record.
    pub(crate) fn typed(&self, text: &str) -> Typed {
        Typed::of(text, self.0.record_text.load(Ordering::Relaxed))
    }

    /// Lets the record hold what was typed as text, or its digest only.
    pub(crate) fn record_text(&self, text: bool) {
        self.0.record_text.store(text, Ordering::Relaxed);
    }

    /// Records what was done. Never waits.
    pub(crate) fn record(&self, entry: Entry) {
        self.0.audit.record(entry);
    }

    /// Writes down when tokens were last used.
    pub(crate) async fn flush(&self) {
        let flushed = self.blocking(|auth| auth.0.tokens.flush()).await;
        if let Err(error) = flushed {
            tracing::warn!(%error, "the use of tokens could not be written down");
        }
    }

    /// Notes a token's use; the first after a while has all of them written down a little later.
    fn note_use(&self, id: &str) {
        if !self.0.tokens.touch(id) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (auth, later) = (Arc::downgrade(&self.0), self.0.setting.write_every);
            runtime.spawn(async move {
                tokio::time::sleep(later).await;
                if let Some(inner) = auth.upgrade() {
                    Self(inner).flush().await;
                }
            });
        }
    }

    /// Removes a token whose user is gone, as the Node program does.
    fn forget_orphan(&self, id: String) {
        let inner = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || inner.tokens.revoke(&id, |_| Ok(())));
        }
    }

    /// Runs what reads and writes files where it may block. Runs to its end even if nobody waits any more.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, AuthError> + Send + 'static,
    ) -> Result<T, AuthError> {
        let auth = self.clone();
        spawn_blocking(move || work(&auth))
            .await
            .map_err(|error| AuthError::Internal {
                action: "use the files of users and tokens",
                source: error.into(),
            })?
    }
}
