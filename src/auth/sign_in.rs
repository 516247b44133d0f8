//! Ways to a first token: setup, passphrase, pairing code. Each is throttled.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use llmux_protocol::api::{LoginRequest, PairRequest, PairingRequest, Secret, SetupRequest, TokenScope};

use super::{
    Auth, AuthError, Identity, Issued, Minted,
    grants::check_scopes,
    passphrase,
    tokens::{Wish, check_expiry},
    users::{User, check_name, check_username, unknown},
};
use crate::store::time;

/// How long a sign-in lasts.
pub(crate) const LOGIN: Duration = Duration::from_hours(90 * 24);

/// Who will be signed in by a pairing code.
pub(super) struct Pairing {
    username: String,
    scopes: Option<Vec<TokenScope>>,
    name: Option<String>,
    expires_at: Option<String>,
}

impl Auth {
    /// Makes a setup token if there is no user yet; else takes an old one back.
    pub(crate) fn offer_setup(&self) -> Result<Option<Secret>, AuthError> {
        if self.0.users.exist()? {
            self.0.setup.close();
            return Ok(None);
        }
        self.0.setup.offer().map(Some)
    }

    /// Makes the first user, an admin, and signs them in.
    pub(crate) async fn set_up(
        &self,
        address: Option<IpAddr>,
        request: SetupRequest,
    ) -> Result<Minted, AuthError> {
        self.0.throttle.attempt(address, None)?;
        if self.0.users.exist()? {
            return Err(AuthError::SetupDone);
        }
        if !self.0.setup.is(request.setup_token.expose()) {
            return Err(AuthError::BadSetupToken);
        }
        let user = self
            .new_user(&request.username, &request.name, &request.passphrase, true)
            .await?;
        let name = format!("{}'s first device", user.name);
        self.blocking(move |auth| {
            let user = auth.0.users.add(user, true)?;
            auth.0.setup.close();
            auth.mint_login(&user.username, name)
        })
        .await
    }

    /// Signs in by passphrase. Takes the same time whether the user is known or not.
    pub(crate) async fn log_in(
        &self,
        address: Option<IpAddr>,
        request: LoginRequest,
    ) -> Result<Minted, AuthError> {
        let LoginRequest {
            username,
            passphrase,
            device_name,
        } = request;
        if username.is_empty() || passphrase.expose().is_empty() {
            return Err(AuthError::invalid("username and passphrase required"));
        }
        self.0.throttle.attempt(address, Some(&username))?;
        let user = self.0.users.find(&username)?;
        let stored = user.as_ref().map(|user| user.passphrase_hash.expose());
        let good = self.0.checker.matches(stored, passphrase.expose()).await?;
        if !good || user.is_none() {
            return Err(AuthError::BadCredentials);
        }
        let name = device(&username, device_name);
        self.blocking(move |auth| auth.mint_login(&username, name)).await
    }

    /// Makes a code that signs another device in, once. Only an admin can do that for another user.
    pub(crate) fn offer_pairing(&self, who: &Identity, request: PairingRequest) -> Result<Issued, AuthError> {
        let username = self.beneficiary(who, request.username.as_deref())?;
        if let Some(scopes) = &request.scopes {
            check_scopes(scopes)?;
        }
        let expires_at = request.expires_at.as_deref().map(check_expiry).transpose()?;
        self.0.pairings.issue(Pairing {
            username,
            scopes: request.scopes,
            name: request.name,
            expires_at,
        })
    }

    /// Signs in by a pairing code, which is spent.
    pub(crate) async fn pair(
        &self,
        address: Option<IpAddr>,
        request: PairRequest,
    ) -> Result<Minted, AuthError> {
        self.0.throttle.attempt(address, None)?;
        let pairing = self.0.pairings.take(request.code.expose());
        let Pairing {
            username,
            scopes,
            name,
            expires_at,
        } = pairing.ok_or(AuthError::BadCode)?;
        let name = device(&username, name.or(request.device_name));
        self.blocking(move |auth| {
            // They may be gone since the code was made.
            auth.0.users.find(&username)?.ok_or(AuthError::BadCode)?;
            auth.0.tokens.mint(Wish {
                username: &username,
                name,
                expires_at: Some(expires_at.unwrap_or_else(login_ends)),
                scopes,
            })
        })
        .await
    }

    /// Who comes with a token that is to become a cookie.
    pub(crate) fn exchange(&self, address: Option<IpAddr>, token: &str) -> Result<Identity, AuthError> {
        self.0.throttle.attempt(address, None)?;
        self.identify(token)
    }

    /// Revokes the token somebody came with.
    pub(crate) async fn log_out(&self, who: &Identity) -> Result<(), AuthError> {
        let id = who.bearer()?.token_id.clone();
        self.blocking(move |auth| auth.0.tokens.revoke(&id, |_| Ok(())).map(drop))
            .await
    }

    /// Whom something is made for: the one who asks, or whom an admin names.
    pub(super) fn beneficiary(&self, who: &Identity, asked: Option<&str>) -> Result<String, AuthError> {
        if who.is_admin() {
            let own = who.bearer().map(|bearer| bearer.username.as_str());
            let username = asked
                .or(own.ok())
                .ok_or_else(|| AuthError::invalid("username required"))?;
            self.0.users.find(username)?.ok_or_else(|| unknown(username))?;
            return Ok(username.to_owned());
        }
        Ok(who.bearer()?.username.clone())
    }

    pub(super) async fn new_user(
        &self,
        username: &str,
        name: &str,
        passphrase: &Secret,
        admin: bool,
    ) -> Result<User, AuthError> {
        check_username(username)?;
        let name = check_name(name)?;
        passphrase::check(passphrase.expose())?;
        let hash = self.0.checker.hash(passphrase.expose()).await?;
        Ok(User::new(username, name, hash, admin))
    }

    fn mint_login(&self, username: &str, name: String) -> Result<Minted, AuthError> {
        self.0.tokens.mint(Wish {
            username,
            name,
            expires_at: Some(login_ends()),
            scopes: None,
        })
    }
}

/// When a sign-in of now ends.
fn login_ends() -> String {
    time::rfc3339(SystemTime::now() + LOGIN)
}

/// What a new device's token is called.
fn device(username: &str, named: Option<String>) -> String {
    named
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("{username} device"))
}
