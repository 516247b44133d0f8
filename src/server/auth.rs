//! Sign-in, the own account, users, tokens and pairing.

use axum::{
    Json as Reply,
    extract::{FromRef, State},
    http::{HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use llmux_protocol::api::{
    Action, BootstrapToken, BootstrapView, LoginReply, LoginRequest, NameRequest, PairRequest, PairingCode,
    PairingRequest, PassphraseRequest, Revoked, Secret, SetupReply, SetupRequest, Ticket, TicketRequest,
    TokenList, TokenLogin, TokenMade, TokenReply, TokenRequest, UserReply, UserRequest, UserView, Whoami,
};
use serde::Deserialize;

use super::{
    body::Json,
    error::Failure,
    extract::{Path, Query},
    gate::{Caller, LEGACY, Need, Routes, SESSION, delete, get, patch, post, some},
    pairing::{link, qr_svg},
};
use crate::auth::{Auth, AuthError, Identity, LOGIN, Minted};

type Answer<T> = Result<Reply<T>, Refusal>;
type Cookie = AppendHeaders<[(header::HeaderName, String); 1]>;

/// These routes, for any state that knows [`Auth`].
pub(super) fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Auth: FromRef<S>,
{
    Routes::new()
        .route("/api/auth", post(Need::SignIn, exchange))
        .route("/api/setup", post(Need::SignIn, set_up))
        .route("/api/auth/login", post(Need::SignIn, log_in))
        .route("/api/auth/pair", post(Need::SignIn, pair))
        .route("/api/auth/logout", post(Need::Known, log_out))
        .route("/api/auth/whoami", get(Need::Known, whoami))
        .route("/api/account/profile", post(Need::Account, rename_self))
        .route("/api/account/passphrase", post(Need::Account, change_passphrase))
        .route(
            "/api/admin/users",
            get(Need::Account, users).post(Need::Account, create_user),
        )
        .route("/api/admin/users/{username}", delete(Need::Account, delete_user))
        .route(
            "/api/admin/users/{username}/passphrase",
            post(Need::Account, reset_passphrase),
        )
        .route(
            "/api/tokens",
            get(Need::Account, tokens)
                .post(Need::Account, mint)
                .delete(Need::Account, revoke_all),
        )
        .route(
            "/api/tokens/{id}",
            patch(Need::Account, rename_token).delete(Need::Account, revoke),
        )
        .route("/api/pairing", post(Need::Account, offer_pairing))
        .route("/api/ws-ticket", post(some(Action::Watch), issue_ticket))
}

/// A refusal, with when to come back.
struct Refusal(Failure, Option<u64>);

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self(Failure::from(&error), error.retry_after())
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure, None)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if let Some(seconds) = self.1 {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A cookie that scripts can't read and other sites can't make a browser send. Without a value it is taken back.
fn cookie(caller: &Caller, name: &str, value: Option<&Secret>) -> Cookie {
    let secure = if caller.is_secure() { "; Secure" } else { "" };
    let (value, life) = match value {
        Some(value) => (value.expose(), LOGIN.as_secs()),
        None => ("", 0),
    };
    AppendHeaders([(
        header::SET_COOKIE,
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}"),
    )])
}

fn signed_in(caller: &Caller, minted: Minted) -> (Cookie, Reply<LoginReply>) {
    let Minted { value, token } = minted;
    caller.about(&token.username);
    (
        cookie(caller, SESSION, Some(&value)),
        Reply(LoginReply {
            token: value,
            token_name: token.name,
            username: token.username,
        }),
    )
}

/// Turns a token, of whichever version, into a cookie: so `/#token=..` signs a browser in.
async fn exchange(
    State(auth): State<Auth>,
    caller: Caller,
    Json(TokenLogin { token }): Json<TokenLogin>,
) -> Result<impl IntoResponse, Refusal> {
    let who = auth.exchange(caller.address(), token.expose())?;
    caller.about(&who.label());
    let name = if matches!(who, Identity::Legacy(_)) {
        LEGACY
    } else {
        SESSION
    };
    let done = Revoked {
        ok: true,
        ..Revoked::default()
    };
    Ok((cookie(&caller, name, Some(&token)), Reply(done)))
}

async fn set_up(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<SetupRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let Minted { value, token } = auth.set_up(caller.address(), request).await?;
    caller.about(&token.username);
    let reply = SetupReply {
        ok: true,
        bootstrap_token: BootstrapToken {
            token: BootstrapView {
                token_id: token.id,
                username: token.username,
                name: token.name,
                created_at: token.created_at,
            },
            plaintext_secret: value.clone(),
        },
    };
    Ok((cookie(&caller, SESSION, Some(&value)), Reply(reply)))
}

async fn log_in(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<LoginRequest>,
) -> Result<impl IntoResponse, Refusal> {
    caller.about(&request.username);
    let minted = auth.log_in(caller.address(), request).await?;
    Ok(signed_in(&caller, minted))
}

async fn pair(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<PairRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let minted = auth.pair(caller.address(), request).await?;
    Ok(signed_in(&caller, minted))
}

async fn log_out(State(auth): State<Auth>, caller: Caller) -> Result<impl IntoResponse, Refusal> {
    auth.log_out(caller.identity()?).await?;
    let done = Revoked {
        ok: true,
        ..Revoked::default()
    };
    Ok((cookie(&caller, SESSION, None), Reply(done)))
}

async fn whoami(caller: Caller) -> Answer<Whoami> {
    Ok(Reply(caller.identity()?.whoami()))
}

async fn rename_self(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<NameRequest>,
) -> Answer<UserReply> {
    let name = request.name.unwrap_or_default();
    let user = auth.rename_self(caller.identity()?, &name).await?;
    Ok(Reply(UserReply { ok: true, user }))
}

async fn change_passphrase(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<PassphraseRequest>,
) -> Answer<Revoked> {
    let (who, old) = (caller.identity()?, request.old_passphrase.unwrap_or_default());
    let revoked = auth
        .change_passphrase(caller.address(), who, &old, &request.new_passphrase)
        .await?;
    Ok(revoked_tokens(revoked))
}

async fn users(State(auth): State<Auth>, caller: Caller) -> Answer<Vec<UserView>> {
    Ok(Reply(auth.users(caller.identity()?)?))
}

async fn create_user(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<UserRequest>,
) -> Answer<UserReply> {
    caller.about(&request.username);
    let user = auth.create_user(caller.identity()?, request).await?;
    Ok(Reply(UserReply { ok: true, user }))
}

async fn delete_user(
    State(auth): State<Auth>,
    caller: Caller,
    Path(username): Path<String>,
) -> Answer<Revoked> {
    Ok(revoked_tokens(
        auth.delete_user(caller.identity()?, username).await?,
    ))
}

async fn reset_passphrase(
    State(auth): State<Auth>,
    caller: Caller,
    Path(username): Path<String>,
    Json(request): Json<PassphraseRequest>,
) -> Answer<Revoked> {
    let (who, new) = (caller.identity()?, request.new_passphrase);
    Ok(revoked_tokens(auth.reset_passphrase(who, username, &new).await?))
}

fn revoked_tokens(count: usize) -> Reply<Revoked> {
    Reply(Revoked {
        ok: true,
        revoked_tokens: Some(count),
        ..Revoked::default()
    })
}

/// Which tokens are meant.
#[derive(Deserialize)]
struct Whose {
    /// `false` for the own ones only.
    all: Option<String>,
    /// One user's, for an admin.
    user: Option<String>,
}

async fn tokens(State(auth): State<Auth>, caller: Caller, Query(whose): Query<Whose>) -> Answer<TokenList> {
    let all = whose.all.as_deref() != Some("false");
    let mut list = auth.tokens(caller.identity()?, all)?;
    if let Some(user) = whose.user {
        list.tokens.retain(|token| token.username == user);
    }
    Ok(Reply(list))
}

async fn mint(
    State(auth): State<Auth>,
    caller: Caller,
    Json(request): Json<TokenRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let origin = request.pairing_origin.clone();
    let link_to = |value: &Secret| {
        origin
            .as_deref()
            .map(|origin| link(origin, "token", value))
            .transpose()
    };
    // Before there is a token that nobody would get to see.
    link_to(&Secret::default())?;
    let Minted { value, token } = auth.mint(caller.identity()?, request).await?;
    caller.about(&token.username);
    let pairing_url = link_to(&value)?;
    let made = TokenMade {
        ok: true,
        qr_svg: pairing_url.as_ref().and_then(qr_svg),
        pairing_url,
        value,
        token,
    };
    Ok((StatusCode::CREATED, Reply(made)))
}

async fn revoke_all(State(auth): State<Auth>, caller: Caller, Query(whose): Query<Whose>) -> Answer<Revoked> {
    let who = caller.identity()?;
    let (removed, before) = auth.revoke_all(who, whose.user).await?;
    Ok(Reply(Revoked {
        ok: true,
        removed: Some(removed),
        before: who.is_admin().then_some(before),
        ..Revoked::default()
    }))
}

async fn rename_token(
    State(auth): State<Auth>,
    caller: Caller,
    Path(id): Path<String>,
    Json(request): Json<NameRequest>,
) -> Answer<TokenReply> {
    let name = request
        .name
        .ok_or_else(|| AuthError::invalid("name must be a string"))?;
    let token = auth.rename_token(caller.identity()?, id, name).await?;
    Ok(Reply(TokenReply { ok: true, token }))
}

async fn revoke(State(auth): State<Auth>, caller: Caller, Path(id): Path<String>) -> Answer<Revoked> {
    let username = auth.revoke(caller.identity()?, id).await?;
    Ok(Reply(Revoked {
        ok: true,
        username: Some(username),
        ..Revoked::default()
    }))
}

async fn offer_pairing(
    State(auth): State<Auth>,
    caller: Caller,
    Json(mut request): Json<PairingRequest>,
) -> Answer<PairingCode> {
    let origin = request.origin.take();
    let issued = auth.offer_pairing(caller.identity()?, request)?;
    let url = origin
        .map(|origin| link(&origin, "pair", &issued.code))
        .transpose()?;
    Ok(Reply(PairingCode {
        ok: true,
        qr_svg: url.as_ref().and_then(qr_svg),
        url,
        code: issued.code,
        expires_at: issued.expires_at,
    }))
}

async fn issue_ticket(
    State(auth): State<Auth>,
    caller: Caller,
    Json(TicketRequest { session }): Json<TicketRequest>,
) -> Answer<Ticket> {
    caller.must(Action::Watch, Some(&session))?;
    let issued = auth.issue_ticket(caller.identity()?, &session)?;
    Ok(Reply(Ticket {
        ok: true,
        ticket: issued.code,
        expires_at: issued.expires_at,
    }))
}
