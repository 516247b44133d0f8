//! Keeps a connection to tmux: connects, serves, and after any end connects again.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use llmux_protocol::control::{
    Command, CommandLine, Demux, DisplayTarget, Format, Item, Reply, SessionTarget,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Status,
    ended::Ended,
    link::{Hub, Link},
    model::{Model, ServerId},
    process::{self, Client, Pipes, Setting, Spawner},
    request::Request,
    routes::Routes,
    version::{OLDEST, Version},
};

/// How long a client may take to attach before that is said; starting a tmux server reads the user's configuration.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(8);
/// A connection that lasted so long was a good one: the next attempt is made at once.
const STABLE: Duration = Duration::from_secs(3);
/// The first wait between two attempts; it doubles up to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_millis(30);
const MAX_BACKOFF: Duration = Duration::from_secs(3);
/// How long a client may take to leave after its stdin was closed.
const LEAVE_DEADLINE: Duration = Duration::from_millis(500);
/// A pane whose output we leave unread for so long is paused instead of filling the server's memory.
const PAUSE_AFTER_SECS: u32 = 5;

const IDENTITY: Format =
    Format::new("#{session_id}\t#{pane_id}\t#{pid}\t#{start_time}\t#{version}\t#{socket_path}");

pub(super) struct Supervisor {
    pub(super) setting: Setting,
    pub(super) spawner: Spawner,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) model: watch::Sender<Arc<Model>>,
    pub(super) status: watch::Sender<Status>,
    pub(super) stop: CancellationToken,
}

/// An attached client.
struct Attached {
    client: Client,
    pipes: Pipes,
    hub: Hub,
    demux: Demux,
}

impl Supervisor {
    /// Runs until told to stop. Then the client detaches, the hub goes, and the agents stay.
    pub(super) async fn run(mut self) {
        let mut routes = Routes::default();
        let mut backoff = MIN_BACKOFF;
        let stop = self.stop.clone();
        loop {
            let begun = Instant::now();
            let attempt = tokio::select! {
                attempt = self.attach() => attempt,
                () = stop.cancelled() => return,
            };
            let why = match attempt {
                Ok(attached) => {
                    let why = self.serve(attached, &mut routes).await;
                    routes.disconnected();
                    why
                }
                Err(error) => error,
            };
            if stop.is_cancelled() {
                return;
            }
            if begun.elapsed() > STABLE {
                backoff = MIN_BACKOFF;
            }
            tracing::warn!(%why, "the tmux connection ended; connecting again");
            self.status.send_modify(|status| status.down(why));
            tokio::select! {
                () = tokio::time::sleep(backoff) => {}
                () = stop.cancelled() => return,
            }
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn serve(&mut self, attached: Attached, routes: &mut Routes) -> String {
        let Attached {
            client,
            pipes,
            hub,
            demux,
        } = attached;
        let Client { mut child, alive } = client;
        if self.model.borrow().server != hub.server {
            // Another server reuses the ids: whoever holds one of the old must hear that it is gone.
            routes.close_all();
            self.model.send_replace(Arc::new(Model {
                server: hub.server,
                ..Model::default()
            }));
        }
        let link = Link::new(hub, (&self.setting, &self.status), demux, routes, &self.model);
        let ended = tokio::select! {
            ended = link.run(pipes, &mut self.requests) => ended.to_string(),
            () = self.stop.cancelled() => "stopped".to_owned(),
        };
        // Its stdin is closed: a healthy client leaves by itself. One with a backlog never would.
        if timeout(LEAVE_DEADLINE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
        drop(alive);
        ended
    }

    async fn attach(&self) -> Result<Attached, String> {
        let cleared = self.patiently(process::clear_hub(&self.setting)).await;
        if !cleared.map_err(|error| format!("cannot run tmux: {error}"))? {
            return Err(format!("duplicate session: {}", process::HUB_NAME));
        }
        let mut client = process::start_client(&self.spawner, &self.setting)
            .await
            .map_err(|error| format!("cannot start tmux: {error}"))?;
        let pipes = Pipes::take(&mut client.child)
            .map_err(|error| format!("cannot talk to the tmux client: {error}"))?;
        let mut talk = Handshake {
            pipes,
            demux: Demux::new(),
            replies: Vec::new(),
        };
        match self.patiently(talk.run(&self.status)).await {
            Ok(hub) => {
                let client_pid = client.child.id().unwrap_or_default();
                self.status
                    .send_modify(|status| status.up(hub.server, client_pid));
                Ok(Attached {
                    client,
                    pipes: talk.pipes,
                    hub,
                    demux: talk.demux,
                })
            }
            Err(error) => Err(with_stderr(client, error).await),
        }
    }

    /// Waits for tmux however long it takes. A tmux server that does not answer is stopped or swamped; clients
    /// that come and are killed meanwhile can crash it when it wakes up.
    async fn patiently<T>(&self, talk: impl Future<Output = T>) -> T {
        let mut talk = pin!(talk);
        if let Ok(done) = timeout(HANDSHAKE_PATIENCE, &mut talk).await {
            return done;
        }
        let waited = HANDSHAKE_PATIENCE.as_secs();
        let why = format!("tmux has not answered for {waited} s");
        tracing::warn!("{why}; waiting for it");
        self.status.send_modify(|status| status.down(why));
        talk.await
    }
}

/// Adds what a client that failed said on its stderr.
async fn with_stderr(mut client: Client, error: Ended) -> String {
    let _ = client.child.start_kill();
    let mut said = Vec::new();
    if let Some(mut stderr) = client.child.stderr.take() {
        let _ = timeout(LEAVE_DEADLINE, stderr.read_to_end(&mut said)).await;
    }
    let _ = client.child.wait().await;
    match String::from_utf8_lossy(&said).trim() {
        "" => error.to_string(),
        said => said.to_owned(),
    }
}

/// The talk before a link runs: one line at a time.
struct Handshake {
    pipes: Pipes,
    demux: Demux,
    replies: Vec<Reply>,
}

impl Handshake {
    async fn run(&mut self, status: &watch::Sender<Status>) -> Result<Hub, Ended> {
        // The client's own `new-session`, the one reply that is not to a line of ours.
        let created = self.reply().await?;
        if !created.ok {
            return Err(Ended::Exit(Some(created.text())));
        }
        let identity = Command::Display {
            target: DisplayTarget::None,
            format: IDENTITY,
        };
        let text = self.ask(identity.into()).await?;
        let Identity { hub, version, socket } =
            read_identity(&text).ok_or(Ended::Garbage("an unreadable identity"))?;
        let running = Version::read(&version).ok_or(Ended::Garbage("an unreadable version"))?;
        if running < OLDEST {
            return Err(Ended::TooOld(version));
        }
        let session = hub.session;
        let defaults = CommandLine::new(Command::KeepSessionUnattached {
            session: SessionTarget::Id(session),
        })
        .then(Command::DetachOnDestroy { session })
        .then(Command::HideStatus { session })
        .then(Command::PauseAfter {
            secs: PAUSE_AFTER_SECS,
        });
        self.ask(defaults).await?;
        let exits = self
            .ask(
                Command::ShowServerOption {
                    name: "exit-unattached",
                }
                .into(),
            )
            .await?;
        status.send_modify(|status| {
            status.running = Some(running);
            status.server_version = version;
            status.socket = socket;
            status.exits_unattached = exits.trim() == "on";
        });
        Ok(hub)
    }

    /// Runs one line and returns the text of its last reply.
    async fn ask(&mut self, line: CommandLine) -> Result<String, Ended> {
        self.pipes.stdin.write_all(&line.encode()).await?;
        let mut wanted = line.replies();
        loop {
            let reply = self.reply().await?;
            if !reply.is_ours() {
                continue;
            }
            if !reply.ok {
                return Err(Ended::Exit(Some(reply.text())));
            }
            wanted -= 1;
            if wanted == 0 {
                return Ok(reply.text());
            }
        }
    }

    async fn reply(&mut self) -> Result<Reply, Ended> {
        let mut chunk = [0; 4096];
        while self.replies.is_empty() {
            let read = self.pipes.stdout.read(&mut chunk).await?;
            if read == 0 {
                return Err(Ended::Closed);
            }
            let replies = &mut self.replies;
            self.demux.feed(&chunk[..read], &mut |item| {
                if let Item::Reply(reply) = item {
                    replies.push(reply);
                }
            });
        }
        Ok(self.replies.remove(0))
    }
}

struct Identity {
    hub: Hub,
    version: String,
    socket: String,
}

fn read_identity(text: &str) -> Option<Identity> {
    let mut fields = text.split('\t');
    let (session, guard) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let server = ServerId {
        pid: fields.next()?.parse().ok()?,
        started: fields.next()?.parse().ok()?,
    };
    Some(Identity {
        hub: Hub {
            server,
            session,
            guard,
        },
        version: fields.next()?.to_owned(),
        socket: fields.next()?.to_owned(),
    })
}
