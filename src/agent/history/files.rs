//! The agents that write a file of lines per conversation: where those files are, and whose they are.

use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::{Conversation, History, Place, Store, scan::Head};
use crate::agent::transcript::{
    Format,
    layout::{folder_name, is_name},
};

/// The conversations of a place.
pub(super) fn list(history: &History, store: Store, place: &Place) -> Vec<Conversation> {
    let owner = Owner::new(store, place);
    let files = files(history, store, place, None);
    history.scanned(store, &files, |path, summary| {
        let head = &summary.head;
        if head.is_helper || summary.messages == 0 || !owner.owns(head) {
            return None;
        }
        Some(Conversation {
            id: id(store, path, head)?,
            title: head.title.clone(),
            started: head.started,
            last: summary.last,
            messages: summary.messages,
            path: path.to_owned(),
        })
    })
}

/// The file of a conversation.
pub(super) fn find(history: &History, store: Store, place: &Place, wanted: &str) -> Option<PathBuf> {
    let owner = Owner::new(store, place);
    let files = files(history, store, place, Some(wanted));
    let found = history.scanned(store, &files, |path, summary| {
        let is_it = id(store, path, &summary.head).as_deref() == Some(wanted);
        // A thread of Codex may be resumed in another directory; its id is enough.
        let is_ours = store == Store::Codex || owner.owns(&summary.head);
        (is_it && is_ours).then(|| path.to_owned())
    });
    found.into_iter().next()
}

/// The files that may hold a conversation of the place, or the one of an id.
fn files(history: &History, store: Store, place: &Place, id: Option<&str>) -> Vec<PathBuf> {
    if id.is_some_and(|id| !is_name(id)) {
        return Vec::new();
    }
    let named = || id.map_or_else(|| ".jsonl".to_owned(), |id| format!("{id}.jsonl"));
    let of = |dirs: Vec<PathBuf>, begin: &str, end: &str| -> Vec<PathBuf> {
        let wanted = |name: &str| name.starts_with(begin) && name.ends_with(end);
        dirs.iter()
            .flat_map(|dir| history.entries(dir, &wanted))
            .collect()
    };
    match store {
        Store::Codex => of(codex_days(history, place), "rollout-", &named()),
        Store::Gemini => of(chats(history, place, &gemini_root(place)), "session-", &short(id)),
        Store::Qwen => {
            let mut found = of(folders(place, store), "", &named());
            found.extend(of(
                chats(history, place, &place.home.join(".qwen")),
                "session-",
                &short(id),
            ));
            found
        }
        _ => of(folders(place, store), "", &named()),
    }
}

/// Where a file of the place changes or appears.
pub(super) fn dirs(history: &History, store: Store, place: &Place) -> Vec<PathBuf> {
    match store {
        Store::Codex => {
            // The newest day, and above it, where the next one appears.
            let root = codex_root(place);
            let newest = |dir: &PathBuf| history.numbered(dir).into_iter().next();
            std::iter::successors(Some(root), newest).take(4).collect()
        }
        Store::Gemini => {
            let root = gemini_root(place);
            let mut found = chats(history, place, &root);
            found.extend([root.join("tmp"), root]);
            found
        }
        _ => folders(place, store),
    }
}

/// How a file name of Gemini ends.
fn short(id: Option<&str>) -> String {
    let begin = |id: &str| format!("-{}.jsonl", id.chars().take(8).collect::<String>());
    id.map_or_else(|| ".jsonl".to_owned(), begin)
}

/// The folders named after the working directory.
fn folders(place: &Place, store: Store) -> Vec<PathBuf> {
    let (format, root, sub) = match store {
        Store::Demo => {
            let state = place.variable("XDG_STATE_HOME", ".local/state");
            (Format::Demo, state.join("llmux-demo"), "")
        }
        Store::Qwen => (Format::Qwen, place.home.join(".qwen/projects"), "chats"),
        _ => {
            let config = place.variable("CLAUDE_CONFIG_DIR", ".claude");
            (Format::Claude, config.join("projects"), "")
        }
    };
    let folder = |cwd: PathBuf| root.join(folder_name(format, &cwd)).join(sub);
    let mut found: Vec<PathBuf> = place.cwds().into_iter().map(folder).collect();
    found.dedup();
    found
}

fn gemini_root(place: &Place) -> PathBuf {
    place.variable("GEMINI_CLI_HOME", "").join(".gemini")
}

/// `tmp/*/chats`: the folder is a name of the project's, or the hash of its path. The first line tells whose it is.
fn chats(history: &History, place: &Place, root: &Path) -> Vec<PathBuf> {
    let hashes = hashes(place);
    // Sixty-four digits are a hash, and so either ours or another's.
    let is_hash = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ours = |name: &str| !is_hash(name) || hashes.iter().any(|hash| hash == name);
    let projects = history.entries(&root.join("tmp"), &ours).into_iter();
    projects.map(|project| project.join("chats")).collect()
}

fn codex_root(place: &Place) -> PathBuf {
    place.variable("CODEX_HOME", ".codex").join("sessions")
}

fn codex_days(history: &History, place: &Place) -> Vec<PathBuf> {
    let years = history.numbered(&codex_root(place)).into_iter();
    let months = years.flat_map(|year| history.numbered(&year));
    months.flat_map(|month| history.numbered(&month)).collect()
}

fn hashes(place: &Place) -> Vec<String> {
    let hash = |cwd: PathBuf| {
        let hash = digest(&SHA256, cwd.as_os_str().as_encoded_bytes());
        hex(hash.as_ref())
    };
    place.cwds().into_iter().map(hash).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// What the id is that the agent knows a file by.
fn id(store: Store, path: &Path, head: &Head) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let id = match store {
        Store::Gemini => head.id.as_deref()?,
        Store::Qwen if stem.starts_with("session-") => head.id.as_deref()?,
        // `rollout-<local time>-<uuid>`.
        Store::Codex => stem.get(stem.len().checked_sub(36)?..)?,
        _ => stem,
    };
    Some(id.to_owned())
}

/// Tells whose a conversation is: folders may be shared by two directories.
struct Owner {
    cwds: Vec<String>,
    hashes: Vec<String>,
    /// A file that does not say is ours, for it is in our folder.
    by_folder: bool,
}

impl Owner {
    fn new(store: Store, place: &Place) -> Self {
        let text = |cwd: PathBuf| cwd.to_string_lossy().into_owned();
        Self {
            cwds: place.cwds().into_iter().map(text).collect(),
            hashes: hashes(place),
            by_folder: matches!(store, Store::Demo | Store::Claude | Store::Qwen),
        }
    }

    fn owns(&self, head: &Head) -> bool {
        match (&head.cwd_hash, &head.cwd) {
            (Some(hash), _) => self.hashes.contains(hash),
            (None, Some(cwd)) => self.cwds.contains(cwd),
            (None, None) => self.by_folder,
        }
    }
}
