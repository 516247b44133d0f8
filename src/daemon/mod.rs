//! The daemon's life: build, bind, spawn, drain. The only place where the parts are put together.

mod error;
mod status;
mod takeover;

use std::{
    future::IntoFuture,
    io,
    os::{fd::OwnedFd, unix::net as std_unix},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use self::error::DaemonError;
use self::{
    status::Face,
    takeover::{LOOK_AGAIN, Other, settle, take_over},
};
use crate::{
    agent::{Catalog, Overrides},
    config::{Config, Environment},
    server::{self, Order, Shared, listen},
    session::{self, Sessions},
    store::{Journal, Retention, StateDir, file::Lock},
    tmux::{self, Socket, Tmux},
    turn::{self, Seats, Turns, turnq::Coordinator},
};

/// How long tmux may take to come up and show its sessions.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Who holds [`Serving::silent`] when every client has spoken: the daemon and its listener.
const LISTENERS: usize = 2;
/// How long open requests, a prompt that is being typed above all, may take to end once the daemon leaves.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the daemon that leaves serves on, so that those who knocked before are let in.
const LAST_CALLS: Duration = Duration::from_millis(20);
/// How long a turn may hold its turnq channel if the configuration does not say.
const MAX_HOLD: Duration = Duration::from_mins(5);
/// How long clients that were let in may take to send their first request: closing on them would leave them without
/// knowing whether it was carried out.
const FIRST_WORDS: Duration = Duration::from_secs(1);

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
    /// Where it would listen, then where a daemon was last seen.
    sockets: Vec<PathBuf>,
    tmux_version: tmux::Version,
    config: Config,
    catalog: Catalog,
    warnings: Vec<String>,
}

impl Built {
    async fn new(environment: Environment, mut options: Options) -> Result<Self, DaemonError> {
        let state = StateDir::open(&environment)?;
        let sockets = state.sockets(&environment, options.socket.as_deref())?;
        let tmux_version = tmux::installed().await?;
        let config = Config::load(options.config.as_deref(), &environment)?;
        if let (Socket::Default, Some(socket)) = (&options.tmux_socket, &config.tmux.socket) {
            options.tmux_socket = named_socket(socket, &environment);
        }
        let catalog = Catalog::new(Overrides::read(&environment.agents_dir()), &config.agents)?;
        let mut warnings = config.warnings.clone();
        warnings.extend(catalog.warnings().iter().cloned());
        Ok(Self {
            environment,
            options,
            state,
            sockets,
            tmux_version,
            config,
            catalog,
            warnings,
        })
    }

    /// Becomes the one daemon of its state directory; `None` if there is one and it may stay.
    async fn bind(self) -> Result<Option<Bound>, DaemonError> {
        let (place, listener, lock, took_over) = match settle(&self.state, &self.sockets).await? {
            Other::Gone(lock) => {
                let (place, listener) = self.listen()?;
                (place, listener, lock, false)
            }
            Other::Serves(_) if self.options.background => return Ok(None),
            Other::Serves(client) => {
                let path = client.socket().to_owned();
                let (listener, lock) = take_over(&self.state, client).await?;
                (listen::Place::of(path), listener, lock, true)
            }
        };
        if let Err(error) = self.state.announce(place.path()) {
            tracing::warn!(%error, "clients with another runtime directory will not find this daemon");
        }
        Ok(Some(Bound {
            built: self,
            place,
            listener,
            lock,
            took_over,
        }))
    }

    fn listen(&self) -> Result<(listen::Place, std_unix::UnixListener), DaemonError> {
        let path = &self.sockets[0];
        let listener = listen::bind(path).map_err(|source| DaemonError::Bind {
            path: path.clone(),
            source,
        })?;
        Ok((listen::Place::of(path.clone()), listener))
    }
}

/// The one daemon of its state directory, that serves nobody yet: clients wait in the socket's backlog.
struct Bound {
    built: Built,
    place: listen::Place,
    listener: std_unix::UnixListener,
    lock: Lock,
    took_over: bool,
}

impl Bound {
    async fn spawn(self) -> Result<Serving, DaemonError> {
        let Self {
            built,
            place,
            listener,
            lock,
            took_over,
        } = self;
        let Built {
            environment,
            options,
            state,
            sockets: _,
            tmux_version,
            config,
            catalog,
            warnings,
        } = built;
        let (leave, detach) = (CancellationToken::new(), CancellationToken::new());
        let exe = environment.exe().to_owned();
        let runtime_dir = place.path().parent().unwrap_or(Path::new("/")).to_owned();
        let setting = tmux::Setting {
            socket: options.tmux_socket.clone(),
            exe: exe.clone(),
            runtime_dir: runtime_dir.clone(),
        };
        let (tmux, tmux_task) = Tmux::start(setting, tmux_version, detach.clone())?;
        let owner = blake3::hash(state.path().as_os_str().as_encoded_bytes()).to_hex()[..8].to_owned();
        let home = environment.home().to_owned();
        let setting = session::Setting {
            environment,
            exe,
            spool: runtime_dir,
            owner,
            markers: config.turnq.enabled,
        };
        let seats = seats(&config, &state, home).await?;
        let follower = Arc::new(seats.clone());
        let sessions = Sessions::start(tmux.clone(), catalog, state.sessions(), setting, follower);
        let turns = Turns::new(sessions.clone(), seats);
        if timeout(START_DEADLINE, sessions.synced()).await.is_err() {
            detach.cancel();
            let _ = tmux_task.await;
            place.remove();
            return Err(DaemonError::NoConnection(
                tmux.status().borrow().last_error.clone(),
            ));
        }
        turns.settle().await;
        sessions.keep_to(config.settings.sessions.clone());
        let (orders, inbox) = mpsc::channel(4);
        let spare = OwnedFd::from(listener.try_clone()?);
        let ready = Ready {
            socket: place.path().to_owned(),
            took_over,
            warnings,
        };
        let face = Face {
            sessions: sessions.clone(),
            tmux,
            options,
            socket: place.path().to_owned(),
            state,
            started: Instant::now(),
        };
        let shared = Shared {
            sessions,
            turns: turns.clone(),
            status: Arc::new(move || face.status()),
            orders,
            leaving: leave.clone(),
        };
        let silent = Arc::new(());
        let server = serve(listener, silent.clone(), shared, leave.clone())?;
        Ok(Serving {
            ready,
            place,
            leave,
            detach,
            inbox,
            spare,
            silent,
            server,
            turns,
            tmux_task,
            _lock: lock,
        })
    }
}

/// A daemon at work.
struct Serving {
    ready: Ready,
    place: listen::Place,
    /// Ends what serves clients, and only then
    leave: CancellationToken,
    /// ends the connection to tmux: a request that is being carried out needs it.
    detach: CancellationToken,
    inbox: mpsc::Receiver<Order>,
    /// A second descriptor of the listening socket, for a successor.
    spare: OwnedFd,
    /// Held by the listener, and by each connection that has not sent anything.
    silent: Arc<()>,
    server: JoinHandle<io::Result<()>>,
    turns: Turns,
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
            self.place.remove();
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
        let drained = async {
            let _ = self.server.await;
            self.turns.quiesce().await;
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.detach.cancel();
        let _ = self.tmux_task.await;
    }
}

/// The tmux server that the configuration names.
fn named_socket(socket: &Path, environment: &Environment) -> Socket {
    match socket.to_str().and_then(|text| text.parse().ok()) {
        Some(Socket::Path(path)) => Socket::Path(environment.resolve(&path)),
        Some(named) => named,
        None => Socket::Path(environment.resolve(socket)),
    }
}

/// What takes turns in the sessions to come.
async fn seats(config: &Config, state: &StateDir, home: PathBuf) -> Result<Arc<Seats>, DaemonError> {
    let setting = turn::Setting {
        ready_timeout: Duration::from_millis(config.turns.ready_timeout_ms),
        init_prompts: config.init_prompts.clone(),
        turnq: turnq(config)?,
        max_hold: max_hold(config),
    };
    let (path, retention) = (state.turns(), Retention::from(&config.retention));
    let opened = spawn_blocking(move || Journal::open(&path, retention)).await;
    let journal = opened.map_err(io::Error::other)??;
    Ok(Seats::open(setting, journal, home).await?)
}

fn max_hold(config: &Config) -> Duration {
    config.turnq.max_hold_ms.map_or(MAX_HOLD, Duration::from_millis)
}

/// Strict turn order, if the configuration wants it.
fn turnq(config: &Config) -> Result<Option<Coordinator>, DaemonError> {
    if !config.turnq.enabled {
        return Ok(None);
    }
    let settings = turn::turnq::Settings {
        url: config.turnq.url.clone(),
        api_key: config.turnq.api_key.clone(),
        max_hold: max_hold(config),
    };
    Ok(Some(Coordinator::new(settings, std::env::temp_dir())?))
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

/// The signals that end a daemon, caught from before anything is started.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
