//! The daemon, the agents' hooks and the built-in agent, as subcommands that nobody types.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::Subcommand;
use listenfd::ListenFd;

use super::{
    args::Global,
    banner,
    failure::{Failure, one_line},
    hook::{self, Hook},
    server,
};
use crate::{
    config::Environment,
    daemon::{self, Inherited, Options, Ready},
    demo::{self, DemoArgs},
};

#[derive(Debug, Subcommand)]
pub(super) enum Hidden {
    /// The daemon, started in the background by the first command
    #[command(hide = true)]
    Daemon {
        /// The configuration file of whoever starts it
        #[arg(long)]
        config: Option<PathBuf>,
        /// That file is the working directory's, and nobody has named it
        #[arg(long)]
        config_by_chance: bool,
        /// Take the place of a daemon that runs in the background
        #[arg(long)]
        replace: bool,
    },
    /// What agents call when something happens in them
    #[command(hide = true)]
    Hook(Hook),
    /// The built-in agent
    #[command(hide = true)]
    DemoAgent(Box<DemoArgs>),
}

impl Hidden {
    pub(super) fn is_daemon(&self) -> bool {
        matches!(self, Self::Daemon { .. })
    }
}

pub(super) fn dispatch(command: Hidden, env: Environment, global: &Global) -> ExitCode {
    match command {
        Hidden::Daemon {
            config,
            config_by_chance,
            replace,
        } => {
            let options = Options {
                config_by_chance,
                succeed: replace,
                ..options(config, &env, global, true)
            };
            background(options, env)
        }
        Hidden::Hook(hook) => {
            hook::run(&hook, env, global.clone());
            ExitCode::SUCCESS
        }
        Hidden::DemoAgent(args) => demo::run(*args),
    }
}

/// `llmux server start`: serves until it is told to leave.
pub(super) fn foreground(start: server::Start, env: Environment, global: &Global) -> Result<(), Failure> {
    let inherited = inherited();
    let options = Options {
        network: Some(start.network()),
        replace: start.replace,
        ..options(start.config.clone(), &env, global, false)
    };
    let ready = |ready: Ready| banner::show(&ready, start.pairing);
    serve(env, options, inherited, ready).map(|_| ())
}

/// The sockets that systemd has opened (`LISTEN_FDS`): in a unit's order, of each kind the first.
fn inherited() -> Inherited {
    let mut given = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for at in 0..given.len() {
        if let Ok(Some(unix)) = given.take_unix_listener(at) {
            inherited.unix.get_or_insert(unix);
        } else if let Ok(Some(tcp)) = given.take_tcp_listener(at) {
            inherited.tcp.get_or_insert(tcp);
        }
    }
    inherited
}

/// The daemon that a first command starts: it says on its standard output whether it is ready, in the words that
/// [`crate::client::Launcher`] reads, and closes it.
fn background(options: Options, env: Environment) -> ExitCode {
    // A terminal that closes is not for it. It fails only for a process that leads a session already.
    let _ = rustix::process::setsid();
    match serve(env, options, Inherited::default(), |_| say_to_launcher("ready\n")) {
        Ok(daemon::Outcome::AlreadyRunning) => {
            say_to_launcher("ready\n");
            ExitCode::SUCCESS
        }
        Ok(daemon::Outcome::Left) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut lines = vec![format!("error: {}", failure.message())];
            lines.extend(
                failure
                    .hints()
                    .iter()
                    .map(|hint| format!("hint: {}", one_line(hint))),
            );
            say_to_launcher(&(lines.join("\n") + "\n"));
            failure.report().into()
        }
    }
}

fn options(config: Option<PathBuf>, env: &Environment, global: &Global, background: bool) -> Options {
    let socket = global.socket.as_ref().map(|socket| env.resolve(socket));
    Options {
        background,
        socket,
        tmux_socket: global.tmux_socket(env),
        config,
        logs: global.logs.clone(),
        ..Options::default()
    }
}

fn serve(
    env: Environment,
    options: Options,
    inherited: Inherited,
    ready: impl FnOnce(Ready),
) -> Result<daemon::Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    let result = runtime.block_on(daemon::run(env, options, inherited, ready));
    // What still blocks (a lock that is waited for, say) must not keep a daemon that was told to leave.
    runtime.shutdown_background();
    Ok(result?)
}

/// Writes to standard output and closes it: the launcher waits for the end.
fn say_to_launcher(text: &str) {
    let mut out = std::io::stdout();
    // A launcher that went away does not need the answer.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}
