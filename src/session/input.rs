//! The one writer of a pane: what is typed waits in line, so that two senders never mix inside one prompt.
//!
//! Text travels as a paste buffer. It never meets tmux's command parser or its key tables: `send-keys` would feed a
//! human's copy mode, and can block the connection for ever.

use std::{
    io::Write,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use llmux_protocol::{
    PaneId,
    control::{BufferName, Command, CommandLine},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{MAX_PROMPT_BYTES, SessionError};
use crate::{
    agent::Submit,
    pane::{Condition, Pane},
    tmux::{RunError, ServerId, Tmux},
};

/// Jobs that wait for a pane; a full queue makes senders wait.
const QUEUE: usize = 64;
/// Text up to this size travels inside the command. tmux keeps commands in its message log, so larger text goes
/// through a file.
const INLINE_BYTES: usize = 4096;

/// Buffer names are unique in the tmux server: pid and a count.
static NEXT_BUFFER: AtomicU64 = AtomicU64::new(0);

/// Where input goes.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) tmux: Tmux,
    pub(super) server: ServerId,
    pub(super) id: PaneId,
    pub(super) pane: Pane,
    pub(super) submit: Submit,
    /// A private directory for large pastes.
    pub(super) spool: PathBuf,
}

/// A handle on a pane's queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Input(mpsc::Sender<Job>);

struct Job {
    text: Vec<u8>,
    kind: Kind,
    done: oneshot::Sender<Result<(), SessionError>>,
}

enum Kind {
    /// Bracketed if the program asked for that, then Enter.
    Prompt { enter: bool },
    /// As it is.
    Keys,
}

impl Input {
    /// Starts the task of a pane's queue. It ends with the last handle.
    pub(super) fn start(destination: Destination) -> Self {
        let (sender, mut jobs) = mpsc::channel::<Job>(QUEUE);
        tokio::spawn(async move {
            while let Some(Job { text, kind, done }) = jobs.recv().await {
                let result = match kind {
                    Kind::Prompt { enter } => destination.prompt(text, enter).await,
                    Kind::Keys => destination.paste(text, false).await,
                };
                // A sender that gave up is no fault; its text was typed all the same.
                let _ = done.send(result);
            }
        });
        Self(sender)
    }

    /// Pastes a prompt, and submits it with Enter.
    ///
    /// Not cancel safe in effect: a prompt in line is typed even if nobody waits for that.
    pub(super) async fn prompt(&self, text: Vec<u8>, enter: bool) -> Result<(), SessionError> {
        self.put(text, Kind::Prompt { enter }).await
    }

    /// Types bytes as they are.
    pub(super) async fn keys(&self, keys: Vec<u8>) -> Result<(), SessionError> {
        self.put(keys, Kind::Keys).await
    }

    async fn put(&self, text: Vec<u8>, kind: Kind) -> Result<(), SessionError> {
        let (done, answer) = oneshot::channel();
        self.0
            .send(Job { text, kind, done })
            .await
            .map_err(|_| SessionError::ShuttingDown)?;
        answer.await.unwrap_or(Err(SessionError::ShuttingDown))
    }
}

impl Destination {
    async fn prompt(&self, text: Vec<u8>, enter: bool) -> Result<(), SessionError> {
        let before = self.pane.seq();
        self.paste(text, true).await?;
        if enter {
            self.taken(before).await;
            self.paste(self.submit.enter.clone().into_bytes(), false).await?;
        }
        Ok(())
    }

    /// Waits until the pane shows that it took the paste. Programs that show nothing (a password prompt) get their
    /// Enter after the catalog's bounds: a late echo must not cut the gap short.
    async fn taken(&self, before: u64) {
        let Submit {
            settle_ms, gap_ms, ..
        } = self.submit;
        let shown = async {
            let _ = self.pane.wait(Condition::OutputPast(before)).await;
            if gap_ms > 0 {
                let _ = self
                    .pane
                    .wait(Condition::Quiet(Duration::from_millis(gap_ms)))
                    .await;
            }
        };
        let _ = timeout(Duration::from_millis(settle_ms.saturating_add(gap_ms)), shown).await;
    }

    /// Writes bytes to the program, as a paste if it asked to be told.
    async fn paste(&self, bytes: Vec<u8>, bracketed: bool) -> Result<(), SessionError> {
        // A buffer can't hold NUL, which is the key Ctrl-Space.
        for (index, part) in bytes.split(|&byte| byte == 0).enumerate() {
            if index > 0 {
                let keys = CommandLine::new(Command::LeaveMode { pane: self.id })
                    .then(Command::SendNul { pane: self.id });
                self.tmux.run(self.server, keys).await?;
            }
            if !part.is_empty() {
                self.paste_buffer(part, bracketed).await?;
            }
        }
        Ok(())
    }

    async fn paste_buffer(&self, bytes: &[u8], bracketed: bool) -> Result<(), SessionError> {
        let buffer =
            BufferName(u64::from(std::process::id()) << 32 | NEXT_BUFFER.fetch_add(1, Ordering::Relaxed));
        let paste = Command::PasteBuffer {
            buffer,
            pane: self.id,
            bracketed,
            verbatim: self.tmux.version().paste_needs_verbatim(),
        };
        let file = (bytes.len() > INLINE_BYTES)
            .then(|| self.spool(bytes))
            .transpose()?;
        let fill = match &file {
            Some(file) => Command::LoadBuffer {
                buffer,
                path: file.path().to_string_lossy().into_owned(),
            },
            None => Command::SetBuffer {
                buffer,
                data: bytes.to_vec(),
            },
        };
        let line = CommandLine::new(fill).then(paste);
        let Err(error) = self.tmux.run(self.server, line).await else {
            return Ok(());
        };
        if matches!(&error, RunError::Refused { done, .. } if !done.is_empty()) {
            // Pasting is what deletes it; else anybody could read it in the tmux server.
            let _ = self.tmux.run(self.server, Command::DeleteBuffer { buffer }).await;
        }
        Err(error.into())
    }

    /// Writes a large paste where only this user can read it; the file goes when the value does.
    fn spool(&self, bytes: &[u8]) -> Result<tempfile::NamedTempFile, SessionError> {
        let mut file = tempfile::Builder::new()
            .prefix("paste-")
            .tempfile_in(&self.spool)
            .map_err(SessionError::Spool)?;
        file.write_all(bytes).map_err(SessionError::Spool)?;
        Ok(file)
    }
}

/// Makes a prompt safe to paste: line ends become LF, those at the end go (Enter is typed by itself), and control
/// characters but TAB and LF are left out, for an ESC could end the paste and a Ctrl-C the program.
pub(super) fn prompt_bytes(text: &str) -> Result<Vec<u8>, SessionError> {
    if text.len() > MAX_PROMPT_BYTES {
        return Err(SessionError::PromptTooLarge(text.len()));
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = lines
        .chars()
        .filter(|&c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect();
    let kept = kept.trim_end_matches('\n');
    if kept.is_empty() {
        return Err(SessionError::EmptyPrompt);
    }
    Ok(kept.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pasted(text: &str) -> String {
        String::from_utf8(prompt_bytes(text).unwrap()).unwrap()
    }

    #[test]
    fn ordinary_text_is_pasted_as_it_is() {
        for text in [
            "hello",
            "-R",
            "a;",
            "  two\n\tlines",
            "日本 🦀 é",
            "$(x) `y` #{z} ~ \"q\" 'p' \\",
        ] {
            assert_eq!(pasted(text), text);
        }
    }

    #[test]
    fn line_ends_are_one_kind_and_none_stands_at_the_end() {
        assert_eq!(pasted("a\r\nb\rc\n\n"), "a\nb\nc");
    }

    #[test]
    fn control_characters_can_not_end_the_paste_or_the_program() {
        assert_eq!(pasted("a\x1b[201~b\x03c\0d\x7fe\u{9b}f"), "a[201~bcdef");
    }

    #[test]
    fn too_much_and_nothing_are_refused() {
        assert!(matches!(
            prompt_bytes(&"x".repeat(MAX_PROMPT_BYTES + 1)),
            Err(SessionError::PromptTooLarge(_))
        ));
        assert!(matches!(prompt_bytes("\n\x1b"), Err(SessionError::EmptyPrompt)));
    }
}
