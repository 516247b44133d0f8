//! The one writer of a pane: who types claims it first, so that two senders never mix inside one prompt.
//!
//! Text travels as a paste buffer. It never meets tmux's command parser or its key tables: `send-keys` would feed a
//! human's copy mode, and can block the connection for ever.

use std::{
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use llmux_protocol::{
    PaneId,
    control::{BufferName, Command, CommandLine},
};
use tokio::sync::{Mutex, OwnedMutexGuard};
use unicode_width::UnicodeWidthChar;

use super::{MAX_PROMPT_BYTES, SessionError};
use crate::tmux::{RunError, ServerId, Tmux};

/// Text up to this size travels inside the command. tmux keeps commands in its message log, so larger text goes
/// through a file.
const INLINE_BYTES: usize = 4096;

/// Buffer names are unique in the tmux server: pid and a count.
static NEXT_BUFFER: AtomicU64 = AtomicU64::new(0);

/// Where input goes.
pub(super) struct Destination {
    pub(super) tmux: Tmux,
    pub(super) server: ServerId,
    pub(super) id: PaneId,
    /// A private directory for large pastes.
    pub(super) spool: PathBuf,
}

/// A handle on a pane's input. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Input(Arc<Mutex<Destination>>);

/// The right to type into a pane, until it is dropped.
pub(crate) struct Typist(OwnedMutexGuard<Destination>);

impl Input {
    pub(super) fn new(destination: Destination) -> Self {
        Self(Arc::new(Mutex::new(destination)))
    }

    /// Waits in line for the pane. Cancel safe: who gives up leaves the line.
    pub(crate) async fn claim(&self) -> Typist {
        Typist(self.0.clone().lock_owned().await)
    }
}

impl Typist {
    /// Pastes text: bracketed, if the program asked for that.
    ///
    /// Not cancel safe: what was handed to tmux is typed.
    pub(crate) async fn paste(&self, text: &[u8]) -> Result<(), SessionError> {
        self.0.paste(text, true).await
    }

    /// Types bytes as they are.
    ///
    /// Not cancel safe: what was handed to tmux is typed.
    pub(crate) async fn keys(&self, keys: &[u8]) -> Result<(), SessionError> {
        self.0.paste(keys, false).await
    }
}

impl Destination {
    /// Writes bytes to the program, as a paste if it asked to be told.
    async fn paste(&self, bytes: &[u8], bracketed: bool) -> Result<(), SessionError> {
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
pub(crate) fn prompt_bytes(text: &str) -> Result<Vec<u8>, SessionError> {
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

/// Whether a prompt shows nothing: then nobody can see whether it is in a composer.
pub(crate) fn is_blank(prompt: &[u8]) -> bool {
    String::from_utf8_lossy(prompt).chars().all(is_invisible)
}

/// Whether a character shows nothing: a blank, or what has no width of its own.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || c.width().unwrap_or(0) == 0
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
        let refused = prompt_bytes("\n\x1b");
        assert!(matches!(refused, Err(SessionError::EmptyPrompt)));
        for blank in ["   ", " \t\n ", "\u{200b}\u{200d}", "\u{feff} \u{a0}"] {
            assert!(is_blank(blank.as_bytes()), "{blank:?}");
        }
        for text in [".", " é", "e\u{301}", "👩\u{200d}👧"] {
            assert!(!is_blank(text.as_bytes()), "{text:?}");
        }
    }
}
