//! An agent's own transcript, followed while it grows: what was asked, what was answered, when a turn is over.
//!
//! A leaf: it reads files and knows no session. It only ever reads what was appended, and trusts no record further than
//! its own text: which entry belongs to which prompt is for the caller to tell.

mod id;
pub(in crate::agent) mod layout;
pub(in crate::agent) mod record;
pub(in crate::agent) mod tail;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

pub(crate) use self::id::{chooses_conversation, random_id};
pub(crate) use self::watch::Listener;
pub use self::watch::Watch;
use self::{
    layout::Finder,
    record::Reader,
    tail::Tail,
    watch::{Bell, Interest, Known},
};

/// How often to look where a directory can't be watched.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much is read in one look: more follows at once, in the next.
const LOOK_BYTES: usize = 1 << 20;
/// How much is read where it is waited for: to hand a few lines to another thread takes longer than to read them.
const GLANCE_BYTES: usize = 64 << 10;
/// How often the directories are looked at again in one look because one more could be watched.
const MAX_STEPS: usize = 32;

/// How an agent writes its transcripts, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The built-in demo agent.
    Demo,
    /// Claude Code.
    Claude,
    /// Codex CLI.
    Codex,
    /// Gemini CLI. It records no end of a turn.
    Gemini,
    /// Qwen Code. It records no end of a turn.
    Qwen,
}

/// Whose transcript it is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The agent's home directory.
    pub home: PathBuf,
    /// The agent's environment, as far as it moves the transcripts: `XDG_STATE_HOME`, `CLAUDE_CONFIG_DIR`, `CODEX_HOME`,
    /// `GEMINI_CLI_HOME`.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// The conversation, if it is known: then no other is followed. Else every one of the working directory is.
    pub id: Option<String>,
    /// When it began: a file that nobody touched since is another conversation's, unless it has the id.
    pub since: SystemTime,
}

/// What a record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The agent was given a prompt.
    Prompt {
        /// As the agent wrote it down.
        text: String,
    },
    /// It said something; a turn may have several.
    Reply {
        /// One text.
        text: String,
    },
    /// A turn is over.
    End {
        /// How it ended.
        outcome: Outcome,
        /// The last message, if the record has it; a reply with it was told before.
        text: Option<String>,
    },
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Done,
    /// With an error, in the agent's words.
    Failed(String),
    /// Somebody interrupted it.
    Interrupted,
}

/// Follows the transcripts of one place.
pub struct Follower {
    bell: Arc<Bell>,
    /// Whether it has to look before it waits for the bell.
    due: bool,
    /// A change may go unheard.
    blind: bool,
    search: Search,
    place: Place,
    /// Where to look from the next look on.
    aim: Option<Place>,
}

/// Who has the search: the follower, or the thread that looks.
enum Search {
    Here(Box<Looker>),
    Looking(JoinHandle<(Box<Looker>, Look)>),
    /// The runtime is shutting down.
    Gone,
}

/// What one look found.
struct Look {
    entries: Vec<Entry>,
    /// There is more to be read.
    more: bool,
    /// A change may go unheard.
    blind: bool,
}

struct Looker {
    format: Format,
    finder: Finder,
    interest: Interest,
    /// The files that were there when it last looked around.
    files: BTreeSet<PathBuf>,
    tails: BTreeMap<PathBuf, Tail>,
}

impl Follower {
    /// Begins to follow. Nothing is read before [`Follower::next`] or [`Follower::look`] is called.
    #[must_use]
    pub fn start(format: Format, place: Place, watch: &Watch) -> Self {
        let bell = Arc::new(Bell::default());
        let looker = Looker {
            format,
            finder: Finder::new(format, place.clone()),
            interest: Interest::new(watch, bell.clone()),
            files: BTreeSet::new(),
            tails: BTreeMap::new(),
        };
        Self {
            bell,
            due: true,
            blind: false,
            search: Search::Here(Box::new(looker)),
            place,
            aim: None,
        }
    }

    /// Follows another conversation, or without an id every one that is touched from now on. What other files hold already
    /// is not told: it is the past.
    pub fn aim(&mut self, id: Option<String>) {
        if self.place.id != id {
            self.place.id = id;
            self.place.since = SystemTime::now();
            self.aim = Some(self.place.clone());
            self.bell.ring();
        }
    }

    /// Waits for new entries: each once, those of one file in its order. What the files already hold comes first.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Vec<Entry> {
        loop {
            // Who is asked again and again, and hears nothing meanwhile, need not look again and again.
            if self.due {
                let look = self.step().await;
                // Where it hears nothing, it looks each time it is asked.
                self.due = look.more || look.blind;
                self.blind = look.blind;
                if !look.entries.is_empty() {
                    return look.entries;
                }
                if look.more {
                    continue;
                }
            }
            let bell = self.bell.notified();
            if self.blind {
                // Looks again whether it rang or not.
                let _ = timeout(LOOK_EVERY, bell).await;
            } else {
                bell.await;
            }
            self.due = true;
        }
    }

    /// Reads all that is there now and was not told yet, without waiting for more: the past, before a prompt is typed.
    ///
    /// Not cancel safe: what it has read is lost.
    pub async fn look(&mut self) -> Vec<Entry> {
        // What appeared just now was perhaps not heard yet.
        self.bell.look_again();
        let mut entries = Vec::new();
        loop {
            let look = self.step().await;
            entries.extend(look.entries);
            if !look.more {
                return entries;
            }
        }
    }

    /// Looks once. Cancel safe: a look that is under way is waited for by the next call.
    async fn step(&mut self) -> Look {
        if self.aim.is_none()
            && let Search::Here(looker) = &mut self.search
            && let Some(look) = looker.glance()
        {
            return look;
        }
        self.search = match std::mem::replace(&mut self.search, Search::Gone) {
            Search::Here(mut looker) => {
                let aim = self.aim.take();
                Search::Looking(spawn_blocking(move || {
                    if let Some(place) = aim {
                        looker.aim(place);
                    }
                    let look = looker.look();
                    (looker, look)
                }))
            }
            search => search,
        };
        let Search::Looking(looking) = &mut self.search else {
            return pending().await;
        };
        if let Ok((looker, look)) = looking.await {
            self.search = Search::Here(looker);
            look
        } else {
            self.search = Search::Gone;
            pending().await
        }
    }
}

impl Looker {
    /// Reads what was appended to the files that are known, if nothing else has happened and it is not much.
    fn glance(&mut self) -> Option<Look> {
        if !self.interest.bell.is_around() || self.interest.blind {
            return None;
        }
        let (mut entries, mut budget) = (Vec::new(), GLANCE_BYTES);
        for (path, tail) in &mut self.tails {
            if self.files.contains(path) && tail.read(path, &mut budget, &mut entries).is_err() {
                self.interest.bell.look_again();
            }
        }
        if budget == 0 {
            self.interest.bell.look_again();
        }
        Some(Look {
            entries,
            more: !self.interest.bell.is_around(),
            blind: false,
        })
    }

    /// Looks elsewhere from now on. Of a file that was followed before, nothing is told twice and nothing is lost.
    fn aim(&mut self, place: Place) {
        self.finder = Finder::new(self.format, place);
        // Also a file that is left keeps its tail: it may get a last word.
        for path in self.find() {
            if self.tails.contains_key(&path) {
                continue;
            }
            // In pieces: what it tells is dropped.
            let mut budget = 0;
            while budget == 0 {
                budget = LOOK_BYTES;
                self.read(&path, &mut budget, &mut Vec::new());
            }
        }
    }

    fn look(&mut self) -> Look {
        self.interest.bell.look_around();
        let files = self.find();
        self.interest.bell.know(Known {
            names: files
                .iter()
                .filter_map(|file| Some(file.file_name()?.to_owned()))
                .collect(),
            no_more: self.finder.has_id() && !files.is_empty(),
        });
        self.files.clone_from(&files);
        let (mut entries, mut budget) = (Vec::new(), LOOK_BYTES);
        for path in files {
            self.read(&path, &mut budget, &mut entries);
        }
        Look {
            entries,
            more: budget == 0,
            blind: self.interest.blind,
        }
    }

    fn read(&mut self, path: &Path, budget: &mut usize, entries: &mut Vec<Entry>) {
        let tail = self
            .tails
            .entry(path.to_owned())
            .or_insert_with(|| Tail::new(Reader::new(self.format, self.finder.owner())));
        // A file that went away, or may not be read, tells nothing until it changes.
        if let Err(error) = tail.read(path, budget, entries) {
            tracing::debug!(path = %path.display(), %error, "cannot read a transcript");
        }
    }

    /// Watches, then looks, until all that is there was watched before it was looked at.
    fn find(&mut self) -> BTreeSet<PathBuf> {
        let mut layout = self.finder.look();
        for _ in 0..MAX_STEPS {
            if !self.interest.set(&layout.dirs) {
                break;
            }
            layout = self.finder.look();
        }
        layout.files
    }
}

#[cfg(test)]
mod tests;
