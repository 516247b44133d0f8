//! What a person has set up himself, where ours would take its place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::agent::{rule::Pattern, trust::Surroundings};

/// One thing to look for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Unless {
    /// `$NAME`: a variable that is set; `/path`: a file that is there; else a word of the command line that begins so.
    Is(String),
    /// A file with a row that matches.
    Has(Own),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Own {
    /// Absolute, or below the home directory with `~/`.
    file: String,
    /// The variable that names its directory, if it is set.
    dir_variable: Option<String>,
    row: Pattern,
}

impl Unless {
    /// What was found, for a person.
    pub(super) fn holds(&self, argv: &[String], around: Surroundings<'_>) -> Option<String> {
        match self {
            Self::Is(text) => {
                if let Some(name) = text.strip_prefix('$') {
                    let is_set = around.env.get(name).is_some_and(|value| !value.is_empty());
                    is_set.then(|| format!("{name} is set already"))
                } else if text.starts_with('/') {
                    Path::new(text).exists().then(|| format!("there is {text}"))
                } else {
                    let word = argv.iter().find(|word| word.starts_with(text.as_str()))?;
                    Some(format!("its flags have {word}"))
                }
            }
            Self::Has(own) => {
                let path = own.path(around)?;
                let content = fs::read(&path).ok()?;
                let content = String::from_utf8_lossy(&content);
                own.row
                    .is_match(&content)
                    .then(|| format!("{} has its own", path.display()))
            }
        }
    }
}

impl Own {
    fn path(&self, around: Surroundings<'_>) -> Option<PathBuf> {
        let path = match self.file.strip_prefix("~/") {
            Some(rest) => around.home().join(rest),
            None => PathBuf::from(&self.file),
        };
        let named = self.dir_variable.as_deref().and_then(|name| around.env.get(name));
        match named.filter(|dir| !dir.is_empty()) {
            Some(dir) => Some(Path::new(dir).join(path.file_name()?)),
            None => Some(path),
        }
    }
}
