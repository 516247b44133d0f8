//! The oracle of one session: gathers what its pane, its hooks and its transcript say, and tells what they mean.
//!
//! Nothing polls. It looks when the pane changed; while nobody works with the session, at most every [`PACE`].

use std::{sync::Arc, time::Duration};

use llmux_protocol::api::{ActivityState, HookRequest, Source};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    conversation::Conversation,
    hook,
    picture::{Belief, Evidence, Picture, judge, read_dialog},
    report::{News, Reports, of_signal},
};
use crate::{
    agent::{
        Rules, Sight,
        dialog::Openings,
        transcript::{Entry, Follower, Outcome},
    },
    pane::{Life, Looked, Observation, Observer, Pane},
    screen::Page,
    session::{Binding, Bound, Program},
    store::time,
};

/// How often a session is looked at while nobody works with it, however fast it prints.
const PACE: Duration = Duration::from_millis(50);
/// How long an agent without rules must have been silent to count as ready.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// How long a program must have been silent for a title that says busy to count as left behind, where its screen looks
/// ready: some do not take it back when a model fails.
const STILL: Duration = Duration::from_secs(5);
/// Questions and hooks that wait for an oracle.
const QUEUE: usize = 64;

/// What an oracle can be asked and told.
pub(super) enum Ask {
    /// Look now, and say what is seen.
    Look(oneshot::Sender<Arc<Picture>>),
    /// A hook was called.
    Hook(HookRequest),
    /// The open dialog is about to be answered.
    Answered,
}

/// A handle on a session's oracle. Cheap to clone; the oracle ends with the last handle, or the pane.
#[derive(Clone)]
pub(super) struct Oracle {
    asks: mpsc::Sender<Ask>,
    pictures: watch::Receiver<Arc<Picture>>,
    /// How many work with the session now.
    workers: Arc<watch::Sender<usize>>,
}

/// While it lives, the oracle looks at every change.
pub(super) struct Attention(Arc<watch::Sender<usize>>);

impl Drop for Attention {
    fn drop(&mut self) {
        self.0.send_modify(|workers| *workers -= 1);
    }
}

impl Oracle {
    pub(super) fn start(program: &Program, rules: Arc<Rules>, transcript: Option<Follower>) -> Self {
        let pane = &program.pane;
        let (asks, inbox) = mpsc::channel(QUEUE);
        let first = Arc::new(Picture::blank(pane));
        let (pictures_sender, pictures) = watch::channel(first);
        let workers = Arc::new(watch::Sender::new(0));
        let task = Task {
            observer: pane.observe(),
            bound: program.binding.follow(),
            binding: program.binding.clone(),
            rules,
            transcript,
            asks: inbox,
            workers: workers.subscribe(),
            pictures: pictures_sender,
            reports: Arc::default(),
            page: Arc::default(),
            openings: Openings::new(),
            left_title: None,
            said_at: None,
        };
        tokio::spawn(task.run());
        Self {
            asks,
            pictures,
            workers,
        }
    }

    /// The pictures, from the present one on.
    pub(super) fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.pictures.clone()
    }

    /// The last picture.
    pub(super) fn last(&self) -> Arc<Picture> {
        self.pictures.borrow().clone()
    }

    /// A picture that is newer than the question. None when the pane is gone.
    pub(super) async fn look(&self) -> Option<Arc<Picture>> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Look(reply)).await.ok()?;
        answer.await.ok()
    }

    pub(super) async fn hook(&self, hook: HookRequest) {
        // A session that is gone needs no hooks.
        let _ = self.asks.send(Ask::Hook(hook)).await;
    }

    /// Says that the open dialog is about to be answered: its id is not good for a second answer.
    pub(super) async fn answered(&self) {
        // A session that is gone asks nothing.
        let _ = self.asks.send(Ask::Answered).await;
    }

    /// Makes it look at every change until the value is dropped.
    pub(super) fn attend(&self) -> Attention {
        self.workers.send_modify(|workers| *workers += 1);
        Attention(self.workers.clone())
    }
}

struct Task {
    observer: Observer,
    /// The conversation whose transcript is followed.
    bound: watch::Receiver<Bound>,
    binding: Binding,
    rules: Arc<Rules>,
    transcript: Option<Follower>,
    asks: mpsc::Receiver<Ask>,
    workers: watch::Receiver<usize>,
    pictures: watch::Sender<Arc<Picture>>,
    reports: Arc<Reports>,
    /// The page of the last picture.
    page: Arc<Page>,
    openings: Openings,
    /// A title that was left behind: it says nothing for as long as it stays.
    left_title: Option<String>,
    /// When the last picture was made.
    said_at: Option<Instant>,
}

impl Task {
    async fn run(mut self) {
        loop {
            let paced = self.said_at.map(|at| at + PACE);
            let is_watched = *self.workers.borrow_and_update() > 0;
            let quiet_due = self.quiet_due();
            tokio::select! {
                () = self.pictures.closed() => return,
                ask = self.asks.recv() => match ask {
                    Some(Ask::Look(reply)) => {
                        let Some(picture) = self.look_again().await else { return };
                        let _ = reply.send(picture);
                    }
                    Some(Ask::Hook(request)) => {
                        let (news, detail) = hook::read(&request);
                        self.report(Source::Hook, news, detail);
                        if self.look_again().await.is_none() { return }
                    }
                    Some(Ask::Answered) => self.openings.answered(),
                    None => return,
                },
                entries = next(&mut self.transcript) => {
                    for entry in entries {
                        let (news, detail) = of_entry(entry);
                        self.report(Source::Transcript, news, detail);
                    }
                    if self.look_again().await.is_none() { return }
                }
                Ok(()) = self.bound.changed() => {
                    let id = self.bound.borrow_and_update().id.clone();
                    if let Some(transcript) = &mut self.transcript {
                        transcript.aim(id);
                    }
                }
                // The next look is due earlier or later now.
                _ = self.workers.changed() => {}
                observation = paced_next(&mut self.observer, paced.filter(|_| !is_watched)) => match observation {
                    Some(observation) => { self.show(observation); }
                    None => return,
                },
                () = until(quiet_due) => if self.look_again().await.is_none() { return },
            }
        }
    }

    /// Looks whether anything has changed, and judges anew: what is reported, and time, count, too.
    async fn look_again(&mut self) -> Option<Arc<Picture>> {
        Some(match self.observer.look().await? {
            Looked::New(observation) => self.show(*observation),
            Looked::Same => {
                let before = self.pictures.borrow().clone();
                self.publish(&before, before.as_ref().clone())
            }
        })
    }

    fn report(&mut self, source: Source, news: News, detail: String) {
        Arc::make_mut(&mut self.reports).add(Instant::now(), source, news, detail);
    }

    /// When silence will have lasted long enough to say something, for agents that say nothing better.
    fn quiet_due(&self) -> Option<Instant> {
        let picture = self.pictures.borrow();
        if picture.is_busy_by_title_only() {
            return Some(picture.printed_at + STILL);
        }
        let waits = !self.rules.knows_ready()
            && picture.seq > 0
            && matches!(
                picture.belief.state,
                ActivityState::Busy | ActivityState::Starting | ActivityState::Unknown
            );
        waits.then(|| picture.printed_at + QUIET)
    }

    /// Makes the next picture of what was observed and shows it to all.
    fn show(&mut self, observation: Observation) -> Arc<Picture> {
        for said in &observation.said {
            if let Some((source, news, detail)) = of_signal(&said.signal) {
                Arc::make_mut(&mut self.reports).add(said.at, source, news, detail);
            }
        }
        let before = self.pictures.borrow().clone();
        let picture = self.picture(observation, &before);
        self.publish(&before, picture)
    }

    /// Judges a picture and shows it to all.
    fn publish(&mut self, before: &Picture, mut picture: Picture) -> Arc<Picture> {
        picture.reports = self.reports.clone();
        if picture.is_busy_by_title_only() && picture.printed_at.elapsed() >= STILL {
            self.left_title = picture.title.take().map(|seen| seen.detail);
        }
        picture.belief = self.belief(&picture, before);
        let is_ours = *self.workers.borrow() > 0;
        if before.is(ActivityState::Busy) && picture.is(ActivityState::Ready) && !is_ours {
            self.binding.rested();
        }
        if before.belief.state != picture.belief.state {
            tracing::debug!(
                state = picture.belief.state.as_str(),
                by = picture.belief.detail,
                "an agent changed its state"
            );
        }
        let picture = Arc::new(picture);
        self.said_at = Some(Instant::now());
        self.pictures.send_replace(picture.clone());
        picture
    }

    /// What is seen; the belief is still that of the picture `before`.
    fn picture(&mut self, observation: Observation, before: &Picture) -> Picture {
        let Observation {
            printed_at,
            seq,
            life,
            size,
            title,
            page,
            ..
        } = observation;
        let seen = Picture {
            printed_at,
            seq,
            life,
            resized_at: if size == before.size {
                before.resized_at
            } else {
                Some(Instant::now())
            },
            ..before.clone()
        };
        // A spinner in the title is no reason to read all rows again.
        let is_left = self.left_title.as_ref() == Some(&title);
        let title = self.rules.title(&title).filter(|_| !is_left);
        if *self.page == page && size == before.size {
            return Picture { title, ..seen };
        }
        self.page = Arc::new(page);
        let read = self.rules.read(&Sight {
            rows: self.page.visible(),
            bright: &self.page.bright,
            title: "",
            cursor: Some(self.page.cursor),
        });
        let top = read.composer.as_ref().map(|composer| composer.top);
        Picture {
            size,
            title,
            screen: read.state,
            composer: read.composer,
            is_normal_mode: read.is_normal_mode,
            conversation: Arc::new(Conversation::new(self.page.clone(), top, size.cols.into())),
            ..seen
        }
    }

    /// What all that is seen and reported means.
    fn belief(&mut self, picture: &Picture, before: &Picture) -> Belief {
        let verdict = judge(&Evidence {
            life: &picture.life,
            screen: picture.screen.as_ref(),
            title: picture.title.as_ref(),
            reports: &self.reports,
            knows_ready: self.rules.knows_ready(),
            was_up: !matches!(before.belief.state, ActivityState::Starting),
            is_quiet: picture.seq > 0 && picture.printed_at.elapsed() >= QUIET,
        });
        // Beside a composer no dialog is drawn yet, whoever says that one is open.
        let asking = match picture.composer {
            Some(_) => &[],
            None => self.page.visible(),
        };
        let mut dialog = read_dialog(&verdict, &self.reports, asking, &self.page.lit);
        self.openings.see(dialog.as_mut());
        let dialog = dialog.map(Arc::new);
        let is_same = before.belief.state == verdict.state
            && before.belief.dialog.as_ref().map(|dialog| &dialog.id)
                == dialog.as_ref().map(|dialog| &dialog.id);
        let (since, since_wall) = if is_same {
            (before.belief.since, before.belief.since_wall.clone())
        } else {
            (Instant::now(), time::now())
        };
        Belief {
            state: verdict.state,
            dialog,
            source: verdict.source,
            detail: verdict.detail,
            since,
            since_wall,
        }
    }
}

impl Picture {
    /// Before the first look.
    fn blank(pane: &Pane) -> Self {
        Self {
            printed_at: Instant::now(),
            seq: 0,
            life: Life::Starting,
            size: pane.size(),
            resized_at: None,
            screen: None,
            title: None,
            composer: None,
            is_normal_mode: false,
            conversation: Arc::default(),
            reports: Arc::default(),
            belief: Belief {
                state: ActivityState::Starting,
                dialog: None,
                source: Source::Process,
                detail: "it was not looked at yet".to_owned(),
                since: Instant::now(),
                since_wall: time::now(),
            },
        }
    }
}

fn of_entry(entry: Entry) -> (News, String) {
    match entry {
        Entry::Prompt { text } => (
            News::Accepted(Some(text)),
            "the prompt is in the transcript".to_owned(),
        ),
        Entry::Reply { text } => (News::Reply(text), "a message of the agent".to_owned()),
        Entry::End { outcome, text } => match outcome {
            Outcome::Done => (News::Done(text), "the transcript ends the turn".to_owned()),
            Outcome::Failed(why) => (
                News::Failed(why),
                "the transcript says that the turn failed".to_owned(),
            ),
            Outcome::Interrupted => (
                News::Interrupted,
                "the transcript says that the turn was interrupted".to_owned(),
            ),
        },
    }
}

async fn next(transcript: &mut Option<Follower>) -> Vec<Entry> {
    match transcript {
        Some(transcript) => transcript.next().await,
        None => std::future::pending().await,
    }
}

async fn paced_next(observer: &mut Observer, not_before: Option<Instant>) -> Option<Observation> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    observer.next().await
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
