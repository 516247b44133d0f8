//! Where an agent keeps its transcripts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{Format, Place, record::Owner};

/// How much older than it was a file's time of change may be: file systems count in coarse steps.
const COARSE: Duration = Duration::from_secs(1);
/// How many months of Codex' threads are looked through for those of a directory.
const MONTHS: usize = 12;

/// What there is to watch and to read, at one moment.
pub(super) struct Layout {
    /// Directories in which a file, or one of these directories, appears. Each exists.
    pub(super) dirs: BTreeSet<PathBuf>,
    /// The transcripts.
    pub(super) files: BTreeSet<PathBuf>,
}

/// Finds the transcripts of one place.
pub(super) struct Finder {
    format: Format,
    place: Place,
    /// The working directory as it was named and as the system calls it, which is what a program sees.
    cwds: Vec<PathBuf>,
    /// The day on which the known conversation of Codex began.
    day: Option<PathBuf>,
}

impl Finder {
    pub(super) fn new(format: Format, place: Place) -> Self {
        Self {
            format,
            cwds: place.cwds(),
            place,
            day: None,
        }
    }

    pub(super) fn owner(&self) -> Owner {
        let cwds = || self.cwds.iter().map(|cwd| cwd.to_string_lossy().into_owned());
        self.place
            .id
            .clone()
            .map_or_else(|| Owner::Cwd(cwds().collect()), Owner::Id)
    }

    /// Whether only one conversation is looked for.
    pub(super) fn has_id(&self) -> bool {
        self.place.id.is_some()
    }

    /// Looks at the disk.
    pub(super) fn look(&mut self) -> Layout {
        let homes = match self.format {
            Format::Codex => self.codex_days(),
            Format::Gemini => self.gemini_chats(),
            Format::Demo | Format::Claude | Format::Qwen => self.folders(),
        };
        Layout {
            files: homes.iter().flat_map(|dir| self.transcripts(dir)).collect(),
            dirs: homes.iter().filter_map(|dir| nearest(dir)).collect(),
        }
    }

    /// The folders named after the working directory.
    fn folders(&self) -> Vec<PathBuf> {
        let root = match self.format {
            Format::Demo => self
                .place
                .variable("XDG_STATE_HOME", ".local/state")
                .join("llmux-demo"),
            Format::Claude => self
                .place
                .variable("CLAUDE_CONFIG_DIR", ".claude")
                .join("projects"),
            _ => self.place.home.join(".qwen/projects"),
        };
        let sub = if self.format == Format::Qwen { "chats" } else { "" };
        self.cwds
            .iter()
            .map(|cwd| root.join(folder_name(self.format, cwd)).join(sub))
            .collect()
    }

    /// The folder that `projects.json` gives the working directory; the one with that file before it does.
    fn gemini_chats(&self) -> Vec<PathBuf> {
        let root = self.place.variable("GEMINI_CLI_HOME", "").join(".gemini");
        let projects = fs::read(root.join("projects.json")).ok();
        let projects: Value = projects
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let slug = |cwd: &PathBuf| projects["projects"][cwd.to_str()?].as_str();
        let slugs = self.cwds.iter().filter_map(slug).filter(|slug| is_name(slug));
        let found: Vec<PathBuf> = slugs
            .map(|slug| root.join("tmp").join(slug).join("chats"))
            .collect();
        if found.is_empty() { vec![root] } else { found }
    }

    /// The directory of the day on which a known conversation began: resumed, it goes on in that file. Else those of days
    /// on which something was begun since. Until then, and beside them, the newest, where new ones appear.
    fn codex_days(&mut self) -> Vec<PathBuf> {
        let day = self.day.take().filter(|day| !self.transcripts(day).is_empty());
        if let Some(day) = day {
            self.day = Some(day.clone());
            return vec![day];
        }
        let root = self.place.variable("CODEX_HOME", ".codex").join("sessions");
        let years = numbered(&root);
        let months: Vec<PathBuf> = years.iter().flat_map(|year| numbered(year)).collect();
        let known = self.place.id.is_some();
        let recent = if known { months.len() } else { MONTHS };
        let days: Vec<PathBuf> = months
            .iter()
            .take(recent)
            .flat_map(|month| numbered(month))
            .collect();
        if known {
            self.day = days.iter().find(|day| !self.transcripts(day).is_empty()).cloned();
        }
        let newest = [years.first(), months.first(), days.first()]
            .into_iter()
            .flatten();
        let mut found: Vec<PathBuf> = newest.cloned().chain(self.day.clone()).collect();
        if !known {
            found.extend(days.iter().filter(|day| self.is_touched(day)).cloned());
        }
        found.push(root);
        found
    }

    /// The transcripts in a directory that may be the conversation's.
    fn transcripts(&self, dir: &Path) -> Vec<PathBuf> {
        match (&self.place.id, self.format) {
            (Some(id), _) if !is_name(id) => Vec::new(),
            (Some(id), Format::Demo | Format::Claude | Format::Qwen) => {
                let path = dir.join(format!("{id}.jsonl"));
                Vec::from_iter(path.is_file().then_some(path))
            }
            (Some(id), Format::Gemini) => {
                let short: String = id.chars().take(8).collect();
                listed(dir, "session-", &format!("-{short}.jsonl"))
            }
            (Some(id), Format::Codex) => listed(dir, "rollout-", &format!("-{id}.jsonl")),
            (None, format) => {
                let begin = match format {
                    Format::Gemini => "session-",
                    Format::Codex => "rollout-",
                    _ => "",
                };
                let mut files = listed(dir, begin, ".jsonl");
                files.retain(|file| self.is_touched(file));
                files
            }
        }
    }

    fn is_touched(&self, path: &Path) -> bool {
        let modified = fs::metadata(path).and_then(|found| found.modified());
        modified.is_ok_and(|at| at.checked_add(COARSE).unwrap_or(at) >= self.place.since)
    }
}

impl Place {
    /// A place without an id or an environment of its own, for what happens from now on.
    #[must_use]
    pub fn new(home: &Path, cwd: &Path) -> Self {
        Self {
            home: home.to_owned(),
            env: std::collections::BTreeMap::new(),
            cwd: cwd.to_owned(),
            id: None,
            since: SystemTime::now(),
        }
    }

    /// The working directory as it was named and as the system calls it, which is what a program sees.
    pub(in crate::agent) fn cwds(&self) -> Vec<PathBuf> {
        let real = fs::canonicalize(&self.cwd).ok();
        let other = real.filter(|real| *real != self.cwd);
        [self.cwd.clone()].into_iter().chain(other).collect()
    }

    /// A variable of the agent's environment that names a directory, else one under the home directory.
    pub(in crate::agent) fn variable(&self, name: &str, default: &str) -> PathBuf {
        let stated = self.env.get(name).map(PathBuf::from);
        stated
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| self.home.join(default))
    }
}

/// The name of the folder of a working directory: all but ASCII letters and digits becomes `-`, so two may share one.
pub(in crate::agent) fn folder_name(format: Format, cwd: &Path) -> String {
    // JavaScript counts in UTF-16.
    let width = |c: char| if format == Format::Demo { 1 } else { c.len_utf16() };
    let folded = cwd.to_string_lossy();
    let folded = folded.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => "-".repeat(width(c)),
    });
    folded.collect()
}

/// The directory, or the nearest one above it that exists, by its real name: what is watched is an inode.
pub(super) fn nearest(dir: &Path) -> Option<PathBuf> {
    let mut existing = dir.ancestors().filter(|dir| dir.is_dir());
    existing.find_map(|dir| fs::canonicalize(dir).ok())
}

/// The directories in one whose names are numbers, the newest first.
fn numbered(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let mut dirs: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_number))
        .map(|entry| entry.path())
        .collect();
    dirs.sort_unstable_by(|a, b| b.cmp(a));
    dirs
}

fn listed(dir: &Path, begin: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let wanted = |name: &str| name.starts_with(begin) && name.ends_with(end);
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(wanted))
        .map(|entry| entry.path())
        .collect()
}

/// Whether a text is one plain part of a path.
pub(in crate::agent) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(plain)
}
