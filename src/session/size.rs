//! Who looks at a session, and who of them holds the size of its pane.
//!
//! A person's own tmux client holds it as long as one is attached, else the viewer whose person claimed it last. Looking,
//! leaving and coming back resize nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use llmux_protocol::{
    api::socket::Act,
    control::{Command, CommandLine},
};
use tokio::{sync::watch, time::Instant};

use super::{Live, SessionError, Sessions, records::Records};
use crate::{screen::Size, tmux::Model};

/// How long a holder that has left is the holder again if it returns.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The smallest size that a viewer can claim: no agent works in less, and the size stays when the viewer goes.
const SMALLEST: Size = Size { cols: 20, rows: 5 };

/// A viewer: the same at each of its connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Viewer {
    /// The id that it made for itself.
    pub(crate) id: Arc<str>,
    /// Its person.
    pub(crate) who: Arc<str>,
}

/// Who holds the size of a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    Tmux,
    Viewer(Viewer),
}

/// Who looks at a session. Cheap to clone; it is another one for each program.
#[derive(Clone)]
pub(crate) struct Audience {
    state: Arc<watch::Sender<State>>,
    /// The size that tmux was told last. Locked while it is told: the last wish is the last command.
    told: Arc<tokio::sync::Mutex<Option<Size>>>,
}

/// What there is to know of an audience.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Whether a person's tmux client is attached.
    is_attached: bool,
    claim: Option<Claim>,
    /// How many connections each viewer has.
    present: HashMap<Viewer, usize>,
}

/// The last claim.
#[derive(Debug, Clone)]
struct Claim {
    viewer: Viewer,
    /// Its window.
    size: Size,
    /// When its last connection ended.
    left: Option<Instant>,
}

impl State {
    /// Who holds the size.
    pub(crate) fn holder(&self) -> Option<Holder> {
        if self.is_attached {
            return Some(Holder::Tmux);
        }
        let claim = self.claim.as_ref().filter(|claim| claim.left.is_none());
        claim.map(|claim| Holder::Viewer(claim.viewer.clone()))
    }

    /// How many look.
    pub(crate) fn count(&self) -> usize {
        self.present.values().sum()
    }

    /// Lets a person's act claim the size; says whether he holds it now.
    fn act(&mut self, viewer: &Viewer, act: Act, size: Size) -> bool {
        let may = match self.holder() {
            None => true,
            Some(Holder::Tmux) => false,
            Some(Holder::Viewer(holder)) => act != Act::Open || holder == *viewer,
        };
        if may {
            self.claim = Some(Claim {
                viewer: viewer.clone(),
                size,
                left: None,
            });
        } else {
            self.window(viewer, size);
        }
        may
    }

    /// Takes note of a viewer's window; says whether that is a claim's.
    fn window(&mut self, viewer: &Viewer, size: Size) -> bool {
        let claim = self.claim.as_mut().filter(|claim| claim.viewer == *viewer);
        claim.map(|claim| claim.size = size).is_some()
    }

    fn join(&mut self, viewer: &Viewer, now: Instant) {
        *self.present.entry(viewer.clone()).or_default() += 1;
        if let Some(claim) = self.claim.as_mut().filter(|claim| claim.viewer == *viewer)
            && let Some(left) = claim.left.take()
            && now.duration_since(left) > REMEMBERED
        {
            self.claim = None;
        }
    }

    fn leave(&mut self, viewer: &Viewer, now: Instant) {
        let Some(connections) = self.present.get_mut(viewer) else {
            return;
        };
        *connections -= 1;
        if *connections > 0 {
            return;
        }
        self.present.remove(viewer);
        if let Some(claim) = self.claim.as_mut().filter(|claim| claim.viewer == *viewer) {
            claim.left = Some(now);
        }
    }

    /// The size that the holder wants; none if tmux has it, or nobody.
    fn wanted(&self) -> Option<Size> {
        let claim = self.claim.as_ref().filter(|claim| claim.left.is_none());
        claim.filter(|_| !self.is_attached).map(|claim| claim.size)
    }
}

/// A viewer's connection. The viewer has left when its last one is dropped.
pub(crate) struct Presence {
    audience: Audience,
    records: Records,
    viewer: Viewer,
}

impl Presence {
    pub(crate) fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Follows the audience.
    pub(crate) fn follow(&self) -> watch::Receiver<State> {
        self.audience.state.subscribe()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.audience
            .state
            .send_modify(|state| state.leave(&self.viewer, Instant::now()));
        self.records.touch();
    }
}

impl Audience {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::default()),
            told: Arc::default(),
        }
    }

    /// Whether somebody holds the size.
    pub(super) fn is_held(&self) -> bool {
        self.state.borrow().holder().is_some()
    }

    /// How many look.
    pub(super) fn count(&self) -> usize {
        self.state.borrow().count()
    }

    /// Lets a viewer in, unless there are so many already.
    fn join(&self, viewer: &Viewer, most: usize) -> bool {
        self.state.send_if_modified(|state| {
            let fits = state.count() < most;
            if fits {
                state.join(viewer, Instant::now());
            }
            fits
        })
    }

    /// Takes note of whether a person's tmux client is attached; says whether the holder's size is to be had again.
    fn attached(&self, is_attached: bool) -> bool {
        let mut is_back = false;
        self.state.send_if_modified(|state| {
            let was = std::mem::replace(&mut state.is_attached, is_attached);
            is_back = was && state.wanted().is_some();
            was != is_attached
        });
        is_back
    }
}

fn claimable(cols: u16, rows: u16) -> Size {
    Size::new(cols.max(SMALLEST.cols), rows.max(SMALLEST.rows))
}

/// A viewer's way to change the size.
#[derive(Clone)]
pub(crate) struct Sizing {
    sessions: Sessions,
    live: Arc<Live>,
    viewer: Viewer,
}

impl Sizing {
    /// Claims the size by a person's act, and gives the pane that size if he gets it; says whether he did.
    pub(crate) async fn act(&self, act: Act, cols: u16, rows: u16) -> Result<bool, SessionError> {
        let size = claimable(cols, rows);
        let mut holds = false;
        self.live.audience.state.send_if_modified(|state| {
            let before = state.holder();
            holds = state.act(&self.viewer, act, size);
            before != state.holder()
        });
        if holds {
            self.sessions.fit(&self.live).await?;
        }
        Ok(holds)
    }

    /// Takes note of the size of the viewer's window, and gives it to the pane if the viewer holds its size.
    pub(crate) async fn window(&self, cols: u16, rows: u16) -> Result<(), SessionError> {
        let size = claimable(cols, rows);
        let mut is_claim = false;
        self.live.audience.state.send_if_modified(|state| {
            is_claim = state.window(&self.viewer, size);
            false
        });
        if is_claim {
            self.sessions.fit(&self.live).await?;
        }
        Ok(())
    }
}

impl Sessions {
    /// Lets a viewer look at what `live` runs.
    pub(super) fn join(&self, live: &Arc<Live>, viewer: Viewer) -> Result<(Presence, Sizing), SessionError> {
        // The last look at tmux may be older than this audience.
        live.audience
            .attached(is_attached(&self.0.tmux.model().borrow(), live));
        let sizing = Sizing {
            sessions: self.clone(),
            live: live.clone(),
            viewer: viewer.clone(),
        };
        let most = self.policy().limits.viewers;
        if !live.audience.join(&viewer, most) {
            return Err(SessionError::TooManyViewers(most));
        }
        let records = self.0.records.clone();
        records.touch();
        let presence = Presence {
            audience: live.audience.clone(),
            records,
            viewer,
        };
        Ok((presence, sizing))
    }

    /// Follows people's tmux clients: where the last one left, the holder's size comes back.
    pub(super) fn heed_clients(&self, model: &Model) {
        let all: Vec<Arc<Live>> = super::lock(&self.0.live).values().cloned().collect();
        for live in all {
            if live.server == model.server && live.audience.attached(is_attached(model, &live)) {
                let sessions = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = sessions.fit(&live).await {
                        tracing::warn!(pane = %live.id, %error, "cannot give a pane its size again");
                    }
                });
            }
        }
    }

    /// Gives a pane the size that its holder wants, if one does.
    async fn fit(&self, live: &Live) -> Result<(), SessionError> {
        let mut told = live.audience.told.lock().await;
        // Looked at only now: whoever waited here wants the same as the last.
        let Some(size) = live.audience.state.borrow().wanted() else {
            return Ok(());
        };
        if live.pane.size() == size && told.is_none_or(|told| told == size) {
            return Ok(());
        }
        // A human may have moved the pane since.
        let window = self
            .of_pane(live.server, live.id)
            .map_or(live.window, |(_, now)| now.window);
        let resize = Command::ResizeWindow {
            window,
            size: size.into(),
        };
        // Unpinned in the same line, so that a person who attaches later has his own size.
        let line = CommandLine::new(resize).then(Command::UnpinWindowSize { window });
        self.0.tmux.run(live.server, line).await?;
        *told = Some(size);
        Ok(())
    }
}

/// Whether a person's tmux client shows the window of a pane.
fn is_attached(model: &Model, live: &Live) -> bool {
    let sessions = model.panes.get(&live.id).map(|row| &row.sessions);
    sessions.into_iter().flatten().any(|session| {
        model
            .sessions
            .get(session)
            .is_some_and(|session| session.attached > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size { cols: 40, rows: 20 };
    const LARGE: Size = Size { cols: 200, rows: 60 };

    fn viewer(id: &str) -> Viewer {
        Viewer {
            id: id.into(),
            who: "owner".into(),
        }
    }

    fn held(state: &State) -> Option<String> {
        state.holder().map(|holder| match holder {
            Holder::Tmux => "tmux".to_owned(),
            Holder::Viewer(viewer) => viewer.id.to_string(),
        })
    }

    #[test]
    fn the_first_to_open_holds_it_and_acts_take_it_over() {
        let (mut state, a, b) = (State::default(), viewer("a"), viewer("b"));
        let now = Instant::now();
        state.join(&a, now);
        state.join(&b, now);
        assert_eq!(held(&state), None);
        assert!(state.act(&a, Act::Open, LARGE));
        assert!(!state.act(&b, Act::Open, SMALL));
        assert_eq!(
            (held(&state).as_deref(), state.wanted()),
            (Some("a"), Some(LARGE))
        );
        assert!(state.act(&b, Act::Type, SMALL));
        assert_eq!(
            (held(&state).as_deref(), state.wanted()),
            (Some("b"), Some(SMALL))
        );
        assert!(state.act(&a, Act::Fit, LARGE));
        assert!(!state.window(&b, SMALL));
        assert_eq!(state.wanted(), Some(LARGE));
    }

    #[test]
    fn tmux_wins_and_gives_it_back() {
        let (mut state, a, now) = (State::default(), viewer("a"), Instant::now());
        state.join(&a, now);
        assert!(state.act(&a, Act::Open, LARGE));
        state.is_attached = true;
        for act in [Act::Open, Act::Type, Act::Fit] {
            assert!(!state.act(&a, act, SMALL));
        }
        assert_eq!((held(&state).as_deref(), state.wanted()), (Some("tmux"), None));
        state.is_attached = false;
        // Its window had changed meanwhile.
        assert_eq!(
            (held(&state).as_deref(), state.wanted()),
            (Some("a"), Some(SMALL))
        );
    }

    #[test]
    fn a_holder_that_returns_within_a_minute_holds_it_again() {
        let (mut state, a, b) = (State::default(), viewer("a"), viewer("b"));
        let mut now = Instant::now();
        state.join(&a, now);
        state.act(&a, Act::Open, LARGE);
        state.join(&a, now);
        state.leave(&a, now);
        assert_eq!(held(&state).as_deref(), Some("a"), "it has another connection");
        state.leave(&a, now);
        assert_eq!((held(&state), state.wanted(), state.count()), (None, None, 0));
        now += REMEMBERED;
        state.join(&a, now);
        assert_eq!(held(&state).as_deref(), Some("a"));
        state.leave(&a, now);
        now += REMEMBERED + Duration::from_secs(1);
        state.join(&a, now);
        assert_eq!(held(&state), None);
        // Who claimed it meanwhile keeps it.
        state.act(&a, Act::Open, LARGE);
        state.leave(&a, now);
        state.join(&b, now);
        assert!(state.act(&b, Act::Open, SMALL));
        state.join(&a, now);
        assert_eq!(held(&state).as_deref(), Some("b"));
    }
}
