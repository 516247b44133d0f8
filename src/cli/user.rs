//! `llmux user`: who may sign in.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use llmux_protocol::api::{ErrorCode, PassphraseRequest, Revoked, UserReply, UserRequest, UserView};

use super::{
    context::Context,
    failure::{Failure, reworded},
    out::Out,
    passphrase,
    table::table,
};
use crate::client::api_path;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a user
    Create(Create),
    /// List all users
    #[command(visible_alias = "show")]
    List(List),
    /// Remove a user and revoke their tokens
    Delete(Delete),
    /// Give a user another passphrase and revoke their tokens
    ResetPassphrase(Reset),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux user create alice --admin\n  pass llmux/bob | llmux user create bob --passphrase-file -"
)]
pub(super) struct Create {
    /// What they sign in with: lower-case letters, digits, `_` and `-`
    #[arg(required_unless_present = "named")]
    username: Option<String>,
    /// The same
    #[arg(long = "username", value_name = "USERNAME", conflicts_with = "username")]
    named: Option<String>,
    /// Their name for people (default: the username)
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    passphrase: passphrase::From,
    /// Let them change users and settings
    #[arg(long)]
    admin: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux user list --json")]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux user delete alice --yes")]
pub(super) struct Delete {
    /// The user
    username: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux user reset-passphrase alice")]
pub(super) struct Reset {
    /// The user
    username: String,
    #[command(flatten)]
    passphrase: passphrase::From,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create(args, &context).await,
        Verb::List(args) => list(&args, &context).await,
        Verb::Delete(args) => delete(&args, &context).await,
        Verb::ResetPassphrase(args) => reset(&args, &context).await,
    }
}

async fn create(args: Create, context: &Context) -> Result<(), Failure> {
    let username = args.username.or(args.named).unwrap_or_default();
    let passphrase = args.passphrase.read(context, true)?;
    let request = UserRequest {
        name: args.name.unwrap_or_else(|| username.clone()),
        username,
        passphrase,
        admin: args.admin,
    };
    let UserReply { user, .. } = context.client().await?.post("/api/admin/users", &request).await?;
    let admin = if user.admin { " (admin)" } else { "" };
    Out::new().line(&format!("user created: {}{admin}", user.username))
}

async fn list(args: &List, context: &Context) -> Result<(), Failure> {
    let users: Vec<UserView> = context.client().await?.get("/api/admin/users").await?;
    let mut out = Out::new();
    if args.json {
        out.json(&users)?;
    } else if users.is_empty() {
        out.line("no users")?;
    } else {
        let row = |user: UserView| [user.username, user.name, yes(user.admin), user.created_at];
        out.text(&table(
            ["USERNAME", "NAME", "ADMIN", "CREATED"],
            users.into_iter().map(row),
        ))?;
    }
    out.finish()
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

async fn delete(args: &Delete, context: &Context) -> Result<(), Failure> {
    if !args.yes && !confirm(&format!("delete user {} and revoke their tokens?", args.username))? {
        return Out::new().line("cancelled");
    }
    let path = api_path("admin/users", &args.username, "");
    let done: Revoked = context.client().await?.delete(&path).await.map_err(|error| {
        let unknown = format!("user '{}' not found", args.username);
        reworded(error, ErrorCode::UserNotFound, unknown)
    })?;
    Out::new().line(&format!("user deleted: {}{}", args.username, revoked(&done)))
}

async fn reset(args: &Reset, context: &Context) -> Result<(), Failure> {
    let request = PassphraseRequest {
        old_passphrase: None,
        new_passphrase: args.passphrase.read(context, true)?,
    };
    let path = api_path("admin/users", &args.username, "passphrase");
    let done: Revoked = context.client().await?.post(&path, &request).await?;
    Out::new().line(&format!("passphrase reset: {}{}", args.username, revoked(&done)))
}

fn revoked(done: &Revoked) -> String {
    match done.revoked_tokens.unwrap_or(0) {
        1 => " (1 token revoked)".to_owned(),
        count => format!(" ({count} tokens revoked)"),
    }
}

/// Asks for a yes at the terminal.
pub(super) fn confirm(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::failed("this asks first, and standard input is no terminal").hint("add --yes"));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Failure::failed(format!("cannot read the answer: {e}")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
