//! One turn, from its place in the queue to its end.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    super::TurnqError,
    Hold, Release, Shared,
    protocol::{Channel, News, Stream},
};

/// How often a connection that broke is made again.
const ATTEMPTS: u32 = 5;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

pub(super) type Granted = oneshot::Sender<Result<Hold, TurnqError>>;

/// A client's place in the queue of a channel.
pub(super) struct Line {
    shared: Arc<Shared>,
    channel: String,
    client: String,
    /// The place, while there is one.
    request: Option<String>,
    /// Whether a place was ever asked for: the server may keep one whose answer was lost.
    asked: bool,
    patience: Patience,
}

impl Line {
    pub(super) fn new(shared: Arc<Shared>, channel: String) -> Result<Self, TurnqError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| shared.server.unreachable(&error.to_string()))?;
        Ok(Self {
            shared,
            channel,
            client: uuid(bytes),
            request: None,
            asked: false,
            patience: Patience::default(),
        })
    }

    /// Waits for the turn, grants it, and follows it until it is released or lost.
    pub(super) async fn follow(mut self, mut granted: Granted) {
        let mut stream = match self.wait(&mut granted).await {
            Ok(Some(stream)) => stream,
            Ok(None) => return self.abort().await,
            Err(error) => {
                let _ = granted.send(Err(error));
                return self.abort().await;
            }
        };
        let (lost, watched) = watch::channel(None);
        let (release, released) = oneshot::channel();
        let hold = Hold {
            lost: watched,
            release,
        };
        // A hold that nobody takes is dropped, and heard of as such below.
        let _ = granted.send(Ok(hold));
        tokio::select! {
            released = released => self.give_back(released.ok()).await,
            error = self.keep(&mut stream) => {
                lost.send_replace(Some(error));
            }
        }
        // Until here: the server takes its end for the end of the turn.
        drop(stream);
    }

    /// Stands in the queue until the turn is given; none if nobody waits for it any more.
    async fn wait(&mut self, granted: &mut Granted) -> Result<Option<Stream>, TurnqError> {
        loop {
            let error = if let Err(error) = self.enter().await {
                error
            } else {
                tokio::select! {
                    heard = self.listen() => match heard {
                        Ok(stream) => return Ok(Some(stream)),
                        Err(error) => error,
                    },
                    () = granted.closed() => return Ok(None),
                }
            };
            if matches!(error, TurnqError::Lost { .. }) {
                self.request = None;
            } else if !matches!(error, TurnqError::Unreachable { .. }) {
                return Err(error);
            }
            self.patience.wait(error).await?;
        }
    }

    /// Takes a place at the end, unless there is one.
    async fn enter(&mut self) -> Result<(), TurnqError> {
        if self.request.is_some() {
            return Ok(());
        }
        self.prepare().await?;
        self.asked = true;
        let channel = self.channel();
        let mut request = channel.enqueue().await?;
        if request.is_none() {
            // The answer to an earlier request was lost, and with it the id of that place.
            channel.abort().await?;
            request = channel.enqueue().await?;
        }
        if request.is_none() {
            return Err(channel.odd("it keeps a place that was given up"));
        }
        self.request = request;
        self.patience.begin();
        Ok(())
    }

    /// Makes the channel, or looks whether its lease is long enough.
    async fn prepare(&self) -> Result<(), TurnqError> {
        let (shared, channel) = (&self.shared, self.channel());
        if channel.create(shared.lease_ms).await? || !self.is_new() {
            return Ok(());
        }
        match channel.lease_ms().await {
            Ok(Some(ms)) if ms < shared.max_hold_ms => tracing::warn!(
                host = shared.server.name(),
                channel = self.channel,
                lease_ms = ms,
                max_hold_ms = shared.max_hold_ms,
                "the turnq channel ends turns before they may be over; delete it to have it made anew"
            ),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "cannot look at the lease of a turnq channel"),
        }
        Ok(())
    }

    fn is_new(&self) -> bool {
        let looked_at = self.shared.looked_at.lock();
        looked_at
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.channel.clone())
    }

    /// Listens until the turn is given.
    async fn listen(&mut self) -> Result<Stream, TurnqError> {
        let mut stream = self.subscribe().await?;
        while self.hear(&mut stream).await? != News::YourTurn {}
        Ok(stream)
    }

    /// Listens, and makes broken connections again, until the turn is lost.
    async fn keep(&mut self, stream: &mut Stream) -> TurnqError {
        loop {
            let mut error = loop {
                match self.hear(stream).await {
                    // The place was given away, and another is not the turn.
                    Ok(News::Queued) => break self.lost(),
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            *stream = loop {
                if !matches!(error, TurnqError::Unreachable { .. }) {
                    return error;
                }
                if let Err(error) = self.patience.wait(error).await {
                    return error;
                }
                match self.subscribe().await {
                    Ok(stream) => break stream,
                    Err(failed) => error = failed,
                }
            };
        }
    }

    async fn subscribe(&self) -> Result<Stream, TurnqError> {
        let request = self.request.as_deref().unwrap_or_default();
        let subscribed = self.channel().subscribe(request).await?;
        subscribed.ok_or_else(|| self.lost())
    }

    async fn hear(&mut self, stream: &mut Stream) -> Result<News, TurnqError> {
        let news = self.next(stream).await?;
        let (host, channel) = (self.shared.server.name(), self.channel.clone());
        match news {
            News::LeaseExpired => Err(TurnqError::LeaseExpired { host, channel }),
            News::WaitedTooLong => Err(TurnqError::WaitedTooLong { host, channel }),
            News::Shutdown => Err(self.shared.server.unreachable("it shuts down")),
            news => {
                self.patience.renew();
                Ok(news)
            }
        }
    }

    /// The next news; asks for the place when there is none for long: a server that sees an old stream close takes its place
    /// away, and leaves a newer stream of that place open and silent.
    async fn next(&self, stream: &mut Stream) -> Result<News, TurnqError> {
        let channel = self.channel();
        loop {
            if let Ok(news) = timeout(self.shared.ask_after, stream.next(&channel)).await {
                return news;
            }
            if !channel.has(self.request.as_deref().unwrap_or_default()).await {
                return Err(self.lost());
            }
        }
    }

    async fn give_back(&self, released: Option<Release>) {
        let Some(Release { outcome, done }) = released else {
            return self.abort().await;
        };
        let request = self.request.as_deref().unwrap_or_default();
        if let Err(error) = self.channel().release(request, &outcome).await {
            // The end of the stream, which follows, says the same.
            tracing::debug!(%error, "cannot release a turn in words");
        }
        let _ = done.send(());
    }

    async fn abort(&self) {
        if !self.asked {
            return;
        }
        if let Err(error) = self.channel().abort().await {
            tracing::debug!(%error, "cannot leave a turnq queue in words");
        }
    }

    fn channel(&self) -> Channel<'_> {
        Channel {
            server: &self.shared.server,
            name: &self.channel,
            client: &self.client,
        }
    }

    fn lost(&self) -> TurnqError {
        TurnqError::Lost {
            host: self.shared.server.name(),
            channel: self.channel.clone(),
        }
    }
}

/// How often it is tried again: not at all before the first success.
#[derive(Default)]
struct Patience {
    failures: Option<u32>,
}

impl Patience {
    /// It has worked once.
    fn begin(&mut self) {
        self.failures.get_or_insert(0);
    }

    /// It works.
    fn renew(&mut self) {
        self.failures = Some(0);
    }

    /// Waits before the next attempt, twice as long as before; gives `error` back if there is none.
    async fn wait(&mut self, error: TurnqError) -> Result<(), TurnqError> {
        match &mut self.failures {
            Some(failures) if *failures < ATTEMPTS => {
                tracing::debug!(%error, "trying again");
                tokio::time::sleep((FIRST_DELAY * (1 << *failures)).min(LONGEST_DELAY)).await;
                *failures += 1;
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// A random UUID, version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = bytes.map(|byte| format!("{byte:02x}")).concat();
    let cuts = [0..8, 8..12, 12..16, 16..20, 20..32];
    cuts.map(|cut| hex[cut].to_owned()).join("-")
}
