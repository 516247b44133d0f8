//! The connection to tmux: one control client on a hidden hub session into which every agent's window is linked.
//!
//! Nothing outside this room names tmux. What goes in are [`CommandLine`]s of a closed vocabulary; what comes out are
//! replies, one ordered `FeedReader` a pane, and the `Model` of what exists. Source: tmux(1) CONTROL MODE.

pub mod attach;
mod ended;
mod feed;
pub mod helper;
mod link;
mod model;
mod process;
mod request;
mod resync;
mod routes;
mod socket;
mod supervisor;
mod version;

use std::{io, sync::Arc, time::Duration};

use llmux_protocol::{
    PaneId, SessionId, WindowId,
    control::{self, CommandLine, Reply},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::screen::Size;

use self::{
    feed::Feed,
    process::Spawner,
    request::{Request, What},
    supervisor::Supervisor,
};
pub(crate) use self::{
    feed::{FeedItem, FeedReader},
    model::{Model, PaneRow, ServerId},
    process::Setting,
    version::{Version, installed},
};
pub use self::{socket::Socket, version::Unusable};

/// Requests that wait for the connection; a full queue makes callers wait.
const REQUEST_QUEUE: usize = 256;
/// How long a caller waits for a connection and an answer together.
const CALL_DEADLINE: Duration = Duration::from_secs(20);

/// Why a command has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RunError {
    /// tmux answered with an error; the commands before the failing one ran, those after it did not.
    #[error("tmux: {why}")]
    Refused { why: String, done: Vec<Reply> },
    /// The connection ended before the answer, or is to another server now. Whether the command ran is unknown.
    #[error("the connection to tmux was lost")]
    Disconnected,
    /// No connection came up in time. The command did not run, or its answer is unknown.
    #[error("tmux did not answer")]
    TimedOut,
}

impl From<Size> for control::Size {
    fn from(Size { cols, rows }: Size) -> Self {
        Self { cols, rows }
    }
}

/// The state of the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    pub(crate) connected: bool,
    pub(crate) server: ServerId,
    pub(crate) running: Option<Version>,
    pub(crate) server_version: String,
    /// The tmux server's socket, a path.
    pub(crate) socket: String,
    pub(crate) client_pid: u32,
    pub(crate) connects: u64,
    pub(crate) last_error: Option<String>,
    /// The user's `exit-unattached`, which would end the server and every agent with our client.
    pub(crate) exits_unattached: bool,
}

impl Status {
    fn up(&mut self, server: ServerId, client_pid: u32) {
        self.recovered();
        self.connects += 1;
        self.server = server;
        self.client_pid = client_pid;
    }

    /// The connection that did not answer does.
    fn recovered(&mut self) {
        self.connected = true;
        self.last_error = None;
    }

    fn down(&mut self, why: String) {
        self.connected = false;
        self.last_error = Some(why);
    }
}

/// A handle on the connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tmux {
    installed: Version,
    requests: mpsc::Sender<Request>,
    model: watch::Receiver<Arc<Model>>,
    status: watch::Receiver<Status>,
}

impl Tmux {
    /// Starts to keep a connection until `stop` is cancelled; the task ends when the client has left.
    pub(crate) fn start(
        setting: Setting,
        installed: Version,
        stop: CancellationToken,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (requests, inbox) = mpsc::channel(REQUEST_QUEUE);
        let (model_sender, model) = watch::channel(Arc::default());
        let (status_sender, status) = watch::channel(Status::default());
        let supervisor = Supervisor {
            setting,
            spawner: Spawner::start()?,
            requests: inbox,
            model: model_sender,
            status: status_sender,
            stop,
        };
        let task = tokio::spawn(supervisor.run());
        Ok((
            Self {
                installed,
                requests,
                model,
                status,
            },
            task,
        ))
    }

    /// The running server's version; before the first connection, the installed one's. An upgrade of the package
    /// makes them differ until the server ends.
    pub(crate) fn version(&self) -> Version {
        self.status.borrow().running.unwrap_or(self.installed)
    }

    /// What exists, kept up to date.
    pub(crate) fn model(&self) -> watch::Receiver<Arc<Model>> {
        self.model.clone()
    }

    /// The state of the connection, kept up to date.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The server whose ids are valid now.
    pub(crate) fn server(&self) -> ServerId {
        self.model.borrow().server
    }

    /// Runs a line of commands on `server` and returns a reply for each.
    ///
    /// Cancel safe: the commands run all the same, their result is dropped.
    ///
    /// # Errors
    /// See [`RunError`]. A line is never run twice.
    pub(crate) async fn run(
        &self,
        server: ServerId,
        line: impl Into<CommandLine>,
    ) -> Result<Vec<Reply>, RunError> {
        let (reply, answer) = oneshot::channel();
        self.call(
            server,
            What::Run {
                line: line.into(),
                reply,
            },
            answer,
        )
        .await
    }

    /// Runs a line whose first reply is that to `new-session`, and returns the reader of the new pane's output. The
    /// line is made when it is sent, because only then is it known which session is the hub.
    pub(crate) async fn create(
        &self,
        server: ServerId,
        line: impl FnOnce(SessionId) -> CommandLine + Send + 'static,
        size: Size,
    ) -> Result<(Vec<Reply>, FeedReader), RunError> {
        let (feed, reader) = Feed::open();
        let (reply, answer) = oneshot::channel();
        let what = What::Create {
            line: Box::new(line),
            size,
            feed,
            reply,
        };
        let replies = self.call(server, what, answer).await?;
        Ok((replies, reader))
    }

    /// Starts to read a pane that exists, linking its window into the hub if that is named. The first item is the
    /// pane's capture, or that it is gone.
    pub(crate) async fn adopt(
        &self,
        server: ServerId,
        pane: PaneId,
        link: Option<WindowId>,
    ) -> Result<FeedReader, RunError> {
        let (feed, reader) = Feed::open();
        let what = What::Adopt { pane, link, feed };
        self.requests
            .send(Request { server, what })
            .await
            .map_err(|_| RunError::Disconnected)?;
        Ok(reader)
    }

    /// Looks at all panes soon, after a change that tmux does not notify.
    pub(crate) async fn look_again(&self) {
        let request = Request {
            server: self.server(),
            what: What::Look,
        };
        // Without a connection the next one begins with a look.
        let _ = self.requests.send(request).await;
    }

    async fn call<T>(
        &self,
        server: ServerId,
        what: What,
        answer: oneshot::Receiver<Result<T, RunError>>,
    ) -> Result<T, RunError> {
        let talk = async {
            self.requests
                .send(Request { server, what })
                .await
                .map_err(|_| RunError::Disconnected)?;
            answer.await.map_err(|_| RunError::Disconnected)?
        };
        timeout(CALL_DEADLINE, talk)
            .await
            .unwrap_or(Err(RunError::TimedOut))
    }
}
