//! Turns among the programs of one host, kept in files of one directory.
//!
//! | file | what it is |
//! |---|---|
//! | `llmux_NAME.TIME-PID-N.ticket` | a place in the line of a channel: a program that waits for the turn, or has it |
//! | `llmux_NAME.lock` | the turn: a second name of its holder's ticket |
//!
//! - **First come, first served.** Waiters of one program queue in memory; the first of them takes a ticket, named by the
//!   moment of a clock that all programs share. So a program has one place in a line, and programs take turns in the order
//!   in which they asked.
//! - **A ticket is alive while its owner's `flock` is on it**, which the kernel releases however the owner ends. It is
//!   locked before it has its name, so a ticket that can be locked is a dead one's; whoever finds it removes it.
//! - **Only the first ticket tries for the lock**, and only making the lock excludes: `link(2)` fails if the name is
//!   taken. The order may be missed by those who come within the same moment; the exclusion is not.
//! - **The old program (Node) sees the lock held**: the file holds a decimal pid that is alive. Its locks are waited for, and
//!   removed once their pid is gone, as it does. Its waiters try at random, so they may be late.
//! - **Its Bun variant sees it held, too**: it tries to `flock` the file. When we unlink it, one that waits locks a file without
//!   a name; that variant and Node's never excluded each other either.
//! - **Nothing is removed that is not ours or a dead one's**: a name is compared with the open file before.
//! - **Waiting costs nothing**: changes of the directory wake those who wait, one per channel and program. A look now
//!   and then covers what no change shows, such as the death of an old program.

mod dir;
mod lock;
#[cfg(test)]
mod tests;
mod ticket;
mod watch;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::{
    sync::{Mutex as Line, OwnedMutexGuard},
    task::spawn_blocking,
};

use self::{
    ticket::{Attempt, Ticket, Turn},
    watch::Watches,
};
use super::TurnqError;

/// The turns of this host.
pub(super) struct Local {
    dir: PathBuf,
    /// This program's line of each channel that it uses now. tokio's mutex is fair.
    lines: Mutex<HashMap<String, Weak<Line<()>>>>,
    watches: Watches,
}

/// A turn; dropping it gives it to the next.
pub(super) struct Hold {
    // Given up in this order: the turn first, then the place in this program's own line.
    _turn: Turn,
    _place: OwnedMutexGuard<()>,
}

impl Local {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            lines: Mutex::default(),
            watches: Watches::new(dir.clone()),
            dir,
        }
    }

    pub(super) async fn acquire(&self, channel: &str) -> Result<Hold, TurnqError> {
        let stem = stem(channel);
        let place = self.line(&stem).lock_owned().await;
        let (dir, name) = (self.dir.clone(), stem.clone());
        let mut ticket = self.blocking(move || Ticket::take(dir, name)).await?;
        let mut changes = None;
        loop {
            // Dropped in the middle, the ticket and the turn are dropped there, too.
            let blocker = match self.blocking(move || ticket.attempt()).await? {
                Attempt::Turn(turn) => {
                    return Ok(Hold {
                        _turn: turn,
                        _place: place,
                    });
                }
                Attempt::Wait(waiting, blocker) => {
                    ticket = waiting;
                    blocker
                }
            };
            match &mut changes {
                // It was looked at before it was watched: look again.
                None => changes = Some(self.watches.watch()),
                Some(changes) => changes.next(&stem, blocker).await,
            }
        }
    }

    fn line(&self, stem: &str) -> Arc<Line<()>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(stem).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Line::new(()));
        lines.insert(stem.to_owned(), Arc::downgrade(&line));
        line
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TurnqError> + Send + 'static,
    ) -> Result<T, TurnqError> {
        let done = spawn_blocking(work).await;
        done.unwrap_or_else(|error| {
            Err(TurnqError::Dir {
                dir: self.dir.clone(),
                why: error.to_string(),
            })
        })
    }
}

/// The name of a channel's files, as the old program makes it: it replaces UTF-16 units.
fn stem(channel: &str) -> String {
    let mut stem = String::with_capacity(channel.len());
    for c in channel.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            stem.push(c);
        } else {
            stem.extend(std::iter::repeat_n('_', c.len_utf16()));
        }
    }
    stem
}
