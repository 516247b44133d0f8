//! Follows what happens to sessions from outside: agents that end, humans who rename, kill and move, and daemons that
//! went before.

use std::{collections::HashSet, sync::Arc};

use llmux_protocol::{
    PaneId, SessionId, SessionName,
    control::{Command, CommandLine, PaneTarget, Reply},
};

use super::{
    Live, SessionError, Sessions, lock,
    plan::Ended,
    start::{Ids, OWNER},
    tree::Process,
};
use crate::{
    pane::{End, Life, Pane},
    store::{ExitRecord, SessionRecord, time},
    tmux::{Model, PaneRow, ServerId},
};

/// Compares every new look at tmux with what is known, for as long as the daemon lives.
pub(super) async fn run(sessions: Sessions) {
    let mut keeper = Keeper {
        sessions,
        examined: HashSet::new(),
        said: HashSet::new(),
        server: ServerId::default(),
    };
    let mut models = keeper.sessions.0.tmux.model();
    let records = keeper.sessions.0.records.clone();
    loop {
        tokio::select! {
            changed = models.changed() => if changed.is_err() { return },
            () = records.lost() => {}
        }
        let model = models.borrow_and_update().clone();
        let settled = keeper.compare(&model).await;
        keeper.sessions.heed_clients(&model);
        if model.looked && settled {
            let synced = &keeper.sessions.0.synced;
            // Before that nothing is started.
            if !*synced.borrow() {
                keeper.sessions.sweep_hooks();
            }
            synced.send_replace(true);
        }
    }
}

/// Waits for the end of one pane's program, writes it down, and lets the wrapper go.
pub(super) async fn follow(sessions: Sessions, name: String, live: Arc<Live>) {
    let mut life = live.pane.life();
    // The task that sends lives as long as the pane's handle, which is here.
    let Ok(end) = life
        .wait_for(|life| matches!(life, Life::Ended(_)))
        .await
        .map(|life| life.clone())
    else {
        return;
    };
    let Life::Ended(end) = end else { return };
    // Whoever stops or restarts a session holds its gate until the program has ended.
    let by_itself = !sessions.is_gated(&name);
    let code = end.code;
    sessions.remove_hooks(live.pane.key());
    sessions.0.records.touch();
    // The wrapper keeps its terminal open until all output is read; it is now.
    let _ = sessions.0.tmux.run(live.server, Command::KillPane(live.id)).await;
    // A rename may have moved it meanwhile.
    if let Some((name, _)) = sessions.of_pane(live.server, live.id) {
        sessions.note_end(name.clone(), &live, end).await;
        if by_itself {
            let (server, pane) = (live.server, live.id);
            // Nobody may follow.
            let _ = sessions.0.ended.send(Ended {
                name,
                server,
                pane,
                code,
            });
        }
    } else {
        tracing::debug!(name, "a session that was forgotten ended");
    }
}

struct Keeper {
    sessions: Sessions,
    /// tmux sessions without our tag that were asked whether they are an older llmux's.
    examined: HashSet<SessionId>,
    /// What was said already: what can't be helped comes again with every look.
    said: HashSet<String>,
    server: ServerId,
}

impl Keeper {
    /// Says whether that was all: of what it tags, the next look tells more.
    async fn compare(&mut self, model: &Arc<Model>) -> bool {
        if self.server != model.server {
            self.server = model.server;
            self.examined.clear();
            self.said.clear();
        }
        for (&id, row) in &model.panes {
            let tagged = self.sessions.read_tag(&row.tag).map(|(name, _)| name);
            if let Some(tagged) = tagged.filter(|tagged| !self.sessions.is_gated(tagged)) {
                self.compare_pane(model, id, row, tagged).await;
            }
        }
        !self.examine_untagged(model).await
    }

    /// A pane that is known is known by its id: the tag is as old as the look.
    async fn compare_pane(&mut self, model: &Model, id: PaneId, row: &PaneRow, tagged: &str) {
        match self.sessions.of_pane(model.server, id) {
            None => self.adopt(model, id, row, tagged).await,
            Some((name, _)) if self.sessions.is_gated(&name) => {}
            Some((name, live)) if row.sessions.is_empty() => self.abandoned(&name, live),
            Some((name, live)) if name != tagged => {
                // The look is older than a new name, or the new tag was lost: the next look has it.
                let retag = Command::TagPane {
                    pane: PaneTarget::Id(id),
                    tag: self.sessions.tag(&name, live.pane.key()),
                };
                let tmux = &self.sessions.0.tmux;
                if tmux.run(live.server, retag).await.is_ok() {
                    tmux.look_again().await;
                }
            }
            Some((name, live)) => {
                self.moved(model, row, &name, live.clone()).await;
                self.restore(&name, &live).await;
            }
        }
    }

    /// Whether this is said for the first time.
    fn is_new(&mut self, saying: String) -> bool {
        self.said.insert(saying)
    }

    /// Makes a new record for a session that runs and is followed, if the registry was lost meanwhile.
    async fn restore(&mut self, name: &str, live: &Live) {
        let sessions = self.sessions.clone();
        let has_record = async || {
            let records = sessions.0.records.all().await;
            records.map_or(true, |records| records.contains_key(name))
        };
        if has_record().await {
            return;
        }
        let _gate = sessions.gate(name).await;
        // It may have been stopped and forgotten before the gate opened, or have another name.
        let followed = sessions
            .live(name)
            .is_some_and(|now| now.is(live.server, live.id) && now.runs());
        if followed && !has_record().await {
            self.remember(live.server, live.session, name).await;
        }
    }

    /// Takes over a pane that an earlier daemon started.
    async fn adopt(&mut self, model: &Model, id: PaneId, row: &PaneRow, name: &str) {
        let sessions = self.sessions.clone();
        let is_named = |id: &&SessionId| model.sessions.get(id).is_some_and(|session| session.name == name);
        let Some(&session) = row.sessions.iter().find(is_named).or(row.sessions.first()) else {
            // Its session was killed while no daemon looked.
            let _ = sessions
                .0
                .tmux
                .run(model.server, Command::KillWindow(row.window))
                .await;
            return;
        };
        let record = match sessions.record(name).await {
            Ok(record) => record,
            Err(SessionError::NotFound { .. }) => match self.remember(model.server, session, name).await {
                Some(record) => record,
                None => return,
            },
            Err(error) => {
                if self.is_new(format!("{name}: {error}")) {
                    tracing::error!(name, %error, "cannot adopt a session");
                }
                return;
            }
        };
        // A program runs on and can be stopped, whatever the configuration says now.
        let link = (!row.in_hub).then_some(row.window);
        let Ok(feed) = sessions.0.tmux.adopt(model.server, id, link).await else {
            return;
        };
        let ids = Ids {
            server: model.server,
            session,
            home: self.is_home(model.server, session, name).await,
            window: row.window,
            id,
            pid: row.pid,
        };
        let key = sessions.read_tag(&row.tag).map_or("", |(_, key)| key);
        let pane = Pane::found(feed, row.size, key);
        let record = SessionRecord {
            name: name.to_owned(),
            ..record
        };
        let live = sessions.enlist(&record, ids, pane, Arc::default());
        tracing::info!(name, pane = %id, "found a running session");
        self.moved(model, row, name, live).await;
    }

    /// Makes a new record for a running session whose record was lost.
    async fn remember(&mut self, server: ServerId, session: SessionId, name: &str) -> Option<SessionRecord> {
        let agent = self.environment(server, session, "LLMUX_AGENT").await?;
        let cwd = self
            .sessions
            .0
            .setting
            .environment
            .home()
            .to_string_lossy()
            .into_owned();
        let record = SessionRecord::new(name, &agent, &cwd);
        let new = record.clone();
        let kept = self.sessions.0.records.update(move |records| {
            records.entry(new.name.clone()).or_insert(new);
        });
        if let Err(error) = kept.await {
            if self.is_new(format!("{name}: {error}")) {
                tracing::error!(name, %error, "cannot write down a running session that has no record");
            }
            return None;
        }
        tracing::warn!(
            name,
            "a running session had no record; its flags and environment are unknown"
        );
        Some(record)
    }

    /// A human killed the session; its window and program live on in the hub, where nobody sees them.
    fn abandoned(&self, name: &str, live: Arc<Live>) {
        tracing::info!(name, "the tmux session was killed; ending its program");
        let sessions = self.sessions.clone();
        let name = name.to_owned();
        // Ending takes up to seconds; the keeper goes on looking.
        tokio::spawn(async move {
            let _gate = sessions.gate(&name).await;
            if sessions
                .live(&name)
                .is_some_and(|now| now.is(live.server, live.id))
            {
                sessions.end_pane(&live).await;
            }
        });
    }

    /// Follows a pane into the session and window it is in now, and takes over a session's new name.
    async fn moved(&mut self, model: &Model, row: &PaneRow, name: &str, live: Arc<Live>) {
        let Some(session) = row
            .sessions
            .get(&live.session)
            .or_else(|| row.sessions.first())
            .copied()
        else {
            return;
        };
        let mut home = live.home;
        if session != live.session {
            home = self.is_home(live.server, session, name).await;
        }
        if (session, row.window) != (live.session, live.window) || !live.root.is(row.pid) {
            let mut all = lock(&self.sessions.0.live);
            if let Some(known) = all.get_mut(name).filter(|known| known.is(live.server, live.id)) {
                let known = Arc::make_mut(known);
                (known.session, known.home) = (session, home);
                (known.window, known.root) = (row.window, Process::now(row.pid));
            }
        }
        let Some(now) = model.sessions.get(&session).map(|session| session.name.as_str()) else {
            return;
        };
        if now != name && home {
            self.renamed(&live, name, now).await;
        }
    }

    /// Whether a tmux session was made for the session of this name. Only such a one gives it a new name, and ends
    /// with it; a human's own session that he moved the pane into stays his.
    async fn is_home(&self, server: ServerId, session: SessionId, name: &str) -> bool {
        self.environment(server, session, "LLMUX_SESSION")
            .await
            .is_some_and(|value| value == name)
    }

    /// A variable of a session's own environment.
    async fn environment(&self, server: ServerId, session: SessionId, name: &'static str) -> Option<String> {
        let ask = Command::ShowEnvironment { session, name };
        let replies = self.sessions.0.tmux.run(server, ask).await.ok()?;
        let said = replies.first().map(Reply::text)?;
        Some(said.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned())
    }

    /// A human renamed the tmux session: the name he sees is the name that works.
    async fn renamed(&mut self, live: &Live, old: &str, now: &str) {
        let Ok(new) = now.parse::<SessionName>() else {
            if self.is_new(format!("{old} {now}")) {
                tracing::warn!(
                    old,
                    now,
                    "a session was renamed in tmux to what can't be a name here; it stays known as before"
                );
            }
            return;
        };
        let sessions = self.sessions.clone();
        let _gates = sessions.gates(old, Some(now)).await;
        if !sessions
            .live(old)
            .is_some_and(|known| known.is(live.server, live.id))
        {
            // It has another name meanwhile, or is forgotten.
            return;
        }
        let taken = self
            .sessions
            .0
            .records
            .all()
            .await
            .map_or(true, |records| records.contains_key(now));
        if taken {
            if self.is_new(format!("{old} {now}")) {
                tracing::warn!(
                    old,
                    now,
                    "a session was renamed in tmux to the name of another; it stays known as before"
                );
            }
            return;
        }
        match self.sessions.adopt_name(old, &new, |_| ()).await {
            Ok(()) => tracing::info!(old, now, "a session was renamed in tmux"),
            Err(error) => tracing::error!(old, now, %error, "cannot follow a session's new name"),
        }
    }

    /// Looks among the untagged sessions for those of the Node program, which are known by `LLMUX_SESSION` in their
    /// environment, and tags them: the next look adopts them. Says whether it tagged any.
    async fn examine_untagged(&mut self, model: &Model) -> bool {
        let Ok(records) = self.sessions.0.records.all().await else {
            return false;
        };
        let mut tagged = false;
        for (&session, row) in &model.sessions {
            if !records.contains_key(&row.name)
                || self.sessions.is_gated(&row.name)
                || !self.examined.insert(session)
            {
                continue;
            }
            let mut panes = model
                .panes
                .iter()
                .filter(|(_, pane)| pane.sessions.contains(&session));
            let Some((&pane, first)) = panes.next() else {
                continue;
            };
            if !first.tag.is_empty()
                || self
                    .sessions
                    .live(&row.name)
                    .is_some_and(|live| live.session == session)
            {
                continue;
            }
            let was_ours = self.environment(model.server, session, OWNER).await.is_some();
            if !was_ours && self.is_home(model.server, session, &row.name).await {
                tagged |= self.take(model.server, session, pane, &row.name).await;
            }
        }
        if tagged {
            self.sessions.0.tmux.look_again().await;
        }
        tagged
    }

    /// Makes a session of the Node program ours; says whether tmux did it.
    async fn take(&self, server: ServerId, session: SessionId, pane: PaneId, name: &str) -> bool {
        let tag = Command::TagPane {
            pane: PaneTarget::Id(pane),
            tag: self.sessions.tag(name, ""),
        };
        let own = Command::SetEnvironment {
            session,
            name: OWNER,
            value: self.sessions.0.setting.owner.clone(),
        };
        let line = CommandLine::new(tag).then(own);
        self.sessions.0.tmux.run(server, line).await.is_ok()
    }
}

impl Sessions {
    async fn note_end(&self, name: String, live: &Live, end: End) {
        tracing::info!(name, code = end.code, "a session's program ended");
        let exit = ExitRecord {
            code: end.code,
            at: time::now(),
        };
        let (sessions, key, server, id) = (self.clone(), name.clone(), live.server, live.id);
        let noted = self.0.records.update(move |records| {
            // A restart may have been faster; the end of what was before says nothing about what runs.
            if let Some(record) = records.get_mut(&key)
                && sessions.live(&key).is_some_and(|live| live.is(server, id))
            {
                record.exit = Some(exit);
            }
        });
        if let Err(error) = noted.await {
            tracing::error!(name, %error, "cannot write down how a session's program ended");
        }
    }
}
