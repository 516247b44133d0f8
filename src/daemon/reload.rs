//! The configuration in effect: read again when one of its files changes, on SIGHUP, and when the Settings page changes it.
//!
//! What can't be used is said, and changes nothing. What runs already, and what the daemon does only when it starts, stays.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use llmux_protocol::api::{ApiError, ErrorCode, ReloadReply};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{block_in_place, spawn_blocking},
};

use super::{DaemonError, network, policy};
use crate::{
    agent::{Catalog, CatalogError, Overrides},
    auth::Auth,
    config::{Config, Environment, Overlay, Settings, Turnq},
    push::Push,
    server::{Hosts, Setting, with_causes},
    session::Sessions,
    store::{Retention, file},
    turn::{Seats, turnq::Coordinator},
};

/// How many changes of the configuration may wait.
const WISHES: usize = 16;

/// Where the configuration is read from.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) environment: Environment,
    /// The file of `--config`.
    pub(super) explicit: Option<PathBuf>,
    /// Nobody has chosen the file: it is that of the directory where the first command was typed.
    pub(super) by_chance: bool,
}

impl Files {
    /// Reads them. Blocks on the disk.
    pub(super) fn read(&self) -> Result<Read, DaemonError> {
        let config = Config::load(self.explicit.as_deref(), &self.environment)?;
        Read::of(self.prepare(config), &self.environment)
    }

    /// Reads them again; `before` is in effect. Blocks on the disk.
    fn read_again(&self, before: &Config) -> Result<Read, DaemonError> {
        Read::of(self.load_again(before)?, &self.environment)
    }

    fn load_again(&self, before: &Config) -> Result<Config, DaemonError> {
        let config = before.load_again(self.explicit.as_deref(), &self.environment)?;
        Ok(self.prepare(config))
    }

    fn prepare(&self, mut config: Config) -> Config {
        if self.by_chance {
            config.leave_out_sessions();
        }
        config
    }
}

/// A configuration that can be used, and what was made of it.
pub(super) struct Read {
    pub(super) config: Config,
    pub(super) catalog: Catalog,
    pub(super) turnq: Option<Coordinator>,
    /// What can be read and does not do what its author expects.
    mistakes: Vec<String>,
}

impl Read {
    fn of(config: Config, environment: &Environment) -> Result<Self, DaemonError> {
        let catalog = Catalog::new(Overrides::read(&environment.agents_dir()), &config.agents);
        let catalog = catalog.map_err(|error| match &error {
            CatalogError::Rule { key, source } => {
                let said = format!("{error}: {source}");
                DaemonError::Setting(config.at(&["agents", key, "readyPrompt"], &said))
            }
            CatalogError::Data(_) => error.into(),
        })?;
        let turnq = policy::turnq(&config)?;
        let mut mistakes = config.mistakes(|key| catalog.find(key).is_some());
        mistakes.extend(policy::untypable(&config));
        mistakes.extend(policy::unsplittable(&config, &catalog));
        Ok(Self {
            config,
            catalog,
            turnq,
            mistakes,
        })
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let of_catalog = self.catalog.warnings().iter();
        let warnings = self.config.warnings.iter().chain(of_catalog);
        warnings.chain(&self.mistakes).cloned().collect()
    }
}

/// Says what a daemon could not do as a configuration says it, one sentence each.
///
/// # Errors
/// No daemon would go by it at all.
pub fn mistakes(config: Config, environment: &Environment) -> Result<Vec<String>, DaemonError> {
    network::address(None, environment, &config)?;
    let read = Read::of(config, environment)?;
    let of_catalog = read.catalog.warnings().iter();
    Ok(of_catalog.chain(&read.mistakes).cloned().collect())
}

/// What is in effect, and what is wrong with what is not.
#[derive(Debug, Clone)]
pub(super) struct Now {
    pub(super) config: Arc<Config>,
    warnings: Vec<String>,
    /// Why the files are not in effect as they are.
    fault: Option<String>,
    /// What stands in the files and counts from the next start on.
    later: Vec<&'static str>,
}

impl Now {
    /// What a person should know, one sentence each.
    pub(super) fn notices(&self) -> Vec<String> {
        let fault = self.fault.iter();
        let fault = fault.map(|why| format!("the configuration as it was is still in effect: {why}"));
        let later = self.later.iter();
        let later =
            later.map(|what| format!("{what} has changed and counts when the daemon is started again"));
        fault.chain(later).chain(self.warnings.iter().cloned()).collect()
    }
}

/// Whoever goes by the configuration.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) sessions: Sessions,
    pub(super) seats: Arc<Seats>,
    pub(super) hosts: Hosts,
    /// The hosts of the addresses under which the network reaches the daemon, as they were when it started.
    pub(super) reached: Vec<String>,
    pub(super) auth: Auth,
    pub(super) push: Push,
}

/// What somebody wants of the configuration.
pub(super) enum Wish {
    /// That the files are read again; whoever waits is told what became of it.
    Reload(Option<oneshot::Sender<Result<ReloadReply, ApiError>>>),
    /// That a setting is changed as the Settings page does.
    Set(Setting, oneshot::Sender<Result<(), ApiError>>),
}

/// Puts the configuration into effect.
pub(super) struct Reloader {
    files: Files,
    /// What the daemon was started with.
    first: Arc<Config>,
    parts: Parts,
    now: watch::Sender<Now>,
}

impl Reloader {
    pub(super) fn new(files: Files, (config, warnings): (Arc<Config>, Vec<String>), parts: Parts) -> Self {
        let now = Now {
            config: config.clone(),
            warnings,
            fault: None,
            later: Vec::new(),
        };
        Self {
            files,
            first: config,
            parts,
            now: watch::Sender::new(now),
        }
    }

    /// Follows what is in effect.
    pub(super) fn now(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// Begins to put changes into effect, those of the files and those that are wished for.
    pub(super) fn start(self, files: mpsc::Receiver<()>) -> mpsc::Sender<Wish> {
        let (wishes, wished) = mpsc::channel(WISHES);
        tokio::spawn(self.run(files, wished));
        wishes
    }

    /// Puts changes into effect, one after the other, until nobody is there who could wish for one: a disk that does not
    /// answer keeps nobody else waiting.
    async fn run(self, mut files: mpsc::Receiver<()>, mut wishes: mpsc::Receiver<Wish>) {
        loop {
            tokio::select! {
                Some(()) = files.recv() => drop(self.reload(false).await),
                wish = wishes.recv() => match wish {
                    Some(Wish::Reload(done)) => {
                        let outcome = self.reload(true).await;
                        if let Some(done) = done {
                            let _ = done.send(outcome);
                        }
                    }
                    Some(Wish::Set(setting, done)) => {
                        // Whoever asked may be gone.
                        let _ = done.send(self.change(setting).await);
                    }
                    None => return,
                },
            }
        }
    }

    /// Reads the files again and puts them into effect; where they can't be used, what was before stays. `asked`: a person
    /// did, and hears that nothing has changed.
    async fn reload(&self, asked: bool) -> Result<ReloadReply, ApiError> {
        let (files, before) = (self.files.clone(), self.now.borrow().config.clone());
        let read = spawn_blocking(move || files.read_again(&before)).await;
        match read
            .map_err(io::Error::other)
            .map_err(DaemonError::from)
            .flatten()
        {
            Ok(read) => {
                let changed = self.adopt(read, asked).await;
                Ok(ReloadReply {
                    ok: true,
                    changed: changed.into_iter().map(str::to_owned).collect(),
                    warnings: self.now.borrow().notices(),
                })
            }
            Err(error) => {
                let (why, hint) = (with_causes(&error), error.hint().unwrap_or_default());
                let is_news = self.now.send_if_modified(|now| {
                    let fault = Some(why.clone());
                    std::mem::replace(&mut now.fault, fault.clone()) != fault
                });
                if is_news || asked {
                    tracing::error!(
                        why,
                        hint,
                        "the configuration can't be used; what was before stays in effect"
                    );
                }
                Err(refusal(ErrorCode::State, &error))
            }
        }
    }

    /// Changes a setting as the Settings page does: in the overlay, never in the operator's own file.
    async fn change(&self, setting: Setting) -> Result<(), ApiError> {
        let read = block_in_place(|| self.write(setting))?;
        self.adopt(read, true).await;
        Ok(())
    }

    /// Writes the overlay, once it is known that what it makes can be used.
    fn write(&self, setting: Setting) -> Result<Read, ApiError> {
        let Now {
            config: before,
            warnings: known,
            ..
        } = self.now.borrow().clone();
        let path = Config::overlay_path(&self.files.environment);
        let config = self.files.load_again(&before);
        let mut config = config.map_err(|error| refusal(ErrorCode::State, &error))?;
        if matches!(setting, Setting::Revert) {
            remove(&path).map_err(|error| unwritten(&path, &error))?;
            let read = self.files.read_again(&before);
            return read.map_err(|error| refusal(ErrorCode::State, &error));
        }
        if let Some(fault) = config.overlay_fault.take() {
            return Err(ApiError::new(ErrorCode::State, fault)
                .hint("correct that line, or delete the file: what it says was not in effect"));
        }
        let overlay = edited(config.overlay.clone(), setting);
        let config = config
            .with(overlay)
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        let text = config.overlay_text.clone();
        let read = Read::of(config, &self.files.environment);
        let read = read.map_err(|error| refusal(ErrorCode::BadRequest, &error))?;
        if let Some(new) = read.mistakes.iter().find(|mistake| !known.contains(mistake)) {
            return Err(ApiError::new(ErrorCode::BadRequest, new.clone()));
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|error| unwritten(&path, &error))?;
        }
        file::replace(&path, text.as_bytes()).map_err(|error| unwritten(&path, &error))?;
        Ok(read)
    }

    /// Puts it into effect, and says which keys have changed.
    async fn adopt(&self, read: Read, asked: bool) -> Vec<&'static str> {
        let warnings = read.warnings();
        let Read {
            config,
            catalog,
            turnq,
            mistakes: _,
        } = read;
        let before = self.now.borrow().clone();
        let changed = differences(&before.config, &config);
        // What holds or waits for a channel goes on with the one it knows.
        let turnq = if before.config.turnq == config.turnq {
            self.parts.seats.turnq()
        } else {
            turnq
        };
        let Parts {
            sessions,
            seats,
            hosts,
            reached,
            auth,
            push,
        } = &self.parts;
        sessions.adopt(policy::of_sessions(&config, catalog));
        seats.adopt(policy::of_turns(&config, turnq));
        if before.config.retention != config.retention {
            seats.retain(Retention::from(&config.retention)).await;
        }
        hosts.adopt(policy::host_names(&config, reached));
        auth.record_text(config.server.audit_text);
        push.adopt(config.notifications.clone());
        let later = self.later(&config);
        if !changed.is_empty() {
            tracing::info!(changed = changed.join(", "), "another configuration is in effect");
        } else if asked {
            tracing::info!("nothing in the configuration has changed");
        }
        for what in later.iter().filter(|what| !before.later.contains(what)) {
            tracing::warn!("{what} has changed and counts when the daemon is started again");
        }
        for warning in warnings
            .iter()
            .filter(|warning| !before.warnings.contains(warning))
        {
            tracing::warn!("{warning}");
        }
        self.now.send_replace(Now {
            config: Arc::new(config),
            warnings,
            fault: None,
            later,
        });
        changed
    }

    /// What the daemon reads only when it starts, and has another value now.
    fn later(&self, config: &Config) -> Vec<&'static str> {
        let first = &self.first;
        let all = [
            ("server.port", first.server.port != config.server.port),
            ("tmux", first.tmux != config.tmux),
            (".env", self.files.environment.has_new_dotenv()),
        ];
        names(all)
    }
}

/// The keys in which two configurations differ.
fn differences(one: &Settings, other: &Settings) -> Vec<&'static str> {
    names([
        ("server", one.server != other.server),
        ("agents", one.agents != other.agents),
        ("sessions", one.sessions != other.sessions),
        ("initPrompts", one.init_prompts != other.init_prompts),
        ("turns", one.turns != other.turns),
        ("retention", one.retention != other.retention),
        ("limits", one.limits != other.limits),
        ("notifications", one.notifications != other.notifications),
        ("turnq", one.turnq != other.turnq),
        ("tmux", one.tmux != other.tmux),
    ])
}

fn names<const N: usize>(all: [(&'static str, bool); N]) -> Vec<&'static str> {
    all.into_iter()
        .filter(|(_, is)| *is)
        .map(|(name, _)| name)
        .collect()
}

fn edited(mut overlay: Overlay, setting: Setting) -> Overlay {
    match setting {
        Setting::InitPrompts(prompts) => overlay.init_prompts = Some(prompts),
        Setting::Turnq(wish) => {
            let before = overlay.turnq;
            overlay.turnq = Some(Turnq {
                enabled: wish.enabled,
                api_key: before.and_then(|before| before.key_for(wish.url.as_deref())),
                url: wish.url,
                max_hold_ms: wish.max_hold_ms,
            });
        }
        Setting::Revert => overlay = Overlay::default(),
    }
    overlay
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refusal(code: ErrorCode, error: &DaemonError) -> ApiError {
    let mut refusal = ApiError::new(code, with_causes(error));
    refusal.hint = error.hint();
    refusal
}

fn unwritten(path: &Path, error: &dyn std::error::Error) -> ApiError {
    ApiError::new(
        ErrorCode::State,
        format!("cannot write {}: {error}", path.display()),
    )
    .hint("nothing was changed; see whether the directory can be written to, and whether the disk is full")
}
