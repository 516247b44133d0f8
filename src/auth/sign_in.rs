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
    /// Who made the code: it is worth nothing once they may do nothing.
    issuer: Identity,
    username: String,
    /// As it was when the code was made: with another passphrase the code is worth nothing.
    passphrase_hash: Secret,
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
            auth.0.tokens.mint(login(&user.username, name))
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
        let user = user.filter(|_| good).ok_or(AuthError::BadCredentials)?;
        self.sign_in_checked(user, device_name).await
    }

    /// Signs in a user whose passphrase was found right, unless they have another by now.
    pub(super) async fn sign_in_checked(
        &self,
        user: User,
        device_name: Option<String>,
    ) -> Result<Minted, AuthError> {
        let name = device(&user.username, device_name);
        self.blocking(move |auth| {
            auth.mint_while(login(&user.username, name), |auth| {
                auth.still_has(&user.username, &user.passphrase_hash, AuthError::BadCredentials)
            })
        })
        .await
    }

    /// Makes a code that signs another device in, once. Only an admin can do that for another user.
    pub(crate) fn offer_pairing(&self, who: &Identity, request: PairingRequest) -> Result<Issued, AuthError> {
        let username = self.beneficiary(who, request.username.as_deref())?;
        if let Some(scopes) = &request.scopes {
            check_scopes(scopes)?;
        }
        let expires_at = request.expires_at.as_deref().map(check_expiry).transpose()?;
        let user = self.0.users.find(&username)?.ok_or_else(|| unknown(&username))?;
        self.0.pairings.issue(Pairing {
            issuer: who.clone(),
            username,
            passphrase_hash: user.passphrase_hash,
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
        let pairing = pairing.ok_or(AuthError::BadCode)?;
        let name = device(&pairing.username, pairing.name.or(request.device_name));
        self.blocking(move |auth| {
            let wish = Wish {
                username: &pairing.username,
                name,
                expires_at: Some(pairing.expires_at.unwrap_or_else(login_ends)),
                scopes: pairing.scopes,
            };
            auth.mint_while(wish, |auth| {
                let issuer = auth.good_until(&pairing.issuer);
                issuer.map_err(|error| {
                    if error.is_of_files() {
                        error
                    } else {
                        AuthError::BadCode
                    }
                })?;
                auth.still_has(&pairing.username, &pairing.passphrase_hash, AuthError::BadCode)
            })
        })
        .await
    }

    /// Makes a token that rests on something, and takes it back if that is not `good` any more. Who ends what it rests on
    /// revokes the tokens that are there, and this one may come just behind them.
    pub(super) fn mint_while(
        &self,
        wish: Wish<'_>,
        good: impl FnOnce(&Self) -> Result<(), AuthError>,
    ) -> Result<Minted, AuthError> {
        let minted = self.0.tokens.mint(wish)?;
        let Err(why) = good(self) else {
            return Ok(minted);
        };
        match self.0.tokens.revoke(&minted.token.id, |_| Ok(())) {
            Ok(_) | Err(AuthError::TokenNotFound(_)) => Err(why),
            Err(error) => Err(error),
        }
    }

    /// Whether a user still has the passphrase of this hash; else `or`.
    pub(super) fn still_has(&self, username: &str, hash: &Secret, or: AuthError) -> Result<(), AuthError> {
        match self.0.users.find(username)? {
            Some(user) if user.passphrase_hash.expose() == hash.expose() => Ok(()),
            _ => Err(or),
        }
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

    /// Whom something is made for: the one who asks, or whom an admin names. Others may name themselves.
    pub(super) fn beneficiary(&self, who: &Identity, asked: Option<&str>) -> Result<String, AuthError> {
        if who.is_admin() {
            let own = who.bearer().map(|bearer| bearer.username.as_str());
            let username = asked
                .or(own.ok())
                .ok_or_else(|| AuthError::invalid("username required"))?;
            self.0.users.find(username)?.ok_or_else(|| unknown(username))?;
            return Ok(username.to_owned());
        }
        let own = &who.bearer()?.username;
        if asked.is_some_and(|asked| asked != own) {
            return Err(AuthError::Forbidden("only an admin makes tokens for others"));
        }
        Ok(own.clone())
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
}

/// The token of a sign-in.
fn login(username: &str, name: String) -> Wish<'_> {
    Wish {
        username,
        name,
        expires_at: Some(login_ends()),
        scopes: None,
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
