//! What a viewer's person does: typing and sizes, carried out in order by a task that lives while there is something to
//! do. It outlives the connection: what was typed before a page was closed is typed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use llmux_protocol::api::{ApiError, ErrorCode, socket::Act};
use tokio::sync::Notify;

use super::{super::error::Failure, talk::Talk};
use crate::session::{Input, Sizing};

/// Keys that wait, for a prompt that is being typed above all. With more the viewer is not listened to.
const KEYS_WAITING: usize = 256 << 10;

/// A size that is wished for.
struct Wish {
    /// The strongest act by which.
    act: Option<Act>,
    cols: u16,
    rows: u16,
}

#[derive(Default)]
struct Todo {
    keys: Vec<u8>,
    wish: Option<Wish>,
    /// Whether a task carries it out.
    is_at_it: bool,
}

struct Inner {
    input: Input,
    sizing: Sizing,
    talk: Arc<Talk>,
    todo: Mutex<Todo>,
    /// Some keys were typed.
    room: Notify,
}

/// The hands of one viewer.
#[derive(Clone)]
pub(super) struct Hands(Arc<Inner>);

impl Hands {
    pub(super) fn new(input: Input, sizing: Sizing, talk: Arc<Talk>) -> Self {
        Self(Arc::new(Inner {
            input,
            sizing,
            talk,
            todo: Mutex::default(),
            room: Notify::new(),
        }))
    }

    /// Types bytes as they are, behind all that was given before; waits while too much waits already.
    pub(super) async fn keys(&self, keys: &[u8]) {
        if keys.is_empty() {
            return;
        }
        while self.lock().keys.len() + keys.len() > KEYS_WAITING.max(keys.len()) {
            self.0.talk.deaf();
            self.0.room.notified().await;
        }
        self.0.talk.heard();
        self.plan(|todo| todo.keys.extend_from_slice(keys));
    }

    /// Claims the size by a person's act, or tells the size of the viewer's window.
    pub(super) fn size(&self, act: Option<Act>, cols: u16, rows: u16) {
        self.plan(|todo| {
            let before = todo.wish.take().and_then(|wish| wish.act);
            let act = act.max(before);
            todo.wish = Some(Wish { act, cols, rows });
        });
    }

    fn plan(&self, change: impl FnOnce(&mut Todo)) {
        let mut todo = self.lock();
        change(&mut todo);
        if !std::mem::replace(&mut todo.is_at_it, true) {
            tokio::spawn(self.clone().work());
        }
    }

    async fn work(self) {
        while let Some((wish, keys)) = self.next() {
            self.0.room.notify_one();
            if let Some(wish) = wish {
                self.fit(wish).await;
            }
            if keys.is_empty() {
                continue;
            }
            if let Err(error) = self.0.input.claim().await.keys(&keys).await {
                self.0.talk.refuse(Failure::from(error).0);
            }
        }
    }

    /// What is to be done next; if nothing is, this task is over.
    fn next(&self) -> Option<(Option<Wish>, Vec<u8>)> {
        let mut todo = self.lock();
        let next = (todo.wish.take(), std::mem::take(&mut todo.keys));
        todo.is_at_it = next.0.is_some() || !next.1.is_empty();
        todo.is_at_it.then_some(next)
    }

    async fn fit(&self, Wish { act, cols, rows }: Wish) {
        let sizing = &self.0.sizing;
        let fitted = match act {
            None => sizing.window(cols, rows).await.map(|()| true),
            Some(act) => sizing.act(act, cols, rows).await,
        };
        match fitted {
            // The button was pressed for nothing; to open or to type was not meant for the size.
            Ok(false) if act == Some(Act::Fit) => self.0.talk.refuse(
                ApiError::new(
                    ErrorCode::SizeHeld,
                    "a person's tmux client is attached and holds the size",
                )
                .hint("detach it: in tmux, prefix d"),
            ),
            Ok(_) => {}
            Err(error) => self.0.talk.refuse(Failure::from(error).0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Todo> {
        self.0.todo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
