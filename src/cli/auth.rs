//! `llmux auth`: signing in to a daemon elsewhere, and the sign-ins that are saved.

use clap::{Args, Subcommand};
use llmux_protocol::api::{self, ErrorCode, LoginReply, LoginRequest, Role};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    context::Context,
    failure::{Exit, Failure},
    out::Out,
    passphrase, token,
};
use crate::{
    client::{ClientError, Credentials, Destination, Profile, api_path, profile_name},
    store::time,
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Sign in and save the token as a profile
    Login(Login),
    /// Revoke a profile's token and forget it
    Logout(Logout),
    /// Say who is signed in, or with --server or LLMUX_SERVER who the token is there
    Whoami(Whoami),
    /// List the saved profiles
    List(List),
    /// Choose the profile that whoami and logout mean
    Use(Use),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux auth login alice --server https://box:3001\n  llmux session list --profile box-3001"
)]
pub(super) struct Login {
    /// The user
    #[arg(required_unless_present = "named")]
    username: Option<String>,
    /// The same
    #[arg(long = "username", value_name = "USERNAME", conflicts_with = "username")]
    named: Option<String>,
    #[command(flatten)]
    passphrase: passphrase::From,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux auth logout --profile box-3001")]
pub(super) struct Logout {
    /// Only forget the profile: the token stays good
    #[arg(long)]
    no_revoke: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux auth whoami --json\n  llmux auth whoami --server https://box:3001")]
pub(super) struct Whoami {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux auth list")]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux auth use box-3001")]
pub(super) struct Use {
    /// The profile
    profile: String,
}

/// A profile without its token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    profile_name: &'a str,
    server_url: &'a str,
    username: &'a str,
    saved_at: &'a str,
    active: bool,
}

impl<'a> Shown<'a> {
    fn of(saved: &'a Credentials, (name, profile): (&'a str, &'a Profile)) -> Self {
        Self {
            profile_name: name,
            server_url: &profile.server_url,
            username: &profile.username,
            saved_at: &profile.saved_at,
            active: saved.active.as_deref() == Some(name),
        }
    }
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Login(args) => login(args, &context).await,
        Verb::Logout(args) => logout(&args, &context).await,
        Verb::Whoami(args) => match context.addressed()? {
            Some(remote) => ask(&args, &remote, &context).await,
            None => whoami(&args, &context),
        },
        Verb::List(args) => list(&args, &context),
        Verb::Use(args) => choose(args, &context),
    }
}

async fn login(args: Login, context: &Context) -> Result<(), Failure> {
    let json = args.json;
    let outcome = sign_in(args, context).await;
    let mut out = Out::new();
    match outcome {
        Ok((profile, reply)) if json => out.json(&json!({
            "ok": true, "username": reply.username, "tokenName": reply.token_name, "profileName": profile,
        })),
        Ok((profile, reply)) => out.line(&format!("signed in as {} (profile: {profile})", reply.username)),
        Err(failure) if json && failure.kind() == Exit::Failed => {
            out.json(&json!({ "ok": false, "error": failure.message() }))?;
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}

async fn sign_in(args: Login, context: &Context) -> Result<(String, LoginReply), Failure> {
    let username = args.username.or(args.named).unwrap_or_default();
    let Some(remote) = context.to_sign_in()? else {
        return Err(Failure::failed("no server was named")
            .hint("llmux auth login alice --server http://HOST:3001")
            .hint("on the daemon's own host no sign-in is needed"));
    };
    let trust = context.trust(&remote);
    let ca_file = trust.ca_file.map(|file| {
        let text = file.into_os_string().into_string();
        text.map_err(|file| {
            Failure::usage(format!(
                "the path {} can't be saved: it is no UTF-8",
                file.display()
            ))
        })
    });
    let ca_file = ca_file.transpose()?;
    let passphrase = args.passphrase.read(context, false)?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let request = LoginRequest {
        device_name: Some(format!("{username}@{host}")),
        username,
        passphrase,
    };
    // Whatever token there was, the passphrase is the credential now.
    let server = Destination {
        token: None,
        ..remote
    };
    let reply: LoginReply = context
        .client_of(&server)
        .await?
        .post("/api/auth/login", &request)
        .await?;
    let name = context
        .profile()
        .map_or_else(|| profile_name(&server.server), str::to_owned);
    let profile = Profile {
        server_url: server.server,
        username: reply.username.clone(),
        token: reply.token.clone(),
        saved_at: time::now(),
        pin: trust.pin,
        ca_file,
        extra: serde_json::Map::new(),
    };
    Credentials::update(&context.env, |saved| {
        saved.profiles.insert(name.clone(), profile);
        saved.active = Some(name.clone());
        Ok(())
    })?;
    Ok((name, reply))
}

async fn logout(args: &Logout, context: &Context) -> Result<(), Failure> {
    let saved = Credentials::load(&context.env)?;
    let Some((name, profile)) = saved.profile(context.profile())? else {
        return Err(nobody());
    };
    if !args.no_revoke {
        revoke(context, profile).await.map_err(|failure| {
            failure
                .about(&format!("the profile {name} is kept: its token could not be revoked"))
                .hint(format!(
                    "to forget it all the same, while the token stays good: llmux auth logout --no-revoke --profile {name}"
                ))
        })?;
    }
    Credentials::update(&context.env, |saved| {
        saved.remove(name);
        Ok(())
    })?;
    let mut out = Out::new();
    if args.json {
        out.json(&json!({ "ok": true, "profileName": name }))
    } else {
        out.line(&format!("signed out (profile: {name})"))
    }
}

/// Ends a profile's token. One that the daemon does not know, or that is over, has ended.
async fn revoke(context: &Context, profile: &Profile) -> Result<(), Failure> {
    let remote = profile.destination();
    let mut client = context.client_of(&remote).await?;
    let done: Result<Value, ClientError> = match profile.token_id() {
        // Who comes through the socket comes without a token.
        Some(id) if remote.is_socket() => client.delete(&api_path("tokens", id, "")).await,
        _ => client.post("/api/auth/logout", &json!({})).await,
    };
    match done {
        Ok(_) => Ok(()),
        Err(error) => match error.code() {
            Some(ErrorCode::TokenNotFound) => Ok(()),
            // A token of version 1 is refused as no user's, and is still good.
            Some(ErrorCode::Unauthorized) if profile.token_id().is_some() && !remote.is_socket() => Ok(()),
            _ => Err(error.into()),
        },
    }
}

/// Who the token is at a server, in that server's own words.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct There<'a> {
    server_url: &'a str,
    #[serde(flatten)]
    who: api::Whoami,
}

async fn ask(args: &Whoami, remote: &Destination, context: &Context) -> Result<(), Failure> {
    let who = context.client_of(remote).await?.get("/api/auth/whoami").await?;
    let there = There {
        server_url: &remote.server,
        who,
    };
    let mut out = Out::new();
    if args.json {
        out.json(&there)?;
    }
    for (key, value) in there.rows().into_iter().filter(|_| !args.json) {
        out.line(&format!("{key:<7}: {value}"))?;
    }
    out.finish()
}

impl There<'_> {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let who = &self.who;
        let user = who.username.clone().unwrap_or_else(|| "-".to_owned());
        let may: Vec<_> = who.actions.iter().map(|action| action.as_str()).collect();
        let mut rows = vec![
            ("server", self.server_url.to_owned()),
            ("user", user),
            ("role", role(who.role).to_owned()),
        ];
        rows.extend(who.token_id.clone().map(|id| ("token", id)));
        rows.push(("may", may.join(", ")));
        rows.extend(
            who.scopes
                .as_deref()
                .map(|scopes| ("scopes", token::scopes(scopes))),
        );
        rows
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::User => "user",
        Role::Legacy => "token of version 1",
    }
}

fn whoami(args: &Whoami, context: &Context) -> Result<(), Failure> {
    let saved = Credentials::load(&context.env)?;
    let found = saved.profile(context.profile())?.ok_or_else(nobody)?;
    let shown = Shown::of(&saved, found);
    let mut out = Out::new();
    if args.json {
        out.json(&shown)?;
    } else {
        out.text(&format!(
            "profile: {}\nserver : {}\nuser   : {}\nsince  : {}\n",
            shown.profile_name, shown.server_url, shown.username, shown.saved_at
        ))?;
    }
    out.finish()
}

fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let saved = Credentials::load(&context.env)?;
    let all: Vec<_> = saved
        .profiles
        .iter()
        .map(|(name, profile)| Shown::of(&saved, (name, profile)))
        .collect();
    let mut out = Out::new();
    if args.json {
        out.json(&all)?;
    } else if all.is_empty() {
        out.line("no saved profiles")?;
    }
    for one in all.iter().filter(|_| !args.json) {
        let mark = if one.active { '*' } else { ' ' };
        out.line(&format!(
            "{mark} {:<24}  {:<16}  {}",
            one.profile_name, one.username, one.server_url
        ))?;
    }
    out.finish()
}

fn choose(args: Use, context: &Context) -> Result<(), Failure> {
    let name = args.profile;
    Credentials::update(&context.env, |saved| {
        saved.profile(Some(&name))?;
        saved.active = Some(name.clone());
        Ok(())
    })?;
    Out::new().line(&format!("active profile: {name}"))
}

fn nobody() -> Failure {
    Failure::failed("nobody is signed in").hint("llmux auth login alice --server http://HOST:3001")
}
