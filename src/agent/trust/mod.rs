//! Folders that an agent is told to trust before it is started without its own guards, so that it does not stop at a
//! dialog that nobody sees.
//!
//! Only the agents' own files are touched, and of these only the one entry: comments, order and whatever else they hold
//! stay. What a person has decided there stays, too, and so does a file that can't be understood.

mod codex;
mod file;
mod json;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;

use self::json::Document;

/// How an agent remembers which folders it may trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustFile {
    /// `~/.claude.json`.
    Claude,
    /// `~/.codex/config.toml`.
    Codex,
    /// `~/.copilot/config.json`.
    Copilot,
    /// `~/.gemini/trustedFolders.json`.
    Gemini,
    /// `~/.qwen/trustedFolders.json`.
    Qwen,
}

/// Says which file was left as it is, and why.
#[derive(Debug, thiserror::Error)]
#[error("{} was left as it is, so the agent may ask whether it may trust the folder: {why}", path.display())]
pub struct TrustError {
    path: PathBuf,
    why: Why,
}

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it can't be understood: {0}")]
    Text(String),
    #[error("somebody else writes it all the time")]
    Contended,
}

/// What of an agent's environment moves its files.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The variables it gets.
    pub env: &'a BTreeMap<String, String>,
    /// The home directory if they name none.
    pub home: &'a Path,
}

/// Two starts must not write over each other's entry.
static GATE: Mutex<()> = Mutex::new(());

impl TrustFile {
    /// Makes an agent trust a folder, unless it does already or a person has decided otherwise.
    ///
    /// Blocks on the disk.
    ///
    /// # Errors
    ///
    /// The file is as it was.
    pub fn trust(self, cwd: &Path, around: Surroundings<'_>) -> Result<(), TrustError> {
        let _gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(around);
        let edit = |text: &str| {
            // What an agent sees of its working directory is the real path.
            let cwd = fs::canonicalize(cwd)?;
            let cwd = cwd
                .to_str()
                .ok_or_else(|| Why::Text("the folder's name is not UTF-8".to_owned()))?;
            self.edit(text, cwd, around)
        };
        file::edit(&path, edit).map_err(|why| TrustError { path, why })
    }

    /// The text of the file with the entry; none if it needs none.
    fn edit(self, text: &str, cwd: &str, around: Surroundings<'_>) -> Result<Option<String>, Why> {
        match self {
            Self::Codex => codex::trust(text, cwd),
            Self::Claude => claude(text, cwd, around),
            Self::Copilot => Document::new(text)?.append(&["trustedFolders"], cwd),
            Self::Gemini | Self::Qwen => folders(text, cwd),
        }
    }

    fn path(self, around: Surroundings<'_>) -> PathBuf {
        match self {
            Self::Claude => claude_file(around),
            Self::Codex => around.dir("CODEX_HOME", ".codex").join("config.toml"),
            Self::Copilot => around.dir("COPILOT_HOME", ".copilot").join("config.json"),
            Self::Gemini => around.file("GEMINI_CLI_TRUSTED_FOLDERS_PATH", |around| {
                let home = around.dir("GEMINI_CLI_HOME", "");
                home.join(".gemini/trustedFolders.json")
            }),
            Self::Qwen => around.file("QWEN_CODE_TRUSTED_FOLDERS_PATH", |around| {
                around.dir("QWEN_HOME", ".qwen").join("trustedFolders.json")
            }),
        }
    }
}

impl Surroundings<'_> {
    /// The directory that a variable names, else one below the home directory.
    fn dir(self, variable: &str, default: &str) -> PathBuf {
        self.file(variable, |around| around.home().join(default))
    }

    fn file(self, variable: &str, default: impl FnOnce(Self) -> PathBuf) -> PathBuf {
        self.absolute(variable).unwrap_or_else(|| default(self))
    }

    /// The home directory it has.
    pub(in crate::agent) fn home(self) -> PathBuf {
        self.absolute("HOME").unwrap_or_else(|| self.home.to_owned())
    }

    /// A relative path would be one from the agent's working directory, where nobody means it.
    fn absolute(self, variable: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.env.get(variable)?);
        path.is_absolute().then_some(path)
    }
}

/// Claude's file is beside its directory, unless a variable names the directory, and had another name once.
fn claude_file(around: Surroundings<'_>) -> PathBuf {
    let legacy = around.dir("CLAUDE_CONFIG_DIR", ".claude").join(".config.json");
    if legacy.is_file() {
        return legacy;
    }
    around.dir("CLAUDE_CONFIG_DIR", "").join(".claude.json")
}

/// Claude asks two things: about the folder, and once about starting without guards at all.
fn claude(text: &str, cwd: &str, around: Surroundings<'_>) -> Result<Option<String>, Why> {
    let cwd: String = cwd.nfc().collect();
    let trusted = Document::new(text)?.set(&["projects", &cwd, "hasTrustDialogAccepted"], "true")?;
    if has_accepted_bypass(around) {
        return Ok(trusted);
    }
    // Newer versions move it into the settings when they start, with a name of its own.
    let accepted =
        Document::new(trusted.as_deref().unwrap_or(text))?.set(&["bypassPermissionsModeAccepted"], "true")?;
    Ok(accepted.or(trusted))
}

/// Whether the settings say so.
fn has_accepted_bypass(around: Surroundings<'_>) -> bool {
    let path = around.dir("CLAUDE_CONFIG_DIR", ".claude").join("settings.json");
    let settings = fs::read(path).unwrap_or_default();
    let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap_or_default();
    settings["skipDangerousModePermissionPrompt"] == true
}

/// Gemini and Qwen: one entry a folder, which holds for all below it.
fn folders(text: &str, cwd: &str) -> Result<Option<String>, Why> {
    let document = Document::new(text)?;
    let holds = |(folder, level): &(String, String)| {
        let folder = Path::new(folder);
        let root = match level.as_str() {
            "\"TRUST_PARENT\"" => folder.parent().unwrap_or(folder),
            _ => folder,
        };
        Path::new(cwd).starts_with(fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()))
    };
    if document.members()?.iter().any(holds) {
        return Ok(None);
    }
    document.set(&[cwd], "\"TRUST_FOLDER\"")
}

#[cfg(test)]
mod tests;
