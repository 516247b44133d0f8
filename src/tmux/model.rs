//! What exists on the tmux server, as one `list-panes -a` shows it.

use std::collections::{BTreeMap, BTreeSet};

use llmux_protocol::{
    PaneId, SessionId, WindowId,
    control::{Format, Reply},
};

use crate::screen::Size;

/// One row a pane and session; a window that is linked into two sessions has its panes listed twice. The tag is last
/// but for the session's name, which may hold anything.
pub(super) const ROW: Format = Format::new(
    "#{pane_id}\t#{window_id}\t#{session_id}\t#{pane_width}\t#{pane_height}\t#{pane_pid}\t#{session_attached}\t\
     #{@llmux}\t#{session_name}",
);

/// A tmux server's identity: ids are only unique within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ServerId {
    pub(crate) pid: u32,
    /// Seconds since 1970.
    pub(crate) started: u64,
}

/// All panes and sessions but the hub itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model {
    pub(crate) server: ServerId,
    /// Whether this server has been looked at; before, nothing is known to be absent.
    pub(crate) looked: bool,
    pub(crate) panes: BTreeMap<PaneId, PaneRow>,
    pub(crate) sessions: BTreeMap<SessionId, SessionRow>,
}

/// A pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaneRow {
    pub(crate) window: WindowId,
    /// The sessions that show its window, without the hub. Empty: a human killed its session.
    pub(crate) sessions: BTreeSet<SessionId>,
    /// Whether its window is linked into the hub.
    pub(crate) in_hub: bool,
    pub(crate) size: Size,
    /// The process tmux started in it.
    pub(crate) pid: u32,
    /// What llmux wrote on it; empty for panes that are not ours.
    pub(crate) tag: String,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) name: String,
    /// Attached clients.
    pub(crate) attached: u32,
}

impl Model {
    /// Reads the reply to `list-panes -a` with [`ROW`]. Rows that can't be read are skipped.
    pub(super) fn read(server: ServerId, hub: SessionId, reply: &Reply) -> Self {
        let mut model = Self {
            server,
            looked: true,
            ..Self::default()
        };
        for line in &reply.body {
            if model.add(hub, &String::from_utf8_lossy(line)).is_none() {
                tracing::warn!(row = %String::from_utf8_lossy(line), "skipping an unreadable row of list-panes");
            }
        }
        model
    }

    /// The windows in which a pane is one of `ours`.
    pub(super) fn windows_of(&self, ours: impl Fn(&PaneId) -> bool) -> BTreeSet<WindowId> {
        let panes = self.panes.iter().filter(|(pane, _)| ours(pane));
        panes.map(|(_, row)| row.window).collect()
    }

    /// The panes of a window, and whether a session beside the hub shows it.
    pub(super) fn window(&self, window: WindowId) -> (Vec<PaneId>, bool) {
        let panes = self
            .panes
            .iter()
            .filter(|(_, row)| row.window == window && row.in_hub);
        let shown = panes.clone().any(|(_, row)| !row.sessions.is_empty());
        (panes.map(|(&pane, _)| pane).collect(), shown)
    }

    fn add(&mut self, hub: SessionId, row: &str) -> Option<()> {
        let mut fields = row.splitn(9, '\t');
        let mut field = || fields.next();
        let pane = field()?.parse().ok()?;
        let window = field()?.parse().ok()?;
        let session: SessionId = field()?.parse().ok()?;
        let size = Size::new(field()?.parse().ok()?, field()?.parse().ok()?);
        let pid = field()?.parse().ok()?;
        let attached = field()?.parse().ok()?;
        let (tag, name) = (field()?.to_owned(), field()?.to_owned());
        let row = PaneRow {
            window,
            sessions: BTreeSet::new(),
            in_hub: false,
            size,
            pid,
            tag,
        };
        let row = self.panes.entry(pane).or_insert(row);
        if session == hub {
            row.in_hub = true;
        } else {
            row.sessions.insert(session);
            self.sessions.insert(session, SessionRow { name, attached });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(rows: &[&str]) -> Model {
        let body = rows
            .iter()
            .map(|row| Bytes::copy_from_slice(row.as_bytes()))
            .collect();
        let reply = Reply {
            time: 0,
            number: 0,
            flags: 1,
            ok: true,
            body,
        };
        Model::read(ServerId::default(), SessionId(0), &reply)
    }

    #[test]
    fn a_linked_window_is_one_pane_in_two_sessions() {
        let model = read(&[
            "%1\t@1\t$0\t80\t24\t9\t1\ta1\t_llmux",
            "%1\t@1\t$1\t80\t24\t9\t0\ta1\ta1",
        ]);
        let pane = &model.panes[&PaneId(1)];
        assert!(pane.in_hub);
        assert_eq!(pane.sessions, BTreeSet::from([SessionId(1)]));
        assert_eq!(model.sessions.len(), 1);
    }

    #[test]
    fn a_killed_session_leaves_a_pane_in_the_hub_only() {
        let model = read(&["%1\t@1\t$0\t80\t24\t9\t1\ta1\t_llmux"]);
        assert!(model.panes[&PaneId(1)].sessions.is_empty());
    }

    #[test]
    fn a_session_name_may_hold_tabs_and_a_bad_row_costs_only_itself() {
        let model = read(&["garbage", "%1\t@1\t$1\t80\t24\t9\t0\t\ta\tb"]);
        assert_eq!(model.sessions[&SessionId(1)].name, "a\tb");
        assert_eq!(model.panes[&PaneId(1)].tag, "");
    }
}
