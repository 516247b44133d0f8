//! A turnq server as the contract describes it, with faults on demand. Its runtime is its own, so that it can be killed.

mod routes;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::channel::Sender;
use hyper::body::Frame;
use tokio::{net::TcpListener, runtime::Runtime};

pub(super) const KEY: &str = "sesame";

type Shared = Arc<Mutex<Inner>>;

#[derive(Default)]
pub(super) struct Inner {
    channels: HashMap<String, Channel>,
    /// What was asked, one line each.
    pub(super) log: Vec<String>,
    /// Whether a place survives its stream.
    pub(super) keeps_places: bool,
    /// How many answers to `enqueue` are lost.
    pub(super) lost_answers: usize,
    pub(super) max_depth: Option<usize>,
    /// Instead of what clients ask for.
    pub(super) lease_ms: Option<u64>,
    next: u64,
    /// Streams that go on without a place.
    orphans: Vec<Sender<Bytes>>,
}

struct Channel {
    lease_ms: u64,
    queue: Vec<Entry>,
    /// Whether the first has the turn.
    active: bool,
}

struct Entry {
    client: String,
    request: String,
    out: Option<Sender<Bytes>>,
}

pub(super) struct Server {
    runtime: Option<Runtime>,
    port: u16,
    shared: Shared,
}

impl Server {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared::default();
        let app = routes::router(shared.clone());
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            runtime: Some(runtime),
            port,
            shared,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap()
    }

    /// Waits for what a request or a connection's end brings about.
    pub(super) async fn until(&self, holds: impl Fn(&Inner) -> bool) {
        while !holds(&self.inner()) {
            tokio::task::yield_now().await;
        }
    }

    /// Ends it and its connections, as SIGKILL does.
    pub(super) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Inner {
    pub(super) fn depth(&self, channel: &str) -> usize {
        self.channels
            .get(channel)
            .map_or(0, |channel| channel.queue.len())
    }

    /// How many of the queue listen.
    pub(super) fn listeners(&self, channel: &str) -> usize {
        let queue = self.channels.get(channel).map(|channel| &channel.queue);
        let queue = queue.into_iter().flatten();
        queue.filter(|entry| entry.out.is_some()).count()
    }

    pub(super) fn count(&self, line: &str) -> usize {
        self.log.iter().filter(|logged| *logged == line).count()
    }

    /// Sends an event to all streams, or to the first of each channel.
    pub(super) fn tell(&mut self, text: &str) {
        for entry in self.entries() {
            send(entry, text);
        }
    }

    /// Ends all streams.
    pub(super) fn break_streams(&mut self) {
        for entry in self.entries() {
            entry.out = None;
        }
    }

    /// Forgets everything that a restart forgets.
    pub(super) fn forget(&mut self) {
        self.channels.clear();
    }

    /// Forgets the places only, and tells nobody.
    pub(super) fn forget_silently(&mut self) {
        let outs: Vec<_> = self.entries().filter_map(|entry| entry.out.take()).collect();
        self.orphans.extend(outs);
        for channel in self.channels.values_mut() {
            channel.queue.clear();
            channel.active = false;
        }
    }

    fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.channels.values_mut().flat_map(|channel| &mut channel.queue)
    }

    /// Takes the first, who has the turn, out of the queue.
    fn end_turn(&mut self, channel: &str) -> bool {
        match self.channels.get_mut(channel) {
            Some(found) if found.active => {
                found.active = false;
                found.queue.remove(0);
                true
            }
            _ => false,
        }
    }

    /// Takes a client out of the queue.
    fn leave(&mut self, channel: &str, client: &str) {
        let Some(found) = self.channels.get_mut(channel) else {
            return;
        };
        if let Some(at) = found.queue.iter().position(|entry| entry.client == client) {
            found.active &= at != 0;
            found.queue.remove(at);
        }
    }
}

fn send(entry: &mut Entry, text: &str) {
    if let Some(out) = &mut entry.out {
        // A comment and foreign line ends, which a client must bear everywhere.
        let text = format!(": keepalive\r\n\r\n{text}");
        out.try_send(Frame::data(text.into())).unwrap();
    }
}

/// Gives the turn to the first if nobody has it.
fn grant(shared: &Shared, inner: &mut Inner, name: &str) {
    let Some(channel) = inner.channels.get_mut(name) else {
        return;
    };
    let (lease, first) = (channel.lease_ms, channel.queue.first_mut());
    let Some(first) = first.filter(|_| !channel.active) else {
        return;
    };
    send(first, "event: your-turn\r\ndata: {\"leaseExpiresAt\":1}\r\n\r\n");
    channel.active = true;
    let (shared, name, request) = (shared.clone(), name.to_owned(), first.request.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(lease)).await;
        let inner = &mut *shared.lock().unwrap();
        let channel = inner.channels.get_mut(&name);
        let first = channel.and_then(|channel| channel.queue.first_mut());
        if let Some(first) = first.filter(|first| first.request == request) {
            send(first, "event: timeout\ndata: {\"reason\":\"lease_expired\"}\n\n");
            inner.end_turn(&name);
            grant(&shared, inner, &name);
        }
    });
}
