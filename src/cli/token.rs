//! `llmux token`: what programs and devices sign in with.

use std::time::SystemTime;

use clap::{Args, Subcommand};
use llmux_protocol::api::{
    Action, DaemonStatus, Endpoint, ErrorCode, NameRequest, Revoked, TokenList, TokenMade, TokenReply,
    TokenRequest, TokenScope, TokenView,
};

use super::{
    context::Context,
    failure::{Failure, reworded},
    out::Out,
    pairing,
    table::table,
    user::confirm,
};
use crate::{
    client::{Client, api_path},
    config::Config,
    daemon,
    reach::{self, Tailscale},
    store::time,
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a token and print it, this once
    Create(Create),
    /// List tokens, without what could be used
    #[command(visible_alias = "show")]
    List(List),
    /// Give a token another name
    Rename(Rename),
    /// End a token, or all
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux token create --username alice --name phone\n  llmux token create --username alice --qr\n  llmux token create --username ci --scope 'build-*:watch,prompt' --expiry 2030-01-01"
)]
pub(super) struct Create {
    /// Whose it will be; over the network by default the own user's
    #[arg(long)]
    username: Option<String>,
    /// Its name (default: the user's with the date)
    #[arg(long)]
    name: Option<String>,
    /// When it ends, such as 2030-01-01 or 2030-01-01T08:00:00Z (default: never)
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expiry: Option<String>,
    /// What it is limited to: a pattern of session names, `:`, and some of watch, type, prompt, answer, manage, admin;
    /// more than once for more
    #[arg(long = "scope", value_name = "SESSIONS:ACTIONS", value_parser = scope)]
    scopes: Vec<TokenScope>,
    /// Also print a QR code that signs a phone in; without --qr-endpoint it is asked which address it uses
    #[arg(long, conflicts_with = "json")]
    qr: bool,
    /// Also print a link that signs a browser in at this address: tailscale-https, tailscale-http, lan, local, or a URL
    #[arg(long, value_name = "ENDPOINT")]
    qr_endpoint: Option<String>,
    /// The port of these addresses, if the daemon does not serve the network yet
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print JSON, with the token
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux token list --user alice")]
pub(super) struct List {
    /// One user's only
    #[arg(long)]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux token rename Zk3f9_Qw-x1bT7aa --name \"old phone\"")]
pub(super) struct Rename {
    /// The token's id
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// The new name; empty for none
    #[arg(long)]
    name: String,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux token revoke Zk3f9_Qw-x1bT7aa\n  llmux token revoke --all --user alice --yes"
)]
pub(super) struct Revoke {
    /// The token's id, which may begin with `-`
    #[arg(
        allow_hyphen_values = true,
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    id: Option<String>,
    /// End all tokens
    #[arg(long)]
    all: bool,
    /// With --all: one user's only
    #[arg(long, requires = "all")]
    user: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(args, &context).await,
        Verb::List(args) => list(&args, &context).await,
        Verb::Rename(args) => rename(args, &context).await,
        Verb::Revoke(args) => revoke(&args, &context).await,
    }
}

/// Reads `SESSIONS:ACTION,ACTION`.
fn scope(text: &str) -> Result<TokenScope, String> {
    let (sessions, actions) = text
        .rsplit_once(':')
        .ok_or("write for example 'build-*:watch,prompt'")?;
    let known = |word: &str| Action::ALL.into_iter().find(|action| action.as_str() == word);
    let actions = actions.split(',').map(|word| {
        let word = word.trim();
        known(word).ok_or_else(|| {
            let all = Action::ALL.map(Action::as_str).join(", ");
            format!("no action {word:?}; there are {all}")
        })
    });
    Ok(TokenScope {
        sessions: sessions.to_owned(),
        actions: actions.collect::<Result<_, _>>()?,
    })
}

/// Reads an end that is to come. The daemon takes the text as it is.
fn expiry(text: &str) -> Result<String, String> {
    match time::parse(text) {
        None => Err("write for example 2030-01-01 or 2030-01-01T08:00:00Z".to_owned()),
        Some(end) if end <= SystemTime::now() => Err("that is past".to_owned()),
        Some(_) => Ok(text.to_owned()),
    }
}

async fn create(args: Create, context: &Context) -> Result<(), Failure> {
    // The daemon's owner, who comes through the socket, is none of its users.
    if args.username.is_none() && context.far()?.is_none() {
        return Err(Failure::usage("--username is missing: whose token will it be?")
            .hint("for example: llmux token create --username alice")
            .hint("see who there is: llmux user list"));
    }
    let mut client = context.client().await?;
    let origin = origin(&args, context, &mut client).await?;
    let request = TokenRequest {
        name: args.name,
        expires_at: args.expiry,
        pairing_origin: origin,
        username: args.username,
        scopes: (!args.scopes.is_empty()).then_some(args.scopes),
    };
    let made: TokenMade = client.post("/api/tokens", &request).await?;
    let mut out = Out::new();
    if args.json {
        out.json(&made)?;
    } else {
        out.text(&announced(&made, args.qr))?;
    }
    out.finish()
}

/// The address that the new token's device uses, if a link is wanted.
async fn origin(args: &Create, context: &Context, client: &mut Client) -> Result<Option<String>, Failure> {
    let chosen = match &args.qr_endpoint {
        Some(selector) if selector.contains("://") => pairing::choose(selector, &[])?,
        Some(selector) => pairing::choose(selector, &endpoints(args.port, context, client).await?)?,
        None if args.qr => pairing::ask(&endpoints(args.port, context, client).await?)?,
        None => return Ok(None),
    };
    Ok(Some(chosen.url))
}

/// Where the daemon is reached, or would be if it served the network.
async fn endpoints(
    port: Option<u16>,
    context: &Context,
    client: &mut Client,
) -> Result<Vec<Endpoint>, Failure> {
    let status: DaemonStatus = client.get("/api/daemon").await?;
    match status.network {
        Some(network) if port.is_none() => Ok(network.endpoints),
        _ if context.far()?.is_some() => Ok(Vec::new()),
        _ => {
            let config = Config::load(None, &context.env)?;
            let address = daemon::address(port, &context.env, &config)?;
            let mappings = Tailscale::ask().await.mappings(address);
            Ok(reach::endpoints(address, false, &mappings))
        }
    }
}

fn announced(made: &TokenMade, qr: bool) -> String {
    let TokenView {
        id, name, username, ..
    } = &made.token;
    let mut text = format!(
        "token created (id: {id}) \"{name}\" for {username}\n\n  {}\n\n\
         It is shown only this once.\n\
         Use it as: Authorization: Bearer <token>, or in LLMUX_TOKEN.\n",
        made.value.expose()
    );
    if let Some(link) = &made.pairing_url {
        text += "\nThis link signs a browser in:\n\n  ";
        text += link.expose();
        text += "\n";
        if let Some(picture) = qr.then(|| pairing::picture(link)).flatten() {
            text += "\n";
            text += &picture;
            text += "\n";
        }
    }
    text
}

async fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let mut list: TokenList = context.client().await?.get("/api/tokens").await?;
    if let Some(user) = &args.user {
        list.tokens.retain(|token| token.username == *user);
    }
    let mut out = Out::new();
    if args.json {
        out.json(&list.tokens)?;
    } else if list.tokens.is_empty() {
        out.line("no tokens")?;
    } else {
        out.text(&table(
            ["ID", "USER", "NAME", "CREATED", "EXPIRES", "SCOPES"],
            list.tokens.into_iter().map(row),
        ))?;
    }
    out.finish()
}

fn row(token: TokenView) -> [String; 6] {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let scopes = token.scopes.as_deref().map(scopes);
    [
        token.id,
        token.username,
        token.name,
        token.created_at,
        dash(token.expires_at),
        dash(scopes),
    ]
}

/// Scopes as `--scope` takes them.
pub(super) fn scopes(scopes: &[TokenScope]) -> String {
    let words = scopes.iter().map(|scope| {
        let actions: Vec<_> = scope.actions.iter().map(|action| action.as_str()).collect();
        format!("{}:{}", scope.sessions, actions.join(","))
    });
    words.collect::<Vec<_>>().join(" ")
}

async fn rename(args: Rename, context: &Context) -> Result<(), Failure> {
    let request = NameRequest {
        name: Some(args.name),
    };
    let path = api_path("tokens", &args.id, "");
    let TokenReply { token, .. } = context.client().await?.patch(&path, &request).await?;
    Out::new().line(&format!("renamed {} → \"{}\"", token.id, token.name))
}

async fn revoke(args: &Revoke, context: &Context) -> Result<(), Failure> {
    let (question, path) = match (&args.id, &args.user) {
        (Some(id), _) => (format!("revoke token {id}?"), api_path("tokens", id, "")),
        (None, Some(user)) => (
            format!("revoke all tokens of {user}?"),
            format!("/api/tokens?user={}", percent(user)),
        ),
        (None, None) => ("revoke all tokens?".to_owned(), "/api/tokens".to_owned()),
    };
    if !args.yes && !confirm(&question)? {
        return Out::new().line("cancelled");
    }
    let done: Revoked = context.client().await?.delete(&path).await.map_err(|error| {
        let unknown = format!("no token with id {:?}", args.id.as_deref().unwrap_or_default());
        reworded(error, ErrorCode::TokenNotFound, unknown)
    })?;
    Out::new().line(&match (&args.id, done.username, done.removed.unwrap_or(0)) {
        (Some(id), Some(owner), _) => format!("revoked {id} (was owned by {owner})"),
        (Some(id), None, _) => format!("revoked {id}"),
        (None, _, 1) => "revoked 1 token".to_owned(),
        (None, _, count) => format!("revoked {count} tokens"),
    })
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_pattern_and_its_actions() {
        let read = scope("build-*:watch, prompt").unwrap();
        assert_eq!(
            (read.sessions.as_str(), read.actions),
            ("build-*", vec![Action::Watch, Action::Prompt])
        );
        assert!(scope("build-*").unwrap_err().contains("build-*:watch"));
        assert!(scope("*:fly").unwrap_err().contains("there are watch, type"));
        assert!(scope("*:").is_err());
    }

    #[test]
    fn an_end_is_a_moment_to_come() {
        assert_eq!(expiry("2999-01-01").as_deref(), Ok("2999-01-01"));
        for (text, why) in [
            ("yesterday", "for example 2030-01-01"),
            ("", "for example"),
            ("2020-01-01", "past"),
        ] {
            assert!(expiry(text).unwrap_err().contains(why), "{text}");
        }
    }
}
