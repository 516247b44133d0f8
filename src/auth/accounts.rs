//! Users: the own account, and those an admin keeps.

use llmux_protocol::api::{Secret, UserRequest, UserView};

use super::{Auth, AuthError, Identity, passphrase, users::check_name};

const ADMINS: AuthError = AuthError::Forbidden("admin only");

impl Auth {
    /// Changes the own display name.
    pub(crate) async fn rename_self(&self, who: &Identity, name: &str) -> Result<UserView, AuthError> {
        let (username, name) = (who.bearer()?.username.clone(), check_name(name)?.to_owned());
        self.blocking(move |auth| {
            auth.0.users.change(&username, |user| {
                user.name = name;
                Ok(())
            })
        })
        .await
    }

    /// Changes the own passphrase and revokes all own tokens; says how many.
    pub(crate) async fn change_passphrase(
        &self,
        address: Option<std::net::IpAddr>,
        who: &Identity,
        old: &Secret,
        new: &Secret,
    ) -> Result<usize, AuthError> {
        let username = who.bearer()?.username.clone();
        passphrase::check(new.expose())?;
        // A stolen token must not be a way to guess the passphrase.
        self.0.throttle.attempt(address, Some(&username))?;
        let user = self.0.users.find(&username)?.ok_or(AuthError::Orphan)?;
        let stored = user.passphrase_hash.expose();
        if !self.0.checker.matches(Some(stored), old.expose()).await? {
            return Err(AuthError::BadPassphrase);
        }
        self.set_passphrase(username, new, Some(user.passphrase_hash))
            .await
    }

    /// All users, for an admin.
    pub(crate) fn users(&self, who: &Identity) -> Result<Vec<UserView>, AuthError> {
        admin(who)?;
        Ok(self
            .0
            .users
            .list()?
            .iter()
            .map(super::users::User::view)
            .collect())
    }

    /// Makes a user, for an admin.
    pub(crate) async fn create_user(
        &self,
        who: &Identity,
        request: UserRequest,
    ) -> Result<UserView, AuthError> {
        admin(who)?;
        let UserRequest {
            username,
            name,
            passphrase,
            admin,
        } = request;
        if self.0.users.find(&username)?.is_some() {
            return Err(AuthError::UserExists(username));
        }
        let user = self.new_user(&username, &name, &passphrase, admin).await?;
        self.blocking(move |auth| {
            let made = auth.0.users.add(user, false)?;
            auth.0.setup.close();
            Ok(made)
        })
        .await
    }

    /// Removes a user and revokes their tokens, for an admin; says how many.
    pub(crate) async fn delete_user(&self, who: &Identity, username: String) -> Result<usize, AuthError> {
        admin(who)?;
        if who.is(&username) {
            return Err(AuthError::invalid("cannot delete your own account"));
        }
        self.blocking(move |auth| {
            auth.0.users.remove(&username)?;
            Ok(auth.0.tokens.revoke_all(Some(&username))?.0)
        })
        .await
    }

    /// Gives a user another passphrase and revokes their tokens, for an admin; says how many.
    pub(crate) async fn reset_passphrase(
        &self,
        who: &Identity,
        username: String,
        new: &Secret,
    ) -> Result<usize, AuthError> {
        admin(who)?;
        passphrase::check(new.expose())?;
        if self.0.users.find(&username)?.is_none() {
            return Err(super::users::unknown(&username));
        }
        self.set_passphrase(username, new, None).await
    }

    /// Sets it, if it is still the one that was `checked`.
    async fn set_passphrase(
        &self,
        username: String,
        new: &Secret,
        checked: Option<Secret>,
    ) -> Result<usize, AuthError> {
        let hash = Secret::new(self.0.checker.hash(new.expose()).await?);
        self.blocking(move |auth| {
            auth.0.users.change(&username, |user| {
                if checked.is_some_and(|checked| checked.expose() != user.passphrase_hash.expose()) {
                    return Err(AuthError::BadPassphrase);
                }
                user.passphrase_hash = hash;
                Ok(())
            })?;
            Ok(auth.0.tokens.revoke_all(Some(&username))?.0)
        })
        .await
    }
}

fn admin(who: &Identity) -> Result<(), AuthError> {
    if who.is_admin() { Ok(()) } else { Err(ADMINS) }
}
