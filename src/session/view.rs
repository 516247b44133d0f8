//! Sessions as the API shows them.

use llmux_protocol::api::{CursorView, ExitView, ScreenView, SessionView, State};

use super::{Live, Sessions, binding::Bound};
use crate::{
    pane::{Life, Look},
    store::SessionRecord,
};

impl Sessions {
    /// A session as the API shows it, from its record and what runs.
    pub(super) fn view(&self, record: &SessionRecord) -> SessionView {
        let live = self.live(&record.name);
        let running = live.as_ref().filter(|live| live.runs());
        let policy = self.policy();
        let agent = policy.catalog.find(&record.agent);
        let stored = self.stored(&record.name);
        let state = if running.is_some() {
            State::Running
        } else {
            State::Exited
        };
        SessionView {
            name: record.name.clone(),
            agent: record.agent.clone(),
            cwd: record.cwd.clone(),
            cwd_display: self.shorten(&record.cwd),
            flags: record.flags.clone(),
            default_flags: agent.map(|agent| agent.flags.clone()).unwrap_or_default(),
            env: record.env.clone(),
            default_env: agent.map(|agent| agent.env.clone()).unwrap_or_default(),
            resume_from: record.resume_from.clone(),
            resume_from_title: stored.resumed,
            external_session_id: record.external_session_id.clone(),
            bound_conversation_id: record.conversation().map(str::to_owned),
            bound_conversation_title: stored.bound,
            bound_by: Bound::of(record).by,
            has_history: agent.is_some_and(|agent| agent.history.is_some()),
            conversation_count: stored.count,
            init_prompts: record.init_prompts.clone(),
            created_at: record.created_at.clone(),
            parent: record.parent.clone(),
            restart: Some(policy.restart_of(&record.name).word().to_owned()),
            status: state,
            state,
            exit: if running.is_some() {
                None
            } else {
                exit(record, live.as_deref())
            },
            tmux_session: running.map(|live| live.session.to_string()),
            pane: running.map(|live| live.id.to_string()),
            size: running
                .map(|live| live.pane.size())
                .map(|size| (size.cols, size.rows)),
            attached: running.map_or(0, |live| self.attached(live)),
            viewers: running.map_or(0, |live| live.audience.count()),
            activity: None,
            warnings: running.map_or_else(Vec::new, |live| live.warnings.to_vec()),
        }
    }

    fn attached(&self, live: &Live) -> u32 {
        let model = self.0.tmux.model();
        let model = model.borrow();
        model
            .sessions
            .get(&live.session)
            .map_or(0, |session| session.attached)
    }

    fn shorten(&self, cwd: &str) -> String {
        let home = self.0.setting.environment.home().to_string_lossy();
        match cwd.strip_prefix(home.as_ref()) {
            Some("") => "~".to_owned(),
            Some(rest) if rest.starts_with('/') && home.len() > 1 => format!("~{rest}"),
            _ => cwd.to_owned(),
        }
    }
}

/// The end as it was written down, or as it was just seen.
fn exit(record: &SessionRecord, live: Option<&Live>) -> Option<ExitView> {
    if let Some(exit) = &record.exit {
        return Some(ExitView {
            code: exit.code,
            at: exit.at.clone(),
        });
    }
    match &*live?.pane.life().borrow() {
        Life::Ended(end) => Some(ExitView {
            code: end.code,
            at: crate::store::time::now(),
        }),
        Life::Starting | Life::Running => None,
    }
}

/// A screen as the API shows it.
pub(super) fn screen(name: &str, look: Look) -> ScreenView {
    ScreenView {
        name: name.to_owned(),
        cols: look.size.cols,
        rows: look.size.rows,
        lines: look.rows.iter().map(ToString::to_string).collect(),
        cursor: CursorView {
            row: look.cursor.row,
            col: look.cursor.col,
            visible: look.cursor.visible,
        },
        title: look.title,
        alternate: look.modes.alternate,
        seq: look.seq,
    }
}
