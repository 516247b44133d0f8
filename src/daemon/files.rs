//! Hearing that files of the configuration have changed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{block_in_place, spawn_blocking},
    time::sleep,
};

use crate::{
    agent::transcript::Watch,
    config::{Config, Environment},
};

/// How long the files must stay as they are: an editor writes in several steps.
const SETTLED: Duration = Duration::from_millis(100);

/// What changes whenever a file does.
#[derive(PartialEq, Eq)]
struct Stamp {
    changed: (i64, i64),
    length: u64,
    inode: u64,
}

struct Files {
    named: Vec<PathBuf>,
    /// All `*.toml` in here count.
    agents: PathBuf,
}

impl Files {
    fn look(&self) -> BTreeMap<PathBuf, Stamp> {
        let in_agents = fs::read_dir(&self.agents).into_iter().flatten().flatten();
        let of_agents = in_agents.map(|entry| entry.path());
        let of_agents = of_agents.filter(|path| path.extension().is_some_and(|end| end == "toml"));
        let all = self.named.iter().cloned().chain(of_agents);
        all.filter_map(|path| stamp(&path).map(|stamp| (path, stamp)))
            .collect()
    }

    /// Where they are, and where what they are links to is.
    fn dirs(&self) -> Vec<PathBuf> {
        let real = self.named.iter().filter_map(|path| fs::canonicalize(path).ok());
        let files = self.named.iter().cloned().chain(real);
        let dirs = files.filter_map(|path| path.parent().map(Path::to_owned));
        dirs.chain([self.agents.clone()]).collect()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some(Stamp {
        changed: (meta.ctime(), meta.ctime_nsec()),
        length: meta.len(),
        inode: meta.ino(),
    })
}

/// Tells whenever one of the files has changed, come or gone, as often as somebody listens.
pub(super) fn follow(
    explicit: Option<&Path>,
    environment: &Environment,
    watch: &Watch,
) -> mpsc::Receiver<()> {
    let mut named = Config::files(explicit, environment);
    named.push(environment.dotenv_path());
    let files = Files {
        named,
        agents: environment.agents_dir(),
    };
    let (tell, told) = mpsc::channel(1);
    let mut ear = watch.listen();
    // Before the daemon goes on: what is written from here on is heard.
    let mut seen = block_in_place(|| {
        ear.set(files.dirs().iter().map(PathBuf::as_path));
        files.look()
    });
    tokio::spawn(async move {
        let mut files = files;
        loop {
            tokio::select! {
                () = ear.changed() => {}
                () = tell.closed() => return,
            }
            let mut is_other = false;
            loop {
                let looked = spawn_blocking(move || {
                    // A directory may have come.
                    ear.set(files.dirs().iter().map(PathBuf::as_path));
                    let now = files.look();
                    (ear, files, now)
                });
                let now;
                match looked.await {
                    Ok(all) => (ear, files, now) = all,
                    Err(_) => return,
                }
                if now == seen {
                    break;
                }
                (seen, is_other) = (now, true);
                sleep(SETTLED).await;
            }
            if is_other {
                // If one waits there still, that one tells of this, too.
                let _ = tell.try_send(());
            }
        }
    });
    told
}
