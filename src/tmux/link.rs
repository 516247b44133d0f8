//! The control connection: one task that reads what tmux says, routes it, and matches replies to commands.
//!
//! It awaits nobody but tmux. A pane's queue that is full is emptied and the pane captured again; a caller that went
//! away is skipped; a command that gets no reply while tmux answers others ends the connection, because a wedged queue
//! never recovers. A tmux that answers nobody is waited for: it crashes if its clients are killed while it sleeps.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use llmux_protocol::{
    PaneId, SessionId, WindowId,
    control::{Command, CommandLine, Demux, Item, Layout, Notice, PaneGeometry, Reply},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{
    RunError, Status,
    ended::{Ended, REPLY_DEADLINE},
    feed::FeedItem,
    model::{self, Model, ServerId},
    process::{self, Pipes, Setting},
    request::{Answer, Request, What},
    resync,
    routes::{Batch, Phase, Route, Routes},
};
use crate::screen::Size;

/// Commands written but not answered. tmux runs all it has read before it serves panes again (6 to 8 us each).
const MAX_IN_FLIGHT: usize = 256;
/// Bytes asked of the pipe at once.
const READ_BYTES: usize = 64 << 10;
/// Structural notifications come in flocks; one look at all panes serves a flock.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// The one timer of an idle daemon: a look at all panes, which also proves that tmux still answers.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long the last commands may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Output of panes that are just being made, kept until their ids are known.
const STASH_LIMIT_BYTES: usize = 1 << 20;

/// What to do with the reply to a line.
enum Sink {
    Caller(Answer),
    Created(Route, Answer),
    Paused(PaneId, Option<WindowId>),
    Captured(PaneId),
    Listed,
    Ignored,
}

struct Pending {
    sink: Sink,
    expected: usize,
    replies: Vec<Reply>,
    /// Whether a user's hook ran between its commands. It may have waited for a shell, and panes were read meanwhile.
    interrupted: bool,
    deadline: Instant,
}

/// One connection, from its first command to its end.
pub(super) struct Link<'a> {
    hub: Hub,
    setting: &'a Setting,
    status: &'a watch::Sender<Status>,
    routes: &'a mut Routes,
    model: &'a watch::Sender<Arc<Model>>,
    /// When to look at all panes next; a look that is under way sets it again when it ends.
    look_at: Option<Instant>,
    demux: Demux,
    /// Lines, or the rest of one, that tmux has not taken yet.
    unwritten: BytesMut,
    pending: VecDeque<Pending>,
    touched: Vec<PaneId>,
    /// Windows with a pane of ours at the last look, and those in the hub that once had one.
    agents: BTreeSet<WindowId>,
    stash: Vec<(PaneId, Bytes)>,
    stashed_bytes: usize,
    ended: Option<Ended>,
    /// Why the client says that it leaves.
    last_words: Option<Ended>,
}

/// The hidden session that a connection is attached to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hub {
    pub(super) server: ServerId,
    pub(super) session: SessionId,
    /// Its placeholder, which removes the hub when we are gone.
    pub(super) guard: PaneId,
}

impl<'a> Link<'a> {
    pub(super) fn new(
        hub: Hub,
        (setting, status): (&'a Setting, &'a watch::Sender<Status>),
        demux: Demux,
        routes: &'a mut Routes,
        model: &'a watch::Sender<Arc<Model>>,
    ) -> Self {
        Self {
            hub,
            setting,
            status,
            routes,
            model,
            look_at: Some(Instant::now()),
            demux,
            unwritten: BytesMut::new(),
            pending: VecDeque::new(),
            touched: Vec::new(),
            agents: BTreeSet::new(),
            stash: Vec::new(),
            stashed_bytes: 0,
            ended: None,
            last_words: None,
        }
    }

    /// Serves until the connection ends, and says why. Callers still waiting are told that it ended.
    pub(super) async fn run(mut self, pipes: Pipes, requests: &mut mpsc::Receiver<Request>) -> Ended {
        let Pipes {
            mut stdin,
            mut stdout,
        } = pipes;
        let mut chunk = vec![0; READ_BYTES];
        let mut probe = None;
        let ended = loop {
            if let Some(ended) = self.ended.take() {
                break ended;
            }
            let room = self.pending.len() < MAX_IN_FLIGHT;
            tokio::select! {
                read = stdout.read(&mut chunk) => match read {
                    Ok(0) => break self.last_words.take().unwrap_or(Ended::Closed),
                    Ok(n) => {
                        self.read(&chunk[..n]);
                        // In a flood this task is always ready. The runtime looks for new connections when nobody is,
                        // or after 61 turns, so a turn must be short.
                        if n == chunk.len() {
                            tokio::task::yield_now().await;
                        }
                    }
                    Err(error) => break error.into(),
                },
                // A tmux that is slow to read does not keep us from reading it.
                written = process::write_some(&stdin, &self.unwritten), if !self.unwritten.is_empty() => match written {
                    Ok(count) => self.unwritten.advance(count),
                    // It shows at the reader too, as the end of the client's output.
                    Err(_) => self.unwritten.clear(),
                },
                request = requests.recv(), if room => match request {
                    Some(request) => self.request(request),
                    None => break Ended::Closed,
                },
                () = at(self.look_at) => self.look(),
                () = at(self.overdue()), if probe.is_none() => {
                    tracing::warn!("tmux does not answer; asking it over another client");
                    self.status.send_modify(|status| status.down("tmux does not answer".to_owned()));
                    probe = Some(tokio::spawn(process::probe(self.setting.clone())));
                }
                Some(()) = answered(&mut probe) => {
                    probe = None;
                    if self.overdue().is_some_and(|deadline| deadline <= Instant::now()) {
                        break Ended::Wedged;
                    }
                    self.status.send_modify(Status::recovered);
                }
            }
        };
        // Then stdin is closed, which detaches the client.
        let _ = timeout(LAST_WORDS, stdin.write_all(&self.unwritten)).await;
        ended
    }

    fn overdue(&self) -> Option<Instant> {
        self.pending.front().map(|first| first.deadline)
    }

    fn request(&mut self, request: Request) {
        if request.server != self.hub.server {
            // Dropping a request tells its caller; a reader must be told.
            if let What::Adopt { feed, .. } = request.what {
                feed.push(FeedItem::Gone);
            }
            return;
        }
        match request.what {
            // Who was told meanwhile that there is no answer must not see it done later.
            What::Run { reply, .. } | What::Create { reply, .. } if reply.is_closed() => {}
            What::Run { line, reply } => self.send(&line, Sink::Caller(reply)),
            What::Create {
                line,
                size,
                feed,
                reply,
            } => {
                let route = Route::new(feed, Phase::Live, Some(size));
                self.send(&line(self.hub.session), Sink::Created(route, reply));
            }
            What::Look => self.dirty(),
            What::Adopt { pane, link, feed } => {
                feed.push(FeedItem::Resync);
                if let Some(replaced) = self.routes.insert(pane, Route::new(feed, Phase::Pausing, None)) {
                    replaced.feed.push(FeedItem::Gone);
                }
                self.pause(pane, link);
            }
        }
    }

    fn send(&mut self, line: &CommandLine, sink: Sink) {
        let pending = Pending {
            sink,
            expected: line.replies(),
            replies: Vec::new(),
            interrupted: false,
            deadline: Instant::now() + REPLY_DEADLINE,
        };
        self.unwritten.extend_from_slice(&line.encode());
        self.pending.push_back(pending);
    }

    // === Reading ===

    fn read(&mut self, chunk: &[u8]) {
        let mut demux = std::mem::take(&mut self.demux);
        demux.feed(chunk, &mut |item| self.item(item));
        self.demux = demux;
        for pane in std::mem::take(&mut self.touched) {
            self.flush(pane);
        }
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Output { pane, data, .. } => self.output(pane, data),
            Item::Reply(reply) if reply.is_ours() => self.reply(reply),
            Item::Notice(notice) => self.notice(notice),
            // Blocks that are not ours come from users' hooks; stray lines from `run-shell` in them.
            Item::Reply(_) | Item::Stray(_) => {
                if let Some(pending) = self.pending.front_mut() {
                    pending.interrupted |= !pending.replies.is_empty();
                }
            }
            Item::Overlong { bytes } => {
                tracing::error!(bytes, "tmux sent a line over the limit");
                self.ended = Some(Ended::Garbage("a line without end"));
            }
        }
    }

    fn output(&mut self, pane: PaneId, data: Bytes) {
        let Some(route) = self.routes.get_mut(&pane) else {
            self.keep_for_later(pane, data);
            return;
        };
        if !matches!(route.phase, Phase::Live | Phase::Capturing) {
            return;
        }
        if matches!(route.batch, Batch::Empty) {
            self.touched.push(pane);
        }
        route.batch.push(data);
    }

    /// Keeps output that may belong to a pane whose creation has not been answered yet.
    fn keep_for_later(&mut self, pane: PaneId, data: Bytes) {
        let creating = self
            .pending
            .iter()
            .any(|pending| matches!(pending.sink, Sink::Created(..)));
        if creating {
            self.stashed_bytes += data.len();
            if self.stashed_bytes <= STASH_LIMIT_BYTES {
                self.stash.push((pane, data));
            }
        }
    }

    fn flush(&mut self, pane: PaneId) {
        let Some(route) = self.routes.get_mut(&pane) else {
            return;
        };
        if let Some(data) = route.batch.take()
            && !route.feed.output(data)
        {
            tracing::debug!(%pane, "a pane's queue is full; capturing it again");
            self.resync(pane, None);
        }
    }

    fn notice(&mut self, notice: Notice) {
        // A window's name is in no row, and follows its program's: an agent at work renames its window all the time.
        let renamed = matches!(
            notice,
            Notice::WindowRenamed { .. } | Notice::UnlinkedWindowRenamed { .. }
        );
        if notice.is_structural() && !renamed {
            self.dirty();
        }
        match notice {
            Notice::Pause(pane) if self.routes.is_live(pane) => self.resync(pane, None),
            Notice::LayoutChange { layout, .. } => self.resized(&layout),
            Notice::ClientSessionChanged { client, session, .. } if session == self.hub.session => {
                self.show_out(&String::from_utf8_lossy(&client));
            }
            Notice::SessionChanged { session, .. } if session != self.hub.session => {
                self.ended = Some(Ended::Moved);
            }
            Notice::Exit { reason } => {
                let reason = reason.map(|reason| String::from_utf8_lossy(&reason).into_owned());
                // Believed only when the client's output ends: a user's hook may print the same.
                self.last_words = Some(Ended::Exit(reason));
            }
            Notice::ConfigError { text } | Notice::Message { text } => {
                tracing::info!(text = %String::from_utf8_lossy(&text), "tmux says");
            }
            _ => {}
        }
    }

    /// Detaches a human who wandered into the hub: there he would resize every agent's window.
    fn show_out(&mut self, client: &str) {
        tracing::info!(client, "a tmux client entered the hub session; detaching it");
        self.send(
            &Command::DetachClient {
                client: client.to_owned(),
            }
            .into(),
            Sink::Ignored,
        );
    }

    /// Captures resized panes again: tmux reflows the screen and prints nothing about it.
    fn resized(&mut self, layout: &Layout) {
        for &PaneGeometry { pane, cols, rows, .. } in &layout.panes {
            let size = Some(Size::new(cols, rows));
            if self
                .routes
                .get(&pane)
                .is_some_and(|route| route.size != size && route.phase != Phase::Pausing)
            {
                self.resync(pane, None);
            }
        }
    }

    // === Replies ===

    fn reply(&mut self, reply: Reply) {
        let Some(pending) = self.pending.front_mut() else {
            self.ended = Some(Ended::Garbage("a reply to nothing"));
            return;
        };
        let failed = !reply.ok;
        pending.replies.push(reply);
        if (failed || pending.replies.len() == pending.expected)
            && let Some(done) = self.pending.pop_front()
        {
            self.finish(done);
        }
    }

    fn finish(&mut self, done: Pending) {
        let Pending {
            sink,
            replies,
            interrupted,
            ..
        } = done;
        let result = match replies.last() {
            Some(reply) if !reply.ok => {
                let why = reply.text();
                Err(RunError::Refused {
                    why,
                    done: replies[..replies.len() - 1].to_vec(),
                })
            }
            _ => Ok(replies),
        };
        match sink {
            Sink::Caller(caller) => {
                // A caller that gave up is no fault.
                let _ = caller.send(result);
            }
            Sink::Created(route, caller) => {
                if let Ok(replies) = &result {
                    self.created(route, replies, interrupted);
                }
                self.forget_stash();
                let _ = caller.send(result);
            }
            Sink::Paused(pane, link) => self.paused(pane, link, &result),
            Sink::Captured(pane) => self.captured(pane, &result),
            Sink::Listed => self.listed(&result),
            Sink::Ignored => {}
        }
    }

    fn created(&mut self, route: Route, replies: &[Reply], interrupted: bool) {
        let Some(pane) = replies
            .first()
            .and_then(|reply| reply.text().split(' ').nth(2)?.parse().ok())
        else {
            return;
        };
        self.routes.insert(pane, route);
        for (_, data) in self
            .stash
            .extract_if(.., |(owner, _)| *owner == pane)
            .collect::<Vec<_>>()
        {
            self.output(pane, data);
        }
        if interrupted || self.stashed_bytes > STASH_LIMIT_BYTES {
            // What it printed before it was linked into the hub, or more than could be kept, did not reach us.
            self.resync(pane, None);
        }
    }

    fn forget_stash(&mut self) {
        if !self
            .pending
            .iter()
            .any(|pending| matches!(pending.sink, Sink::Created(..)))
        {
            self.stash.clear();
            self.stashed_bytes = 0;
        }
    }

    // === Resynchronisation: pause, wait, then continue and capture in one line ===

    fn resync(&mut self, pane: PaneId, link: Option<WindowId>) {
        let Some(route) = self.routes.get_mut(&pane) else {
            return;
        };
        route.batch = Batch::Empty;
        route.phase = Phase::Pausing;
        route.feed.push(FeedItem::Resync);
        self.pause(pane, link);
    }

    fn pause(&mut self, pane: PaneId, link: Option<WindowId>) {
        self.send(&Command::PausePane(pane).into(), Sink::Paused(pane, link));
    }

    fn paused(&mut self, pane: PaneId, link: Option<WindowId>, result: &Result<Vec<Reply>, RunError>) {
        let Some(route) = self.routes.get_mut(&pane) else {
            return;
        };
        if let Err(error) = result {
            tracing::debug!(%pane, %error, "cannot pause a pane");
            route.phase = Phase::Failed;
            self.dirty();
            return;
        }
        route.phase = Phase::Capturing;
        let line = resync::capture_line(pane, link.map(|window| (window, self.hub.session)));
        self.send(&line, Sink::Captured(pane));
    }

    fn captured(&mut self, pane: PaneId, result: &Result<Vec<Reply>, RunError>) {
        let Some(route) = self.routes.get_mut(&pane) else {
            return;
        };
        match result.as_ref().map(|replies| resync::read_capture(replies)) {
            // An overflow in the meantime started another round, whose capture is to come.
            Ok(Some(_)) if route.phase == Phase::Pausing => {}
            Ok(Some(capture)) => {
                route.phase = Phase::Live;
                route.size = Some(capture.size);
                route.feed.push(FeedItem::Capture(Box::new(capture)));
            }
            Ok(None) => self.ended = Some(Ended::Garbage("an unreadable capture")),
            // The pane closed meanwhile, or left the hub again; the model will tell which.
            Err(error) => {
                tracing::debug!(%pane, %error, "cannot capture a pane");
                route.phase = Phase::Failed;
                self.dirty();
            }
        }
    }

    // === The model: one debounced look at all panes after any structural notification ===

    fn dirty(&mut self) {
        let soon = Instant::now() + DEBOUNCE;
        self.look_at = Some(self.look_at.map_or(soon, |at| at.min(soon)));
    }

    fn look(&mut self) {
        self.look_at = None;
        self.send(&Command::ListPanes { format: model::ROW }.into(), Sink::Listed);
    }

    fn listed(&mut self, result: &Result<Vec<Reply>, RunError>) {
        let heartbeat = Instant::now() + HEARTBEAT;
        self.look_at = Some(self.look_at.map_or(heartbeat, |at| at.min(heartbeat)));
        let Ok([reply]) = result.as_deref() else {
            self.ended = Some(Ended::Garbage("no list of panes"));
            return;
        };
        let model = Model::read(self.hub.server, self.hub.session, reply);
        if !model.panes.contains_key(&self.hub.guard) {
            self.ended = Some(Ended::Unguarded);
        }
        self.reconcile(&model);
        // Sent even if nothing changed: who had to skip the last one looks now.
        self.model.send_replace(Arc::new(model));
    }

    /// Closes the routes of closed panes, follows windows that left the hub, and retries failed captures.
    fn reconcile(&mut self, model: &Model) {
        self.routes.retain(|_, route| !route.feed.is_abandoned());
        let gone = self
            .routes
            .keys()
            .filter(|pane| !model.panes.contains_key(pane))
            .copied()
            .collect::<Vec<_>>();
        for pane in gone {
            self.routes.close(pane);
        }
        let mut again = Vec::new();
        for (&pane, route) in self.routes.iter() {
            let Some(row) = model.panes.get(&pane) else {
                continue;
            };
            let link = (!row.in_hub).then_some(row.window);
            match route.phase {
                Phase::Live if link.is_some() => again.push((pane, link)),
                Phase::Failed => again.push((pane, link)),
                Phase::Live | Phase::Pausing | Phase::Capturing => {}
            }
        }
        for (pane, link) in again {
            self.resync(pane, link);
        }
        self.tidy_hub(model);
    }

    /// Takes windows out of the hub that an agent was in and is no more: what a human has beside it would outlive the
    /// session that he kills. Where he was faster it ends now.
    fn tidy_hub(&mut self, model: &Model) {
        let hub = self.hub.session;
        let agents = model.windows_of(|pane| self.routes.contains_key(pane));
        let before = std::mem::replace(&mut self.agents, agents);
        let left: Vec<_> = before.difference(&self.agents).copied().collect();
        for window in left {
            let (panes, shown) = model.window(window);
            if panes.is_empty() {
                continue;
            }
            // Until it is seen to be gone: one whose session is killed meanwhile can't be unlinked, only killed.
            self.agents.insert(window);
            if !shown {
                self.send(&Command::KillWindow(window).into(), Sink::Ignored);
                continue;
            }
            // Paused first, else tmux hoards for us what they print.
            for pane in panes {
                self.send(&Command::PausePane(pane).into(), Sink::Ignored);
            }
            self.send(&Command::UnlinkWindow { window, hub }.into(), Sink::Ignored);
        }
    }
}

/// Waits for a probe's end; `None` at once without a probe, which takes the branch out of a `select!`.
async fn answered(probe: &mut Option<JoinHandle<()>>) -> Option<()> {
    // One that failed proves as much: the server is not asleep.
    let _ = probe.as_mut()?.await;
    Some(())
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
