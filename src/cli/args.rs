//! The command line's grammar: nouns, verbs, and the flat words of earlier versions.

use std::path::PathBuf;

use clap::{
    ArgAction, Args, Parser, Subcommand,
    builder::{StringValueParser, TypedValueParser},
};
use llmux_protocol::api::Secret;

use super::{
    agent, auth, bench, complete, config, doctor, hidden::Hidden, history, logs, man, mcp, server, session,
    settings, token, turn, user,
};
use crate::{logs::Logs, tmux::Socket};

/// Runs AI agent CLIs in named tmux sessions and makes each addressable from a pipeline, an API and a browser.
#[derive(Debug, Parser)]
#[command(
    name = "llmux",
    version,
    propagate_version = true,
    disable_version_flag = true,
    disable_help_subcommand = false,
    subcommand_value_name = "NOUN",
    subcommand_help_heading = "Nouns",
    after_help = "Example:\n  llmux session start claude --name main --cwd ~/projects/app\n  llmux session prompt main \"what does src/main.rs do?\""
)]
pub struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) noun: Option<Noun>,
}

impl Cli {
    /// Whether this process is the daemon itself, which logs without being asked to.
    #[must_use]
    pub fn is_daemon(&self) -> bool {
        match &self.noun {
            Some(Noun::Hidden(hidden)) => hidden.is_daemon(),
            Some(Noun::Serve(_)) => true,
            Some(Noun::Server { verb }) => matches!(verb, Some(server::Verb::Start(_))),
            _ => false,
        }
    }
}

/// Flags of every verb.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// The daemon's Unix socket (default: in the runtime directory; env LLMUX_SOCKET)
    #[arg(long, global = true, hide = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The tmux server the daemon uses, by name or socket path (env LLMUX_TMUX_SOCKET)
    #[arg(
        long,
        global = true,
        value_name = "NAME|PATH",
        help_heading = "Global options"
    )]
    pub(crate) tmux_socket: Option<Socket>,
    /// Work on this daemon: http(s)://HOST:PORT or unix:PATH (env LLMUX_SERVER)
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// The token for that daemon (env LLMUX_TOKEN, which other users of this host can't see)
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        help_heading = "Global options",
        value_parser = StringValueParser::new().map(Secret::new)
    )]
    pub(crate) token: Option<Secret>,
    /// Work on the daemon of a saved sign-in, see `llmux auth list`
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// Trust the authorities in this PEM file instead of the system's (env LLMUX_CA_FILE)
    #[arg(long, global = true, value_name = "PATH", help_heading = "Global options")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust exactly the certificate with this fingerprint, sha256:.. (env LLMUX_PIN)
    #[arg(
        long,
        global = true,
        value_name = "FINGERPRINT",
        help_heading = "Global options"
    )]
    pub(crate) pin: Option<String>,
    /// The end of this process's log, if it keeps one.
    #[arg(skip)]
    pub(crate) logs: Option<Logs>,
    /// Print the version
    #[arg(short = 'v', long, short_alias = 'V', global = true, action = ArgAction::Version, help_heading = "Global options")]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Noun {
    /// Agents running in tmux sessions
    Session {
        #[command(subcommand)]
        verb: Option<session::Verb>,
    },
    /// One prompt and its answer
    Turn {
        #[command(subcommand)]
        verb: Option<turn::Verb>,
    },
    /// The agent CLIs that can be started
    Agent {
        #[command(subcommand)]
        verb: Option<agent::Verb>,
    },
    /// What was said in the conversations that agents have stored
    History {
        #[command(subcommand)]
        verb: Option<history::Verb>,
    },
    /// What the daemon has logged
    Logs {
        #[command(subcommand)]
        verb: Option<logs::Verb>,
    },
    /// How the daemon is set up
    Settings {
        #[command(subcommand)]
        verb: Option<settings::Verb>,
    },
    /// Who may sign in over the network
    User {
        #[command(subcommand)]
        verb: Option<user::Verb>,
    },
    /// What programs and devices sign in with
    Token {
        #[command(subcommand)]
        verb: Option<token::Verb>,
    },
    /// Signing in to a daemon on another host
    Auth {
        #[command(subcommand)]
        verb: Option<auth::Verb>,
    },
    /// The daemon
    Server {
        #[command(subcommand)]
        verb: Option<server::Verb>,
    },
    /// The configuration: whether it is right, and what it says
    Config {
        #[command(subcommand)]
        verb: Option<config::Verb>,
    },
    /// What is wrong here, and what to do about it
    Doctor(doctor::Doctor),
    /// The Model Context Protocol on standard input and output: one agent drives others
    Mcp(mcp::Mcp),
    /// What makes a shell complete commands, session and agent names
    Completions(complete::Completions),
    /// The manual pages
    Man(man::Man),
    /// What turns and prompts cost on this machine
    Bench {
        #[command(subcommand)]
        verb: Option<bench::Verb>,
    },

    #[command(hide = true, alias = "status")]
    Ls(session::List),
    #[command(hide = true)]
    Spawn(session::Start),
    #[command(hide = true)]
    Kill(session::Stop),
    #[command(hide = true, alias = "respawn")]
    Restart(session::Restart),
    #[command(hide = true)]
    Send(session::Prompt),
    #[command(hide = true)]
    Attach(session::Attach),
    #[command(hide = true)]
    Agents(agent::List),
    #[command(hide = true)]
    Serve(server::Start),

    #[command(flatten)]
    Hidden(Hidden),
}

/// What is to be done, whatever words it was asked in.
pub(super) enum Verb {
    Session(session::Verb),
    Turn(turn::Verb),
    Agent(agent::Verb),
    History(history::Verb),
    User(user::Verb),
    Token(token::Verb),
    Auth(auth::Verb),
    Logs(logs::Verb),
    Settings(settings::Verb),
    Server(server::Verb),
    Bench(bench::Verb),
    Config(config::Verb),
    Doctor(doctor::Doctor),
    Mcp(mcp::Mcp),
    Completions(complete::Completions),
    Man(man::Man),
    Serve(server::Start),
    Hidden(Hidden),
    Help(&'static str),
}

impl Noun {
    pub(super) fn into_verb(self) -> Verb {
        match self {
            Self::Session { verb: Some(verb) } => Verb::Session(verb),
            Self::Turn { verb: Some(verb) } => Verb::Turn(verb),
            Self::Agent { verb: Some(verb) } => Verb::Agent(verb),
            Self::History { verb: Some(verb) } => Verb::History(verb),
            Self::User { verb: Some(verb) } => Verb::User(verb),
            Self::Token { verb: Some(verb) } => Verb::Token(verb),
            Self::Auth { verb: Some(verb) } => Verb::Auth(verb),
            Self::Logs { verb: Some(verb) } => Verb::Logs(verb),
            Self::Settings { verb: Some(verb) } => Verb::Settings(verb),
            Self::Server {
                verb: Some(server::Verb::Start(start)),
            }
            | Self::Serve(start) => Verb::Serve(start),
            Self::Server { verb: Some(verb) } => Verb::Server(verb),
            Self::Bench { verb: Some(verb) } => Verb::Bench(verb),
            Self::Config { verb: Some(verb) } => Verb::Config(verb),
            Self::Doctor(doctor) => Verb::Doctor(doctor),
            Self::Mcp(mcp) => Verb::Mcp(mcp),
            Self::Completions(completions) => Verb::Completions(completions),
            Self::Man(man) => Verb::Man(man),
            Self::Session { verb: None } => Verb::Help("session"),
            Self::Turn { verb: None } => Verb::Help("turn"),
            Self::Agent { verb: None } => Verb::Help("agent"),
            Self::History { verb: None } => Verb::Help("history"),
            Self::User { verb: None } => Verb::Help("user"),
            Self::Token { verb: None } => Verb::Help("token"),
            Self::Auth { verb: None } => Verb::Help("auth"),
            Self::Logs { verb: None } => Verb::Help("logs"),
            Self::Settings { verb: None } => Verb::Help("settings"),
            Self::Server { verb: None } => Verb::Help("server"),
            Self::Bench { verb: None } => Verb::Help("bench"),
            Self::Config { verb: None } => Verb::Help("config"),
            Self::Ls(list) => Verb::Session(session::Verb::List(list)),
            Self::Spawn(start) => Verb::Session(session::Verb::Start(start)),
            Self::Kill(stop) => Verb::Session(session::Verb::Stop(stop)),
            Self::Restart(restart) => Verb::Session(session::Verb::Restart(restart)),
            Self::Send(prompt) => Verb::Session(session::Verb::Prompt(prompt)),
            Self::Attach(attach) => Verb::Session(session::Verb::Attach(attach)),
            Self::Agents(list) => Verb::Agent(agent::Verb::List(list)),
            Self::Hidden(hidden) => Verb::Hidden(hidden),
        }
    }
}
