//! What a verb works with: the environment, the global flags and the way to the daemon.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use llmux_protocol::api::{DaemonStatus, Secret};

use super::{
    args::Global,
    failure::{Failure, say, tell},
};
use crate::{
    client::{self, Asked, Client, ClientError, Destination, Launcher, Target, Trust, resolve},
    config::{Config, Environment},
    store::StateDir,
    tmux::Socket,
};

pub(crate) struct Context {
    pub(crate) env: Environment,
    global: Global,
}

impl Context {
    pub(crate) fn new(env: Environment, global: Global) -> Self {
        Self { env, global }
    }

    /// The daemon that was named, if one was; without one the daemon of this host is meant.
    pub(crate) fn remote(&self) -> Result<Option<Destination>, Failure> {
        let asked = Asked {
            server: self.global.server.as_deref(),
            token: self.global.token.as_ref().map(Secret::expose),
            profile: self.global.profile.as_deref(),
        };
        Ok(resolve(&self.env, asked)?)
    }

    /// The daemon that was named by its address, if one was, not by a profile alone.
    pub(crate) fn addressed(&self) -> Result<Option<Destination>, Failure> {
        match (&self.global.server, &self.global.profile) {
            (None, Some(_)) => Ok(None),
            _ => self.remote(),
        }
    }

    /// The daemon to sign in to: a profile that is named beside a server is one to be saved.
    pub(crate) fn to_sign_in(&self) -> Result<Option<Destination>, Failure> {
        let asked = Asked {
            server: self.global.server.as_deref(),
            ..Asked::default()
        };
        match resolve(&self.env, asked)? {
            Some(named) => Ok(Some(named)),
            None => self.remote(),
        }
    }

    /// The profile that was named.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.global.profile.as_deref()
    }

    /// The server that was named, if it is on another host as far as its name tells.
    pub(crate) fn far(&self) -> Result<Option<Destination>, Failure> {
        Ok(self.remote()?.filter(|remote| !remote.is_socket()))
    }

    /// Refuses to do here what was meant for another host.
    pub(crate) fn only_here(&self, what: &str) -> Result<(), Failure> {
        match self.far()? {
            None => Ok(()),
            Some(Destination { server, .. }) => Err(Failure::failed(format!(
                "{what} works only on the daemon's own host, not on {server}"
            ))
            .hint("run it there, or leave --server, --profile and LLMUX_SERVER out to work on this host")),
        }
    }

    /// Connects to a daemon that was named; starts none.
    pub(crate) async fn client_of(&self, remote: &Destination) -> Result<Client, Failure> {
        let token = remote.token.as_ref().map(Secret::expose);
        let target = Target::read(&remote.server, token, &self.trust(remote))?;
        Ok(Client::open(&target).await?)
    }

    /// Whom to trust at a daemon: what the command line or the environment says, else what was saved.
    pub(crate) fn trust(&self, remote: &Destination) -> Trust {
        let global = &self.global;
        let ca_file = global
            .ca_file
            .clone()
            .or_else(|| self.env.os("LLMUX_CA_FILE").map(PathBuf::from));
        let pin = global.pin.as_deref().or_else(|| self.env.text("LLMUX_PIN"));
        if ca_file.is_none() && pin.is_none() {
            return remote.trust.clone();
        }
        Trust {
            ca_file: ca_file.map(|file| self.env.resolve(&file)),
            pin: pin.map(str::to_owned),
        }
    }

    /// The state directory.
    pub(crate) fn state(&self) -> Result<StateDir, Failure> {
        Ok(StateDir::open(&self.env)?)
    }

    /// Connects to the server that was named, else to the daemon of this host, starting one in the background if none runs.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        if let Some(remote) = self.remote()? {
            return self.client_of(&remote).await;
        }
        let state = self.state()?;
        let sockets = self.sockets(&state)?;
        let launcher = self.launcher(&state, &sockets[0]);
        let mut client = client::connect(&sockets, &launcher).await?;
        self.tell_of_another_tmux(&mut client).await?;
        Ok(client)
    }

    /// Starts a daemon in the background that takes the place of the one there.
    pub(crate) async fn replace_daemon(&self) -> Result<(), Failure> {
        let state = self.state()?;
        let sockets = self.sockets(&state)?;
        let mut launcher = self.launcher(&state, &sockets[0]);
        launcher.args.push("--replace".into());
        launcher.launch().await.map_err(ClientError::from)?;
        Ok(())
    }

    /// What starts a daemon in the background.
    fn launcher(&self, state: &StateDir, socket: &Path) -> Launcher {
        let mut args: Vec<OsString> = vec!["daemon".into(), "--socket".into(), socket.into()];
        if let Some(text) = self.tmux_socket_text() {
            args.extend(["--tmux-socket".into(), text]);
        }
        // The daemon works in `/`, where it would not find the file that this directory has.
        if let Some(config) = Config::find(&self.env) {
            if config.parent() == Some(self.env.cwd()) && !Config::is_named(&config, &self.env) {
                args.push("--config-by-chance".into());
            }
            args.extend(["--config".into(), config.into()]);
        }
        Launcher {
            exe: self.env.exe().to_owned(),
            args,
            log: state.daemon_log(),
        }
    }

    /// Says that the tmux server asked for is not the one that a daemon, which runs already, uses.
    async fn tell_of_another_tmux(&self, client: &mut Client) -> Result<(), Failure> {
        let asked = self.tmux_socket();
        if asked == Socket::Default {
            return Ok(());
        }
        let DaemonStatus { tmux, .. } = client.get("/api/daemon").await?;
        if !tmux.socket.is_empty() && !is_at(&asked, Path::new(&tmux.socket)) {
            say(&format!(
                "the running daemon uses the tmux server at {}, not the one asked for",
                tmux.socket
            ));
            tell("hint: llmux server stop; the next command starts a daemon on the one it names");
        }
        Ok(())
    }

    /// Connects to the server that was named, else to the daemon of this host if one runs.
    pub(crate) async fn running(&self) -> Result<Client, Failure> {
        match self.remote()? {
            Some(remote) => self.client_of(&remote).await,
            None => self.here().await,
        }
    }

    /// Connects to the daemon of this host if one runs, whatever server was named.
    pub(crate) async fn here(&self) -> Result<Client, Failure> {
        let sockets = match self.global.socket.as_deref() {
            // An agent's hook may see another home, where nothing is to be made.
            Some(socket) => vec![StateDir::explicit(&self.env, socket)],
            None => self.sockets(&self.state()?)?,
        };
        Ok(client::running(&sockets).await?)
    }

    /// Where the daemon listens, then where it was last seen.
    fn sockets(&self, state: &StateDir) -> Result<Vec<PathBuf>, Failure> {
        Ok(state.sockets(&self.env, self.global.socket.as_deref())?)
    }

    /// What [`Context::sockets`] says; makes nothing.
    pub(crate) fn places(&self, state: &StateDir) -> Vec<PathBuf> {
        state.places(&self.env, self.global.socket.as_deref())
    }

    /// The tmux server asked for.
    pub(crate) fn tmux_socket(&self) -> Socket {
        self.global.tmux_socket(&self.env)
    }

    fn tmux_socket_text(&self) -> Option<OsString> {
        self.tmux_socket().args().pop()
    }
}

/// Whether a tmux server's socket path is the one that is meant.
fn is_at(socket: &Socket, path: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match socket {
        Socket::Default => true,
        Socket::Name(name) => path.file_name() == Some(name.as_ref()),
        Socket::Path(meant) => real(meant) == real(path),
    }
}

impl Global {
    /// The tmux server asked for: the flag, else `LLMUX_TMUX_SOCKET`, else the user's own. A relative path is made absolute.
    pub(crate) fn tmux_socket(&self, env: &Environment) -> Socket {
        let named = || env.text("LLMUX_TMUX_SOCKET").and_then(|text| text.parse().ok());
        match self.tmux_socket.clone().or_else(named).unwrap_or_default() {
            Socket::Path(path) => Socket::Path(env.resolve(&path)),
            other => other,
        }
    }
}
