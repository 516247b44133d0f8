//! Notifications: what tmux says without being asked.

use bytes::Bytes;

use super::Layout;
use crate::{PaneId, SessionId, WindowId};

/// A notification other than pane output. Names and texts are what tmux printed, byte for byte.
///
/// "Linked" means: linked into the session this control client is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Output of the pane stopped, because we asked for it or fell behind; what it prints now is not sent later.
    Pause(PaneId),
    /// Output of the pane goes on.
    Continue(PaneId),
    /// A window was linked.
    WindowAdd(WindowId),
    /// A linked window was closed; after `kill-session` of another session also said of one that lives on.
    WindowClose(WindowId),
    /// A linked window got a name.
    WindowRenamed {
        /// The window.
        window: WindowId,
        /// Its name now.
        name: Bytes,
    },
    /// A window was created or linked elsewhere.
    UnlinkedWindowAdd(WindowId),
    /// A window was closed or unlinked; a linked window whose last pane ends is reported so too.
    UnlinkedWindowClose(WindowId),
    /// A window linked elsewhere got a name.
    UnlinkedWindowRenamed {
        /// The window.
        window: WindowId,
        /// Its name now.
        name: Bytes,
    },
    /// Another pane of a window became its active one.
    WindowPaneChanged {
        /// The window.
        window: WindowId,
        /// Its active pane now.
        pane: PaneId,
    },
    /// A linked window was resized, split or zoomed.
    LayoutChange {
        /// The window.
        window: WindowId,
        /// All its panes.
        layout: Layout,
        /// The panes on display: while one is zoomed, only that one.
        visible: Layout,
        /// The window's flags, such as `*Z`; often empty.
        flags: Bytes,
    },
    /// A pane entered or left a mode such as copy mode.
    PaneModeChanged(PaneId),
    /// This client is attached to another session now.
    SessionChanged {
        /// The session.
        session: SessionId,
        /// Its name.
        name: Bytes,
    },
    /// Another client is attached to another session now.
    ClientSessionChanged {
        /// The client: a terminal's path or `client-PID`.
        client: Bytes,
        /// The session.
        session: SessionId,
        /// Its name.
        name: Bytes,
    },
    /// Another client left.
    ClientDetached {
        /// The client: a terminal's path or `client-PID`.
        client: Bytes,
    },
    /// A session got a name.
    SessionRenamed {
        /// The session.
        session: SessionId,
        /// Its name now.
        name: Bytes,
    },
    /// A session was created or destroyed.
    SessionsChanged,
    /// Another window of a session became its current one.
    SessionWindowChanged {
        /// The session.
        session: SessionId,
        /// Its current window now.
        window: WindowId,
    },
    /// A subscription's value changed. llmux never subscribes: it can end the tmux server up to 3.6.
    SubscriptionChanged {
        /// The subscription's name.
        name: Bytes,
        /// The session it was evaluated in.
        session: SessionId,
        /// The window, if it is one for windows or panes.
        window: Option<WindowId>,
        /// The window's index in the session.
        index: Option<u32>,
        /// The pane, if it is one for panes.
        pane: Option<PaneId>,
        /// The value now.
        value: Bytes,
    },
    /// A paste buffer was set (tmux 3.4).
    PasteBufferChanged {
        /// Its name.
        name: Bytes,
    },
    /// A paste buffer was deleted (tmux 3.4).
    PasteBufferDeleted {
        /// Its name.
        name: Bytes,
    },
    /// Somebody sent this client a message (tmux 3.4).
    Message {
        /// The text.
        text: Bytes,
    },
    /// The user's configuration has a mistake (tmux 3.4).
    ConfigError {
        /// The text, with file and line.
        text: Bytes,
    },
    /// tmux lets go of this client; nothing follows.
    Exit {
        /// Why, for instance `server exited` or `too far behind`.
        reason: Option<Bytes>,
    },
    /// A notification of a newer tmux, or a known one that does not read as it should.
    Unknown {
        /// The word after `%`.
        name: Bytes,
        /// The line after that word and one space.
        rest: Bytes,
    },
}

impl Notice {
    /// Whether sessions, windows, panes, layouts or clients may have changed, so that a model of them is out of date.
    ///
    /// An unknown notification counts: a needless look costs a millisecond, a missed change costs the truth.
    #[must_use]
    pub fn is_structural(&self) -> bool {
        !matches!(
            self,
            Self::Pause(_)
                | Self::Continue(_)
                | Self::PaneModeChanged(_)
                | Self::SubscriptionChanged { .. }
                | Self::PasteBufferChanged { .. }
                | Self::PasteBufferDeleted { .. }
                | Self::Message { .. }
                | Self::ConfigError { .. }
                | Self::Exit { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_windows_is_structural_and_what_does_not_is_not() {
        assert!(Notice::SessionsChanged.is_structural());
        assert!(Notice::UnlinkedWindowClose(WindowId(1)).is_structural());
        assert!(!Notice::Pause(PaneId(1)).is_structural());
        assert!(!Notice::Exit { reason: None }.is_structural());
    }

    #[test]
    fn an_unknown_notification_counts_as_structural() {
        let unknown = Notice::Unknown {
            name: Bytes::from_static(b"window-flew"),
            rest: Bytes::new(),
        };
        assert!(unknown.is_structural());
    }
}
