//! The daemon's life: build, bind, spawn, drain. The only place where the parts are put together.

mod error;
mod files;
mod network;
mod policy;
mod reload;
mod rooms;
mod service;
mod settings;
mod signals;
mod status;
mod takeover;

use std::{
    io,
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use llmux_protocol::api::{ApiError, ErrorCode, NetworkStatus, Secret};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use self::{
    error::DaemonError,
    network::{Network, Tls, address},
    reload::mistakes,
};
use self::{
    network::Plan,
    reload::{Files, Read, Wish},
    rooms::{Around, Rooms},
    signals::{Signals, Told},
    status::Face,
    takeover::{LOOK_AGAIN, Other, may_take_over, settle, take_over},
};
use crate::{
    auth::Auth,
    config::Environment,
    logs::Logs,
    server::{
        self, Order, Shared, Viewers,
        listen::{self, Sockets},
    },
    session::Sessions,
    store::{StateDir, file::Lock},
    tmux::{self, Socket, Tmux},
    turn::Turns,
};

/// How long tmux may take to come up and show its sessions.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// Who holds [`Serving::silent`] when every client has spoken: the daemon and its listener.
const LISTENERS: usize = 2;
/// How long open requests, a prompt that is being typed above all, may take to end once the daemon leaves.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the daemon that leaves serves on, so that those who knocked before are let in.
const LAST_CALLS: Duration = Duration::from_millis(20);
/// How long clients that were let in may take to send their first request: closing on them would leave them without
/// knowing whether it was carried out.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// How a daemon is started.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// Started by a first command, rather than by `server start`.
    pub background: bool,
    /// The socket to listen on, instead of the usual one.
    pub socket: Option<PathBuf>,
    /// The tmux server to use.
    pub tmux_socket: Socket,
    /// The configuration file, instead of the usual places.
    pub config: Option<PathBuf>,
    /// Whether that is the file of the directory where the first command was typed: the sessions that it plans are left out.
    pub config_by_chance: bool,
    /// How the network is served; without it only the Unix socket is.
    pub network: Option<Network>,
    /// Take over from a daemon in the foreground too.
    pub replace: bool,
    /// In the background: take over from another one there, instead of leaving the place to it.
    pub succeed: bool,
    /// The end of the log, for clients.
    pub logs: Option<Logs>,
}

/// Sockets that a service manager has opened for the daemon.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The Unix socket.
    pub unix: Option<UnixListener>,
    /// The TCP socket.
    pub tcp: Option<TcpListener>,
}

/// What a daemon can say of itself once it serves.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The socket it listens on.
    pub socket: PathBuf,
    /// The network that it serves.
    pub network: Option<NetworkStatus>,
    /// Whether it took over from another.
    pub took_over: bool,
    /// What makes the first user, over a network that has none.
    pub setup: Option<Secret>,
    /// Whether the configuration wants no pairing code to be printed.
    pub no_qr: bool,
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
    inherited: Inherited,
    ready: impl FnOnce(Ready),
) -> Result<Outcome, DaemonError> {
    let signals = Signals::install()?;
    let built = Built::new(environment, options).await?;
    let Some(bound) = built.bind(inherited).await? else {
        return Ok(Outcome::AlreadyRunning);
    };
    let serving = bound.spawn().await?;
    let Ready { socket, network, .. } = &serving.ready;
    let network = network.as_ref().map(|network| network.url.as_str());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), socket = %socket.display(), network, "serving");
    ready(serving.ready.clone());
    let watched = service::ready();
    serving.until_told(signals).await;
    watched.abort();
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
    files: Files,
    read: Read,
    network: Option<Plan>,
}

impl Built {
    async fn new(environment: Environment, mut options: Options) -> Result<Self, DaemonError> {
        let state = StateDir::open(&environment)?;
        let sockets = state.sockets(&environment, options.socket.as_deref())?;
        let tmux_version = tmux::installed().await?;
        let files = Files {
            environment: environment.clone(),
            explicit: options.config.clone(),
            by_chance: options.config_by_chance,
        };
        let read = files.read()?;
        let config = &read.config;
        if let (Socket::Default, Some(socket)) = (&options.tmux_socket, &config.tmux.socket) {
            options.tmux_socket = named_socket(socket, &environment);
        }
        let network = match &options.network {
            Some(network) => Some(Plan::new(network, &environment, config, &state).await?),
            None => None,
        };
        Ok(Self {
            environment,
            options,
            state,
            sockets,
            tmux_version,
            files,
            read,
            network,
        })
    }

    /// Becomes the one daemon of its state directory; `None` if there is one and it may stay.
    async fn bind(self, inherited: Inherited) -> Result<Option<Bound>, DaemonError> {
        let plan = self.network.as_ref();
        // Before all else: a port that is taken leaves no trace.
        let tcp = match (plan, inherited.tcp) {
            (None, _) => Ok(None),
            (Some(_), Some(given)) => Ok(Some(given)),
            (Some(plan), None) => plan.bind().map(Some),
        };
        // At a socket that was opened for us nobody listens but we.
        let mut others = self.sockets.clone();
        if let Some(own) = inherited.unix.as_ref().and_then(listen::path_of) {
            others.retain(|path| *path != own);
        }
        let (place, sockets, lock, took_over) = match settle(&self.state, &others).await? {
            Other::Gone(lock) => {
                let tcp = tcp?;
                let (place, unix) = self.listen(inherited.unix)?;
                (place, Sockets { unix, tcp }, lock, false)
            }
            Other::Serves { .. } if self.options.background && !self.options.succeed => return Ok(None),
            Other::Serves { mut client, socket } => {
                let theirs = may_take_over(&mut client, self.options.replace).await?.network;
                let is_theirs = |plan: &Plan| theirs.is_some_and(|it| it.address == plan.address.to_string());
                let tcp = match tcp {
                    Err(_) if plan.is_some_and(is_theirs) => None,
                    tcp => tcp?,
                };
                let (given, lock) = take_over(&self.state, client, &socket).await?;
                let tcp = tcp.or(given.tcp.filter(|_| plan.is_some()));
                (
                    listen::Place::of(socket),
                    Sockets {
                        unix: given.unix,
                        tcp,
                    },
                    lock,
                    true,
                )
            }
        };
        if let Err(error) = self.state.announce(place.path()) {
            tracing::warn!(%error, "clients with another runtime directory will not find this daemon");
        }
        Ok(Some(Bound {
            built: self,
            place,
            sockets,
            lock,
            took_over,
        }))
    }

    fn listen(&self, given: Option<UnixListener>) -> Result<(listen::Place, UnixListener), DaemonError> {
        if let Some(given) = given {
            let path = listen::path_of(&given).unwrap_or_else(|| self.sockets[0].clone());
            // Its file is the service manager's.
            return Ok((listen::Place::kept(path), given));
        }
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
    sockets: Sockets,
    lock: Lock,
    took_over: bool,
}

impl Bound {
    async fn spawn(self) -> Result<Serving, DaemonError> {
        let Self {
            built:
                Built {
                    environment,
                    options,
                    state,
                    sockets: _,
                    tmux_version,
                    files,
                    read,
                    network,
                },
            place,
            sockets,
            lock,
            took_over,
        } = self;
        let status = network_status(network.as_ref(), &sockets)?;
        let logs = options.logs.clone().unwrap_or_else(|| Logs::new(1));
        let (leave, detach) = (CancellationToken::new(), CancellationToken::new());
        let runtime_dir = place.path().parent().unwrap_or(Path::new("/")).to_owned();
        let (warnings, no_qr) = (read.warnings(), read.config.server.no_qr);
        let setting = tmux_setting(&options, environment.exe(), &runtime_dir);
        let (tmux, tmux_task) = Tmux::start(setting, tmux_version, detach.clone())?;
        let around = Around {
            environment: &environment,
            state: &state,
            files: &files,
            reached: policy::reached(status.as_ref()),
            runtime_dir,
        };
        let rooms = Rooms::open(read, around, &tmux).await?;
        let (parts, turns, reloader) = (rooms.parts, rooms.turns, rooms.reloader);
        let setup = first_user(&parts.auth, sockets.tcp.is_some());
        if let Err(error) = come_up(&parts.sessions, &tmux).await {
            detach.cancel();
            let _ = tmux_task.await;
            place.remove();
            return Err(error);
        }
        turns.settle().await;
        parts.sessions.keep_to_plan();
        let ((orders, inbox), spare) = (mpsc::channel(4), sockets.try_clone()?);
        let ready = Ready {
            socket: place.path().to_owned(),
            network: status.clone(),
            took_over,
            setup,
            no_qr,
            warnings,
        };
        let face = Arc::new(Face {
            environment,
            sessions: parts.sessions.clone(),
            tmux,
            options,
            socket: place.path().to_owned(),
            network: status,
            state,
            now: reloader.now(),
            started: Instant::now(),
        });
        let settings = face.clone();
        let (viewers, silent) = (Viewers::new(), Arc::new(()));
        let shared = Shared {
            sessions: parts.sessions,
            turns: turns.clone(),
            auth: parts.auth.clone(),
            push: parts.push,
            hosts: parts.hosts,
            status: Arc::new(move || face.status()),
            events: rooms.events,
            logs,
            settings: Arc::new(move || settings.settings()),
            metrics: rooms.metrics,
            orders,
            viewers: viewers.clone(),
            leaving: leave.clone(),
        };
        let tls = network.and_then(Plan::into_acceptor);
        let server = serve(sockets, tls, silent.clone(), shared, leave.clone())?;
        let wishes = reloader.start(rooms.files);
        Ok(Serving {
            ready,
            place,
            leave,
            detach,
            inbox,
            wishes,
            spare,
            silent,
            server,
            viewers,
            turns,
            auth: parts.auth,
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
    /// What is wanted of the configuration.
    wishes: mpsc::Sender<Wish>,
    /// Second descriptors of the listening sockets, for a successor.
    spare: Sockets,
    /// Held by the listener, and by each connection that has not sent anything.
    silent: Arc<()>,
    server: JoinHandle<()>,
    viewers: Viewers,
    turns: Turns,
    auth: Auth,
    tmux_task: JoinHandle<()>,
    _lock: Lock,
}

impl Serving {
    async fn until_told(mut self, mut signals: Signals) {
        let gave_away = loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Leave => break false,
                    Told::Reload => self.pass_on(Wish::Reload(None)),
                },
                order = self.inbox.recv() => match order {
                    Some(Order::HandOver(to, done)) => {
                        let given = self.give(to).await;
                        let gave = given.is_ok();
                        // A successor that went away changes nothing: the socket is his or still ours.
                        let _ = done.send(given);
                        if gave { break true }
                    }
                    Some(Order::Reload(done)) => self.pass_on(Wish::Reload(Some(done))),
                    Some(Order::Set(setting, done)) => {
                        self.pass_on(Wish::Set(setting, done));
                    }
                    Some(Order::Stop) | None => break false,
                },
            }
        };
        tracing::info!(gave_away, "leaving; agents keep running");
        service::stopping();
        if !gave_away {
            self.place.remove();
        }
        tokio::select! {
            () = self.drain() => {}
            () = signals.leave() => tracing::warn!("told twice; leaving at once"),
        }
    }

    /// Waits for nobody: whatever the disk does, this daemon can be told to leave.
    fn pass_on(&self, wish: Wish) {
        // Where so many wait, one of them will read what is there by then.
        let busy = || {
            ApiError::new(ErrorCode::TooMany, "too many changes of the configuration wait").hint("try again")
        };
        match self.wishes.try_send(wish) {
            Err(TrySendError::Full(Wish::Set(_, done))) => drop(done.send(Err(busy()))),
            Err(TrySendError::Full(Wish::Reload(Some(done)))) => drop(done.send(Err(busy()))),
            _ => {}
        }
    }

    async fn give(&self, to: String) -> io::Result<()> {
        let sockets = self.spare.try_clone()?;
        tokio::task::spawn_blocking(move || listen::give(&sockets, Path::new(&to))).await?
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
            self.viewers.closed().await;
            self.turns.quiesce().await;
            self.auth.flush().await;
        };
        if timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.detach.cancel();
        let _ = self.tmux_task.await;
    }
}

fn tmux_setting(options: &Options, exe: &Path, runtime_dir: &Path) -> tmux::Setting {
    tmux::Setting {
        socket: options.tmux_socket.clone(),
        exe: exe.to_owned(),
        runtime_dir: runtime_dir.to_owned(),
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

/// Waits until tmux has shown its sessions.
async fn come_up(sessions: &Sessions, tmux: &Tmux) -> Result<(), DaemonError> {
    let synced = timeout(START_DEADLINE, sessions.synced()).await;
    synced.map_err(|_| DaemonError::NoConnection(tmux.status().borrow().last_error.clone()))
}

fn network_status(plan: Option<&Plan>, sockets: &Sockets) -> io::Result<Option<NetworkStatus>> {
    let serving = plan.zip(sockets.tcp.as_ref());
    serving.map(|(plan, tcp)| plan.status(tcp)).transpose()
}

/// The setup token, if somebody could use it.
fn first_user(auth: &Auth, network: bool) -> Option<Secret> {
    if !network {
        return None;
    }
    auth.offer_setup().unwrap_or_else(|error| {
        tracing::error!(%error, "nobody can sign in");
        None
    })
}

fn serve(
    Sockets { unix, tcp }: Sockets,
    tls: Option<TlsAcceptor>,
    silent: Arc<()>,
    shared: Shared,
    leave: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let router = server::router(shared);
    let unix = listen::serve_unix(unix, silent, router.clone(), leave.clone())?;
    let tcp = tcp
        .map(|tcp| listen::serve_tcp(tcp, tls, router, leave))
        .transpose()?;
    Ok(tokio::spawn(async move {
        let tcp = async {
            if let Some(tcp) = tcp {
                tcp.await;
            }
        };
        tokio::join!(unix, tcp);
    }))
}
