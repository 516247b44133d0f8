//! The vocabulary: everything llmux can say to tmux, tmux(1) section COMMANDS.
//!
//! It is closed on purpose. Some commands can end the tmux server and with it every agent (`respawn-pane`,
//! `refresh-client -A off`, `refresh-client -B`, `destroy-unattached on`); some run a shell (`run-shell`, `if-shell`,
//! `source-file`, `#()` in a format); `send-keys` with text obeys a human's copy-mode keys and can block the
//! connection for ever. There is no way to write them here.

use std::fmt;

use bytes::Bytes;

use crate::{PaneId, SessionId, SessionName, WindowId};

/// One command. Each answers with exactly one reply, if no command before it on its line failed.
///
/// Text in it is data wherever it comes from: no value can end its word, its command or its line. NUL bytes, which
/// tmux can't take in a command, are left out.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Starts a detached session with one program; answers `$SESSION @WINDOW %PANE PID`.
    NewSession {
        /// Its name; an error reply if it is taken.
        name: SessionName,
        /// Its size; tmux 3.2 ignores it (see [`Command::ResizeWindow`]).
        size: Size,
        /// Where the program starts. Left out if it contains `#` or NUL, because tmux reads a format here; a
        /// directory that does not exist is replaced by tmux without a word.
        cwd: Option<String>,
        /// Added to the tmux server's environment for this session. tmux replaces its `update-environment`
        /// variables by those of our own client, or removes them.
        env: Vec<(String, String)>,
        /// The program and its arguments, executed without a shell. tmux would give a single word to a shell and an
        /// empty list means the user's shell, so less than two words are filled up with `env` in front.
        argv: Vec<String>,
    },
    /// Marks a pane as ours: sets its option `@llmux`.
    TagPane {
        /// The pane.
        pane: PaneTarget,
        /// The mark.
        tag: String,
    },
    /// Lets a session live without clients, whatever the user's `destroy-unattached`.
    KeepSessionUnattached {
        /// The session.
        session: SessionTarget,
    },
    /// Makes clients leave when the session ends, whatever the user's `detach-on-destroy`: else ours would be moved to
    /// an agent's session.
    DetachOnDestroy {
        /// The session.
        session: SessionId,
    },
    /// Takes the status line away: `status off`.
    HideStatus {
        /// The session.
        session: SessionId,
    },
    /// Links a window into the hub, so that its output reaches us.
    LinkWindow {
        /// The window.
        from: WindowTarget,
        /// The hub.
        hub: SessionId,
    },
    /// Takes a window out of the hub; an error reply if it is nowhere else. Pause its panes first, else tmux hoards
    /// their output.
    UnlinkWindow {
        /// The window.
        window: WindowId,
        /// The hub.
        hub: SessionId,
    },
    /// Resizes a window and pins its size: always follow with [`Command::UnpinWindowSize`] on the same line.
    ResizeWindow {
        /// The window.
        window: WindowId,
        /// Its size from now on.
        size: Size,
    },
    /// Lets the window follow a human's terminal again: unsets its `window-size`.
    UnpinWindowSize {
        /// The window.
        window: WindowId,
    },
    /// Fills a paste buffer. Empty data changes nothing in tmux. The text is kept in the server's message log: for
    /// anything but a few KB use [`Command::LoadBuffer`].
    SetBuffer {
        /// The buffer.
        buffer: BufferName,
        /// Any bytes but NUL, which is left out.
        data: Vec<u8>,
    },
    /// Fills a paste buffer from a file. Blocks our command queue meanwhile. A file that can't be read still answers
    /// ok, with a stray line before; the paste then fails.
    LoadBuffer {
        /// The buffer.
        buffer: BufferName,
        /// The file. tmux reads a format here: `#` is doubled, and `#[`, which can't be, names no file.
        path: String,
    },
    /// Deletes a paste buffer.
    DeleteBuffer {
        /// The buffer.
        buffer: BufferName,
    },
    /// Writes a paste buffer to a pane as it is, line feeds included, and deletes it. Modes of the pane do not matter.
    PasteBuffer {
        /// The buffer.
        buffer: BufferName,
        /// The pane.
        pane: PaneId,
        /// Wrapped in `ESC [200~` and `ESC [201~` if the program asked for bracketed paste.
        bracketed: bool,
        /// Control characters go through: needed from tmux 3.7, an error before.
        verbatim: bool,
    },
    /// Makes a pane leave copy mode and the like; nothing if it is in none.
    LeaveMode {
        /// The pane.
        pane: PaneId,
    },
    /// Types NUL (Ctrl-Space), which no buffer can hold. A mode would take it: [`Command::LeaveMode`] first.
    SendNul {
        /// The pane.
        pane: PaneId,
    },
    /// Answers what a pane shows, with its colours. 20 times as costly as other commands: never poll it.
    Capture {
        /// The pane.
        pane: PaneId,
        /// Which part.
        part: CapturePart,
    },
    /// Answers a format.
    Display {
        /// What the format is about.
        target: DisplayTarget,
        /// The format.
        format: Format,
    },
    /// Answers a format for each pane of each session; a linked window's panes come once per link.
    ListPanes {
        /// The format.
        format: Format,
    },
    /// Renames a session.
    RenameSession {
        /// The session.
        session: SessionId,
        /// Its name from now on.
        name: SessionName,
    },
    /// Sets a variable for programs that start in the session later.
    SetEnvironment {
        /// The session.
        session: SessionId,
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Answers `NAME=value`, `-NAME` for a removed variable, or an error if there is none.
    ShowEnvironment {
        /// The session.
        session: SessionId,
        /// The variable.
        name: &'static str,
    },
    /// Ends a pane and its program. See [`Command::KillWindow`] if the pane is its window's last.
    KillPane(PaneId),
    /// Ends a window in all sessions, and its programs.
    ///
    /// If a session survives this with another current window, wait for the reply before anything that ends that
    /// session: in one batch the two end the tmux server (3.3a). To end both, [`Command::KillSession`] goes first.
    KillWindow(WindowId),
    /// Ends a session. Windows that are linked elsewhere live on.
    KillSession(SessionId),
    /// Stops a pane's output; what it prints meanwhile is not sent later.
    PausePane(PaneId),
    /// Lets a pane's output go on.
    ContinuePane(PaneId),
    /// Makes tmux pause a pane of which we are this far behind, instead of hoarding its output.
    PauseAfter {
        /// Seconds.
        secs: u32,
    },
    /// Makes a client leave.
    DetachClient {
        /// The client, as in [`super::Notice::ClientSessionChanged`].
        client: String,
    },
    /// Answers a server option's value; nothing if this tmux has none of that name.
    ShowServerOption {
        /// The option.
        name: &'static str,
    },
}

/// Commands for one line: `a ; b ; c` and one line feed. Never empty: to tmux an empty line means goodbye.
///
/// tmux runs them without reading any pane in between, and drops the rest after the first that fails.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine(Vec<Command>);

impl CommandLine {
    /// Makes a line of one command.
    #[must_use]
    pub fn new(first: Command) -> Self {
        Self(vec![first])
    }

    /// Adds a command.
    #[must_use]
    pub fn then(mut self, next: Command) -> Self {
        self.0.push(next);
        self
    }

    /// How many replies come if all goes well; after a failure none come for the commands behind it.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.0.len()
    }

    /// Writes the line for tmux's standard input. Total: any text in any command gives one line of just these
    /// commands.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        super::encode::line(&self.0)
    }
}

impl From<Command> for CommandLine {
    fn from(first: Command) -> Self {
        Self::new(first)
    }
}

/// Prints the tmux commands without their values: prompts and environments are not for logs.
impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

/// Prints the tmux command without its values: prompts and environments are not for logs.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// A pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaneTarget {
    /// This one.
    Id(PaneId),
    /// The active one of a session, found by its exact name.
    Of(SessionName),
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowTarget {
    /// This one.
    Id(WindowId),
    /// The current one of a session, found by its exact name.
    Of(SessionName),
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionTarget {
    /// This one.
    Id(SessionId),
    /// The one with exactly this name.
    Named(SessionName),
}

impl fmt::Display for PaneTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(pane) => pane.fmt(f),
            Self::Of(session) => write!(f, "={session}:"),
        }
    }
}

impl fmt::Display for WindowTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(window) => window.fmt(f),
            Self::Of(session) => write!(f, "={session}:"),
        }
    }
}

impl fmt::Display for SessionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(session) => write!(f, "{session}:"),
            Self::Named(session) => write!(f, "={session}:"),
        }
    }
}

/// What a format is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayTarget {
    /// A pane, with its window and session.
    Pane(PaneId),
    /// A session, with its current window and active pane.
    Session(SessionId),
    /// The server and our own client.
    None,
}

/// A part of a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapturePart {
    /// The screen, row by row. Joined, a row that wrapped and was shortened since would shift all below it.
    Visible,
    /// So many lines of history, and of the screen nothing; without any history, the screen's first line. Blocks the
    /// tmux server for about 5 µs a line.
    History {
        /// Lines before the screen.
        lines: u32,
    },
    /// The primary screen while a program uses the alternate one; else one empty line.
    Saved,
    /// The bytes of an unfinished escape sequence, escaped like `%output`; often one empty line.
    Pending,
}

/// A tmux format. Only text known at compile time can be one: a format can run programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format(pub(super) &'static str);

impl Format {
    /// Takes a format, tmux(1) section FORMATS. Put values that may contain the separator last.
    /// [`Command::Display`] expands `%` as strftime(3) does: write `%%` there.
    ///
    /// # Panics
    /// If it runs a program (`#(`) or breaks the line. In a `const`, where formats belong, that is a compile error.
    #[must_use]
    pub const fn new(format: &'static str) -> Self {
        let bytes = format.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                bytes[at] >= b' ' || bytes[at] == b'\t',
                "a format has no control characters"
            );
            assert!(
                bytes[at] != b'(' || at == 0 || bytes[at - 1] != b'#',
                "a format runs no program"
            );
            at += 1;
        }
        Self(format)
    }
}

/// The name of one of our paste buffers: `llmux-N`. tmux keeps buffers by name, so each use takes a fresh number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferName(pub u64);

impl fmt::Display for BufferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "llmux-{}", self.0)
    }
}
