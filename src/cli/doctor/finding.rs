//! What was found, how bad it is, and what to do about it.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Something will not work as it could.
    Warning,
    /// llmux, or a part of it, does not work.
    Error,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) area: &'static str,
    pub(super) level: Level,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

/// All findings, in the order in which they were looked for.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, area: &'static str, found: impl Into<String>) {
        self.add(area, Level::Ok, found, None);
    }

    pub(super) fn note(&mut self, area: &'static str, found: impl Into<String>) {
        self.add(area, Level::Note, found, None);
    }

    pub(super) fn warn(&mut self, area: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Level::Warning, found, Some(fix.into()));
    }

    pub(super) fn error(&mut self, area: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Level::Error, found, Some(fix.into()));
    }

    fn add(&mut self, area: &'static str, level: Level, found: impl Into<String>, fix: Option<String>) {
        let found = found.into();
        self.0.push(Finding {
            area,
            level,
            found,
            fix,
        });
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    pub(super) fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}
