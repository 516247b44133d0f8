//! Tokens: those of the one who asks, and those of all for an admin.

use llmux_protocol::api::{TokenList, TokenOwner, TokenRequest, TokenScope, TokenView};

use super::{Auth, AuthError, Identity, Minted, tokens::Wish};
use crate::store::time;

/// More would be looked through at each request.
const MAX_SCOPES: usize = 32;
const MAX_PATTERN: usize = 128;

impl Auth {
    /// The tokens somebody may see: their own, or with `all` an admin's everybody's.
    pub(crate) fn tokens(&self, who: &Identity, all: bool) -> Result<TokenList, AuthError> {
        let (me, admin) = (own(who)?, who.is_admin());
        let mut tokens = self.0.tokens.list()?;
        if !(admin && all) {
            tokens.retain(|token| Some(&token.username) == me.as_ref());
        }
        let users = if admin {
            let owner = |user: &super::users::User| TokenOwner {
                username: Some(user.username.clone()),
                admin: user.admin,
            };
            Some(self.0.users.list()?.iter().map(owner).collect())
        } else {
            None
        };
        Ok(TokenList {
            me: TokenOwner { username: me, admin },
            tokens,
            users,
        })
    }

    /// Makes a token.
    pub(crate) async fn mint(&self, who: &Identity, request: TokenRequest) -> Result<Minted, AuthError> {
        own(who)?;
        let username = self.beneficiary(who, request.username.as_deref())?;
        if let Some(scopes) = &request.scopes {
            check_scopes(scopes)?;
        }
        let name = request
            .name
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| format!("{username}-{}", time::now().get(..10).unwrap_or_default()));
        let who = who.clone();
        self.blocking(move |auth| {
            let wish = Wish {
                username: &username,
                name,
                expires_at: request.expires_at,
                scopes: request.scopes,
            };
            auth.mint_while(wish, |auth| auth.good_until(&who).map(drop))
        })
        .await
    }

    /// Gives a token another name, or with an empty text none.
    pub(crate) async fn rename_token(
        &self,
        who: &Identity,
        id: String,
        name: String,
    ) -> Result<TokenView, AuthError> {
        let who = who.clone();
        self.blocking(move |auth| {
            auth.0
                .tokens
                .rename(&id, &name, |owner| may_change(&who, owner, "forbidden"))
        })
        .await
    }

    /// Revokes a token and says whose it was.
    pub(crate) async fn revoke(&self, who: &Identity, id: String) -> Result<String, AuthError> {
        const OTHERS: &str = "cannot revoke tokens owned by another user";
        let who = who.clone();
        self.blocking(move |auth| auth.0.tokens.revoke(&id, |owner| may_change(&who, owner, OTHERS)))
            .await
    }

    /// Revokes all own tokens, or as an admin everybody's or those of `user`; says how many went of how many.
    pub(crate) async fn revoke_all(
        &self,
        who: &Identity,
        user: Option<String>,
    ) -> Result<(usize, usize), AuthError> {
        let own = own(who)?;
        let whose = if who.is_admin() { user } else { own };
        self.blocking(move |auth| auth.0.tokens.revoke_all(whose.as_deref()))
            .await
    }
}

/// The user whose own tokens are meant; none for the daemon's owner, who has all.
fn own(who: &Identity) -> Result<Option<String>, AuthError> {
    match who {
        Identity::Owner => Ok(None),
        who => Ok(Some(who.bearer()?.username.clone())),
    }
}

fn may_change(who: &Identity, owner: &str, refusal: &'static str) -> Result<(), AuthError> {
    if who.is_admin() || (who.is_unlimited() && who.is(owner)) {
        Ok(())
    } else {
        Err(AuthError::Forbidden(refusal))
    }
}

pub(super) fn check_scopes(scopes: &[TokenScope]) -> Result<(), AuthError> {
    if scopes.is_empty() || scopes.iter().any(|scope| scope.actions.is_empty()) {
        return Err(AuthError::invalid("a scope must name at least one action"));
    }
    let fits = |scope: &TokenScope| (1..=MAX_PATTERN).contains(&scope.sessions.len());
    if scopes.len() > MAX_SCOPES || !scopes.iter().all(fits) {
        return Err(AuthError::invalid(
            "at most 32 scopes, each with a pattern of 1 to 128 bytes",
        ));
    }
    Ok(())
}
