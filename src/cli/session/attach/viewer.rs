//! A session in this terminal over a WebSocket.

use std::{
    io,
    time::{Duration, SystemTime},
};

use llmux_protocol::api::{
    Action, ErrorCode,
    socket::{Act, CLOSE_ENDED, FromViewer, Holder, Kind, ToViewer},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::detach::DetachKey;
use crate::{
    cli::{
        failure::{Exit, Failure, tell},
        session::terminal::{self, Raw, show},
    },
    client::{self, ClientError, Heard, Mouth, Place, Target},
    tty,
};

/// Messages that wait for a slow terminal; then the server waits too.
const MESSAGES: usize = 16;
/// The first pause before a lost connection is made anew, and the longest.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_AT_MOST: Duration = Duration::from_secs(2);
/// After how long a loss is worth a word: a daemon that is replaced is back sooner.
const WORTH_A_WORD: Duration = Duration::from_secs(1);
/// After how many bytes drawn the server is told.
const ACK_EVERY: u64 = 64 << 10;
/// Makes this terminal a fresh one, as a snapshot wants it.
const FRESH: &[u8] = b"\x1bc";
const LOST: &[u8] = b"\x1b7\x1b[999;1H\x1b[0;7m connection lost, trying again \x1b[0m\x1b8\x07";

/// What is shown, and how.
pub(super) struct Viewer {
    pub(super) target: Target,
    pub(super) session: String,
    pub(super) read_only: bool,
    pub(super) detach_key: DetachKey,
}

/// Why it is over.
enum Over {
    Detached,
    Ended(String),
    HungUp,
    Told(Exit),
}

/// Why a connection is over, and perhaps all.
enum Lost {
    /// Try again.
    Connection,
    All(Over),
}

/// A connection.
struct Link {
    heard: mpsc::Receiver<Heard>,
    mouth: Mouth,
    _ear: AbortOnDropHandle<()>,
}

/// The person, and where the viewer is.
struct Show {
    keys: mpsc::Receiver<Vec<u8>>,
    signals: Signals,
    viewer: Viewer,
    id: String,
    place: Option<Place>,
    acked: u64,
    /// What the server says about the size: whether it is ours, or anybody's to claim.
    is_ours: bool,
    /// How long a silence means that the connection is lost.
    silence: Duration,
    may_type: bool,
    /// Since when there is no connection, and whether that was said.
    lost: Option<(Instant, bool)>,
    size: (u16, u16),
}

impl Viewer {
    /// Shows the session until the person leaves it, or it ends.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let session = self.session.clone();
        let signals = Signals::listen().map_err(Failure::internal)?;
        let raw = Raw::enter().map_err(|error| {
            Failure::usage(error.to_string()).hint(format!("to only see it: llmux session watch {session}"))
        })?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut show = Show {
            keys: tty::typed(),
            signals,
            id: format!(
                "cli-{}-{:x}",
                std::process::id(),
                since.map_or(0, |since| since.as_millis())
            ),
            viewer: self,
            place: None,
            acked: 0,
            is_ours: false,
            silence: Duration::from_secs(30),
            may_type: false,
            lost: None,
            size: terminal::size(),
        };
        let over = show.run().await;
        drop(raw);
        match over? {
            Over::Detached => tell(&format!("[detached from {session}]")),
            Over::Ended(why) => tell(&format!("[session ended{}]", in_words(&why))),
            Over::HungUp => {}
            Over::Told(exit) => return Err(Failure::new(exit, "told to end")),
        }
        Ok(())
    }
}

impl Show {
    async fn run(&mut self) -> Result<Over, Failure> {
        let mut pause = AGAIN;
        loop {
            match self.connect().await {
                Ok(link) => {
                    pause = AGAIN;
                    match self.follow(link).await? {
                        Lost::All(over) => return Ok(over),
                        Lost::Connection => {
                            self.lost.get_or_insert((Instant::now(), false));
                        }
                    }
                }
                Err(error) if self.lost.is_none() || is_final(&error) => return Err(error.into()),
                Err(_) => {}
            }
            if let Some(over) = self.idle(Instant::now() + pause).await? {
                return Ok(over);
            }
            pause = (pause * 2).min(AGAIN_AT_MOST);
        }
    }

    async fn connect(&mut self) -> Result<Link, ClientError> {
        let Viewer { target, session, .. } = &self.viewer;
        let (mut ear, mouth) = client::view(target, session, &self.id, self.place.as_ref()).await?;
        let (sender, heard) = mpsc::channel(MESSAGES);
        let listening = tokio::spawn(async move {
            loop {
                let said = ear.next().await;
                let is_last = matches!(said, Heard::Closed(..));
                if sender.send(said).await.is_err() || is_last {
                    return;
                }
            }
        });
        Ok(Link {
            heard,
            mouth,
            _ear: AbortOnDropHandle::new(listening),
        })
    }

    /// Waits without a connection. The person can leave meanwhile; what else is typed can't be meant for what he does not see.
    async fn idle(&mut self, until: Instant) -> Result<Option<Over>, Failure> {
        loop {
            let word = match self.lost {
                Some((since, false)) => since + WORTH_A_WORD,
                _ => until,
            };
            tokio::select! {
                typed = self.keys.recv() => match typed {
                    Some(typed) if self.viewer.detach_key.find(&typed).is_some() => {
                        return Ok(Some(Over::Detached));
                    }
                    Some(_) => {}
                    None => return Ok(Some(Over::HungUp)),
                },
                told = self.signals.next() => if let Some(exit) = told {
                    return Ok(Some(Over::Told(exit)));
                },
                () = sleep_until(word.min(until)) => {
                    if let Some((since, is_said @ false)) = &mut self.lost
                        && *since + WORTH_A_WORD <= Instant::now()
                    {
                        *is_said = true;
                        draw(LOST)?;
                    }
                    if until <= Instant::now() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Follows a connection to its end.
    async fn follow(&mut self, mut link: Link) -> Result<Lost, Failure> {
        let mut heard_at = Instant::now();
        loop {
            let sent = tokio::select! {
                biased;
                told = self.signals.next() => match told {
                    Some(exit) => return Ok(Lost::All(Over::Told(exit))),
                    None => self.resized(&mut link.mouth).await,
                },
                typed = self.keys.recv() => match typed {
                    None => return Ok(Lost::All(Over::HungUp)),
                    Some(typed) => match self.viewer.detach_key.find(&typed) {
                        None => self.type_keys(&mut link.mouth, &typed).await,
                        Some(at) => {
                            let _ = self.type_keys(&mut link.mouth, &typed[..at]).await;
                            let _ = link.mouth.close().await;
                            return Ok(Lost::All(Over::Detached));
                        }
                    },
                },
                heard = link.heard.recv() => match heard {
                    None => return Ok(Lost::Connection),
                    Some(Heard::Closed(code, reason)) => return closed(code, reason),
                    Some(heard) => {
                        heard_at = Instant::now();
                        self.hear(heard, &mut link.mouth).await?
                    }
                },
                () = sleep_until(heard_at + self.silence) => return Ok(Lost::Connection),
            };
            if sent.is_err() {
                return Ok(Lost::Connection);
            }
        }
    }

    async fn hear(&mut self, heard: Heard, mouth: &mut Mouth) -> Result<io::Result<()>, Failure> {
        Ok(match heard {
            Heard::Ping(payload) => mouth.pong(&payload).await,
            Heard::Terminal(kind, seq, bytes) => {
                if kind == Kind::Snapshot {
                    draw(FRESH)?;
                }
                draw(&bytes)?;
                let next = match kind {
                    Kind::Snapshot => seq,
                    Kind::Output => seq + bytes.len() as u64,
                };
                if let Some(place) = &mut self.place {
                    place.seq = next;
                }
                if kind == Kind::Snapshot || next >= self.acked + ACK_EVERY {
                    self.acked = next;
                    mouth.say(FromViewer::Ack { seq: next }).await
                } else {
                    Ok(())
                }
            }
            Heard::Said(ToViewer::Hello {
                epoch,
                may,
                tick_secs,
                ..
            }) => {
                self.silence = Duration::from_secs(2 * tick_secs.max(1));
                self.may_type = !self.viewer.read_only && may.contains(&Action::Type);
                self.welcome(epoch, mouth).await
            }
            Heard::Said(ToViewer::Size { holder, .. }) => {
                self.is_ours = matches!(holder, Some(Holder::Viewer { you: true, .. }));
                Ok(())
            }
            Heard::Said(_) | Heard::Sign | Heard::Closed(..) => Ok(()),
        })
    }

    /// Begins, or goes on.
    async fn welcome(&mut self, epoch: String, mouth: &mut Mouth) -> io::Result<()> {
        let is_new = self.place.is_none();
        let seq = self.place.as_ref().filter(|place| place.epoch == epoch);
        self.place = Some(Place {
            seq: seq.map_or(0, |place| place.seq),
            epoch,
        });
        if let Some((_, true)) = self.lost.take() {
            // The word about it is still on the screen.
            mouth.say(FromViewer::Resync).await?;
        }
        let (cols, rows) = self.size;
        match (self.may_type, is_new) {
            (false, _) => Ok(()),
            // Only the person's own act claims the size, not a network that came back.
            (true, true) => {
                mouth
                    .say(FromViewer::Fit {
                        cols,
                        rows,
                        act: Act::Open,
                    })
                    .await
            }
            (true, false) => mouth.say(FromViewer::Size { cols, rows }).await,
        }
    }

    async fn type_keys(&mut self, mouth: &mut Mouth, keys: &[u8]) -> io::Result<()> {
        if !self.may_type || keys.is_empty() {
            return Ok(());
        }
        if !self.is_ours {
            // Once for each word about the size: where a person's tmux client holds it, it stays his.
            self.is_ours = true;
            let (cols, rows) = self.size;
            mouth
                .say(FromViewer::Fit {
                    cols,
                    rows,
                    act: Act::Type,
                })
                .await?;
        }
        mouth.keys(keys).await
    }

    async fn resized(&mut self, mouth: &mut Mouth) -> io::Result<()> {
        let size = terminal::size();
        if size == self.size || !self.may_type {
            return Ok(());
        }
        self.size = size;
        let (cols, rows) = size;
        mouth.say(FromViewer::Size { cols, rows }).await
    }
}

/// How a connection that was closed goes on.
fn closed(code: Option<u16>, reason: String) -> Result<Lost, Failure> {
    match code {
        Some(CLOSE_ENDED) => Ok(Lost::All(Over::Ended(reason))),
        Some(code @ (1002 | 1007 | 1009)) => Err(Failure::new(
            Exit::Internal,
            format!("the daemon did not understand this program ({code} {reason})"),
        )),
        Some(1008) => Err(Failure::failed("the credential is no good any more").hint("llmux auth login")),
        _ => Ok(Lost::Connection),
    }
}

/// How a program ended, for a person. The reason is the one that `protocol/websocket.md` fixes for all clients.
fn in_words(reason: &str) -> String {
    let code = reason
        .strip_prefix("pty exited code=")
        .and_then(|rest| rest.split(' ').next())
        .and_then(|code| code.parse::<i32>().ok());
    match code {
        None | Some(0) => String::new(),
        // As a shell reports it.
        Some(code @ 129..=192) => format!(" by signal {}", code - 128),
        Some(code) => format!(" with exit status {code}"),
    }
}

/// Whether there is no use in trying again.
fn is_final(error: &ClientError) -> bool {
    matches!(error, ClientError::Protocol(_))
        || matches!(
            error.code(),
            Some(
                ErrorCode::SessionNotFound
                    | ErrorCode::SessionNotRunning
                    | ErrorCode::Forbidden
                    | ErrorCode::BadRequest
            )
        )
}

fn draw(bytes: &[u8]) -> Result<(), Failure> {
    show(bytes).map_err(|error| {
        let kind = if error.kind() == io::ErrorKind::BrokenPipe {
            Exit::Pipe
        } else {
            Exit::Failed
        };
        Failure::new(kind, format!("cannot write to this terminal: {error}"))
    })
}

/// What ends the command, and what tells of the terminal's size.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    window: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            window: signal(SignalKind::window_change())?,
        })
    }

    /// Waits for one; `None` if it is only about the size. Cancel safe.
    async fn next(&mut self) -> Option<Exit> {
        tokio::select! {
            _ = self.terminate.recv() => Some(Exit::Terminated),
            _ = self.hangup.recv() => Some(Exit::Terminated),
            _ = self.interrupt.recv() => Some(Exit::Interrupted),
            _ = self.quit.recv() => Some(Exit::Interrupted),
            _ = self.window.recv() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_program_is_told_in_words() {
        for (reason, words) in [
            ("pty exited code=0 signal=none", ""),
            ("pty exited code=unknown signal=none", ""),
            ("pty exited code=3 signal=none", " with exit status 3"),
            ("pty exited code=129 signal=none", " by signal 1"),
            ("something else", ""),
        ] {
            assert_eq!(in_words(reason), words, "{reason}");
        }
    }
}
