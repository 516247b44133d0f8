//! The daemon's life: build, bind, spawn, drain. The only place where the parts are put together.

use std::{
    future::IntoFuture,
    io,
    os::{fd::OwnedFd, unix::net as std_unix},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use llmux_protocol::api::{DaemonStatus, Handover, TmuxStatus};
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Catalog, CatalogError},
    client::{Client, ClientError},
    config::{Config, ConfigError, Environment},
    server::{self, Order, Shared, listen},
    session::{self, Sessions},
    store::{
        self, DirError, StateDir,
        file::{self, FileError, Lock},
    },
    tmux::{self, Socket, Tmux, Unusable},
};

/// How long tmux may take to come up and show its sessions.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Who holds [`Serving::silent`] when every client has spoken: the daemon and its listener.
const LISTENERS: usize = 2;
/// How long open requests may take to end once the daemon leaves.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the daemon that leaves serves on, so that those who knocked before are let in.
const LAST_CALLS: Duration = Duration::from_millis(20);
/// How long clients that were let in may take to send their first request: closing on them would leave them without
/// knowing whether it was carried out.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// How often a daemon that is not the only one looks whether the other one serves.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a predecessor may take to leave after it gave its socket away.
const SUCCESSION: Duration = Duration::from_secs(15);

/// How a daemon is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Started by a first command, rather than by `server start`.
    pub background: bool,
    /// The socket to listen on, instead of the usual one.
    pub socket: Option<PathBuf>,
    /// The tmux server to use.
    pub tmux_socket: Socket,
    /// The configuration file, instead of the usual places.
    pub config: Option<PathBuf>,
}

/// What a daemon can say of itself once it serves.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The socket it listens on.
    pub socket: PathBuf,
    /// Whether it took over from another.
    pub took_over: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How [`run`] ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It served and was told to leave.
    Left,
    /// Another daemon serves this state directory already.
    AlreadyRunning,
}

/// Why a daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state or runtime directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirError),
    /// The lock can't be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The agents are wrong.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// tmux can't be used.
    #[error(transparent)]
    Tmux(#[from] Unusable),
    /// tmux does not answer.
    #[error("cannot connect to tmux{}", .0.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoConnection(Option<String>),
    /// The socket can't be bound.
    #[error("cannot listen on {}: {source}", path.display())]
    Bind {
        /// The socket's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon has the state directory and listens somewhere else, or not at all.
    #[error("another daemon keeps this state directory and does not listen on {}", .0.display())]
    Deaf(PathBuf),
    /// The other daemon does not give way.
    #[error("cannot take over from the running daemon: {0}")]
    Takeover(String),
    /// Something the system owes us.
    #[error("cannot start the daemon: {0}")]
    Io(#[from] io::Error),
}

impl DaemonError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tmux(error) => Some(error.hint().to_owned()),
            Self::NoConnection(Some(why)) if why.contains("duplicate session") => {
                Some("another llmux daemon drives this tmux server; stop it, or use another with --tmux-socket NAME".into())
            }
            Self::NoConnection(_) => Some("see whether `tmux ls` works".into()),
            Self::Deaf(_) => Some("is LLMUX_SOCKET or XDG_RUNTIME_DIR another one than that daemon's?".into()),
            Self::Takeover(_) => Some("`llmux server stop` ends it".into()),
            Self::Bind { .. } => Some("remove what is there, or set LLMUX_SOCKET to another path".into()),
            Self::Config(error) => Some(error.hint()),
            Self::Directory(error) => Some(error.hint()),
            Self::File(_) => Some("see whether the state directory can be written to, and whether the disk is full".into()),
            Self::Catalog(_) => Some("correct the configuration file; nothing was started".into()),
            Self::Io(_) => None,
        }
    }
}

/// Runs a daemon until it is told to leave, calling `ready` once it serves.
///
/// Agents are not ended with it: they live in tmux, and the next daemon finds them.
///
/// # Errors
/// Before it serves; whatever ran before is then as it was, unless a running daemon had given way already.
pub async fn run(
    environment: Environment,
    options: Options,
    ready: impl FnOnce(Ready),
) -> Result<Outcome, DaemonError> {
    let signals = Signals::install()?;
    let built = Built::new(environment, options).await?;
    let Some(bound) = built.bind().await? else {
        return Ok(Outcome::AlreadyRunning);
    };
    let serving = bound.spawn().await?;
    ready(serving.ready.clone());
    serving.until_told(signals).await;
    Ok(Outcome::Left)
}

/// All that can be found wrong before anything is touched.
struct Built {
    environment: Environment,
    options: Options,
    state: StateDir,
    socket: PathBuf,
    tmux_version: tmux::Version,
    catalog: Catalog,
    warnings: Vec<String>,
}

impl Built {
    async fn new(environment: Environment, options: Options) -> Result<Self, DaemonError> {
        let state = StateDir::open(&environment)?;
        let socket = match &options.socket {
            Some(socket) => environment.resolve(socket),
            None => state.socket(&environment)?,
        };
        let tmux_version = tmux::installed().await?;
        let config = Config::load(options.config.as_deref(), &environment)?;
        let catalog = Catalog::new(&config.agents)?;
        let mut warnings = config.warnings;
        warnings.extend(catalog.warnings().iter().cloned());
        Ok(Self {
            environment,
            options,
            state,
            socket,
            tmux_version,
            catalog,
            warnings,
        })
    }

    /// Becomes the one daemon of its state directory; `None` if there is one and it may stay.
    async fn bind(self) -> Result<Option<Bound>, DaemonError> {
        let (listener, lock, took_over) = match file::try_lock(&self.state.daemon())? {
            Some(lock) => (self.listen()?, lock, false),
            None if self.options.background => match self.wait_for_the_other().await? {
                Some(lock) => (self.listen()?, lock, false),
                None => return Ok(None),
            },
            None => {
                let (listener, lock) = take_over(&self.state, &self.socket).await?;
                (listener, lock, true)
            }
        };
        if let Err(error) = self.state.announce(&self.socket) {
            tracing::warn!(%error, "clients with another runtime directory will not find this daemon");
        }
        Ok(Some(Bound {
            built: self,
            listener,
            lock,
            took_over,
        }))
    }

    /// Waits until the daemon that holds the lock listens, or has left: it may have just begun, or be about to leave.
    async fn wait_for_the_other(&self) -> Result<Option<Lock>, DaemonError> {
        let deadline = Instant::now() + SUCCESSION;
        loop {
            if Client::connect(&self.socket).await.is_ok() {
                return Ok(None);
            }
            if let Some(lock) = file::try_lock(&self.state.daemon())? {
                return Ok(Some(lock));
            }
            if Instant::now() >= deadline {
                return Err(DaemonError::Deaf(self.socket.clone()));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn listen(&self) -> Result<std_unix::UnixListener, DaemonError> {
        listen::bind(&self.socket).map_err(|source| DaemonError::Bind {
            path: self.socket.clone(),
            source,
        })
    }
}

/// The one daemon of its state directory, that serves nobody yet: clients wait in the socket's backlog.
struct Bound {
    built: Built,
    listener: std_unix::UnixListener,
    lock: Lock,
    took_over: bool,
}

impl Bound {
    async fn spawn(self) -> Result<Serving, DaemonError> {
        let Self {
            built,
            listener,
            lock,
            took_over,
        } = self;
        let Built {
            environment,
            options,
            state,
            socket,
            tmux_version,
            catalog,
            warnings,
        } = built;
        let leave = CancellationToken::new();
        let exe = environment.exe().to_owned();
        let runtime_dir = socket.parent().unwrap_or(Path::new("/")).to_owned();
        let setting = tmux::Setting {
            socket: options.tmux_socket.clone(),
            exe: exe.clone(),
            runtime_dir: runtime_dir.clone(),
        };
        let (tmux, tmux_task) = Tmux::start(setting, tmux_version, leave.clone())?;
        let owner = blake3::hash(state.path().as_os_str().as_encoded_bytes()).to_hex()[..8].to_owned();
        let setting = session::Setting {
            environment,
            exe,
            spool: runtime_dir,
            owner,
        };
        let sessions = Sessions::start(tmux.clone(), catalog, state.sessions(), setting);
        if timeout(START_DEADLINE, sessions.synced()).await.is_err() {
            leave.cancel();
            let _ = tmux_task.await;
            return Err(DaemonError::NoConnection(
                tmux.status().borrow().last_error.clone(),
            ));
        }
        let (orders, inbox) = mpsc::channel(4);
        let spare = OwnedFd::from(listener.try_clone()?);
        let ready = Ready {
            socket: socket.clone(),
            took_over,
            warnings,
        };
        let face = Face {
            sessions: sessions.clone(),
            tmux,
            options,
            socket,
            state,
            started: Instant::now(),
        };
        let shared = Shared {
            sessions,
            status: Arc::new(move || face.status()),
            orders,
        };
        let silent = Arc::new(());
        let server = serve(listener, silent.clone(), shared, leave.clone())?;
        Ok(Serving {
            ready,
            leave,
            inbox,
            spare,
            silent,
            server,
            tmux_task,
            _lock: lock,
        })
    }
}

/// A daemon at work.
struct Serving {
    ready: Ready,
    leave: CancellationToken,
    inbox: mpsc::Receiver<Order>,
    /// A second descriptor of the listening socket, for a successor.
    spare: OwnedFd,
    /// Held by the listener, and by each connection that has not sent anything.
    silent: Arc<()>,
    server: JoinHandle<io::Result<()>>,
    tmux_task: JoinHandle<()>,
    _lock: Lock,
}

impl Serving {
    async fn until_told(mut self, mut signals: Signals) {
        let gave_away = loop {
            tokio::select! {
                () = signals.next() => break false,
                order = self.inbox.recv() => match order {
                    Some(Order::HandOver(to, done)) => {
                        let given = self.give(to).await;
                        let gave = given.is_ok();
                        // A successor that went away changes nothing: the socket is his or still ours.
                        let _ = done.send(given);
                        if gave { break true }
                    }
                    Some(Order::Stop) | None => break false,
                },
            }
        };
        tracing::info!(gave_away, "leaving; agents keep running");
        if !gave_away {
            let _ = std::fs::remove_file(&self.ready.socket);
        }
        tokio::select! {
            () = self.drain() => {}
            () = signals.next() => tracing::warn!("told twice; leaving at once"),
        }
    }

    async fn give(&self, to: String) -> io::Result<()> {
        let listener = self.spare.try_clone()?;
        tokio::task::spawn_blocking(move || listen::give(listener, Path::new(&to))).await?
    }

    async fn drain(self) {
        tokio::time::sleep(LAST_CALLS).await;
        let latest = Instant::now() + FIRST_WORDS;
        while Arc::strong_count(&self.silent) > LISTENERS && Instant::now() < latest {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.leave.cancel();
        if timeout(DRAIN, self.server).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        let _ = self.tmux_task.await;
    }
}

fn serve(
    listener: std_unix::UnixListener,
    silent: Arc<()>,
    shared: Shared,
    leave: CancellationToken,
) -> io::Result<JoinHandle<io::Result<()>>> {
    listener.set_nonblocking(true)?;
    let listener = listen::Owned {
        listener: UnixListener::from_std(listener)?,
        silent,
    };
    let serving =
        axum::serve(listener, server::router(shared)).with_graceful_shutdown(leave.cancelled_owned());
    Ok(tokio::spawn(serving.into_future()))
}

/// Asks the running daemon for its socket and waits until it is gone. Whoever connects meanwhile waits in the
/// socket's backlog and is served by us.
async fn take_over(state: &StateDir, socket: &Path) -> Result<(std_unix::UnixListener, Lock), DaemonError> {
    let failed = |error: &dyn std::fmt::Display| DaemonError::Takeover(error.to_string());
    let dir = tempfile::tempdir_in(socket.parent().unwrap_or(Path::new("/")))?;
    let meeting = dir.path().join("s");
    let waiting = std_unix::UnixListener::bind(&meeting)?;
    let mut client = Client::connect(socket).await.map_err(|error| failed(&error))?;
    let asked = Handover {
        socket: meeting.to_string_lossy().into_owned(),
    };
    let taking = tokio::task::spawn_blocking(move || listen::take(&waiting));
    let answer: Result<serde_json::Value, ClientError> = client.post("/api/daemon/handover", &asked).await;
    answer.map_err(|error| failed(&error))?;
    let listener = taking.await.map_err(|error| failed(&error))??;
    let lock_path = state.daemon();
    let locking = tokio::task::spawn_blocking(move || file::lock(&lock_path));
    match timeout(SUCCESSION, locking).await {
        Ok(Ok(lock)) => Ok((listener, lock?)),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&"it gave its socket away but does not leave")),
    }
}

/// What the daemon says of itself.
struct Face {
    sessions: Sessions,
    tmux: Tmux,
    options: Options,
    socket: PathBuf,
    state: StateDir,
    started: Instant,
}

impl Face {
    fn status(&self) -> DaemonStatus {
        let (sessions, running) = self.sessions.count();
        DaemonStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_secs: self.started.elapsed().as_secs(),
            background: self.options.background,
            socket: self.socket.to_string_lossy().into_owned(),
            state_dir: self.state.path().to_string_lossy().into_owned(),
            sessions,
            running,
            warnings: self.warnings(),
            tmux: self.tmux_status(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let aside = self.state.set_aside();
        aside
            .iter()
            .map(|path| store::corrupt_registry_notice(path))
            .collect()
    }

    fn tmux_status(&self) -> TmuxStatus {
        let status = self.tmux.status();
        let status = status.borrow();
        let mut warnings = self.tmux.version().known_faults();
        if status.exits_unattached {
            warnings.push(
                "`exit-unattached on` in your tmux configuration ends tmux, and every agent, when llmux leaves; \
                 turn it off"
                    .to_owned(),
            );
        }
        TmuxStatus {
            connected: status.connected,
            socket: status.socket.clone(),
            version: status.server_version.clone(),
            server_pid: status.server.pid,
            client_pid: status.client_pid,
            reconnects: status.connects.saturating_sub(1),
            last_error: status.last_error.clone(),
            warnings,
        }
    }
}

/// The signals that end a daemon, caught from before anything is started.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
