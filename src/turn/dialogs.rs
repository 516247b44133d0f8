//! The questions that an agent asks, one after the other.

use std::sync::Arc;

use llmux_protocol::api::{Dialog, PendingPrompt};
use tokio::sync::watch;

use super::{
    Turns,
    picture::Picture,
    view::{Look, watch_for},
};

/// Follows the questions of one program.
pub(crate) struct Dialogs {
    pictures: Option<watch::Receiver<Arc<Picture>>>,
    shown: Option<String>,
}

impl Turns {
    /// Follows the questions that a session's agent asks; none will come if it does not run.
    pub(crate) fn dialogs(&self, name: &str) -> Dialogs {
        Dialogs {
            pictures: self.seats.seat(name).map(|seat| seat.oracle.pictures()),
            shown: None,
        }
    }
}

impl Dialogs {
    /// Waits for the next question, or for the open one to go. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<PendingPrompt> {
        let Some(pictures) = &mut self.pictures else {
            return std::future::pending().await;
        };
        let shown = self.shown.clone();
        let look = |picture: &Arc<Picture>| {
            let dialog = picture.belief.dialog.clone();
            let is_other = dialog.as_ref().map(|dialog| &dialog.id) != shown.as_ref();
            if is_other {
                Look::Found(dialog.map(|dialog| pending(&dialog, picture)))
            } else {
                Look::Wait
            }
        };
        let asked = watch_for(pictures, None, look).await.flatten();
        self.shown = asked.as_ref().map(|asked| asked.id.clone());
        asked
    }
}

fn pending(dialog: &Dialog, picture: &Picture) -> PendingPrompt {
    PendingPrompt {
        id: dialog.id.clone(),
        header: dialog.header.clone(),
        question: dialog.question.clone(),
        options: dialog.options.clone(),
        selected_index: dialog.selected,
        raw: picture.conversation.rows().join("\n"),
    }
}
