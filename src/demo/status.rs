//! The agent's state told beside the screen: OSC 7501 (Program Status Protocol) and the terminal's title.

use std::fmt::Write as _;

/// The agent's state, in the protocol's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Idle,
    Working,
    Blocked,
    Done,
    Error,
}

impl Status {
    fn fields(self) -> &'static str {
        match self {
            Self::Idle => "state=idle:app=llmux-demo",
            Self::Working => "state=working:app=llmux-demo",
            Self::Blocked => "state=blocked:app=llmux-demo:kind=permission",
            Self::Done => "state=done:app=llmux-demo",
            Self::Error => "state=error:app=llmux-demo",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Idle | Self::Done | Self::Error => "◇  Ready",
            Self::Working => "✦  Working…",
            Self::Blocked => "✋  Action Required",
        }
    }
}

/// Tells changes only.
pub(super) struct Teller {
    osc: bool,
    title: bool,
    folder: String,
    told: Option<Status>,
    pending: String,
}

impl Teller {
    pub(super) fn new(osc: bool, title: bool, cwd: &str) -> Self {
        let folder = cwd.rsplit('/').next().unwrap_or_default();
        let folder = folder.chars().filter(|c| !c.is_control()).collect();
        Self {
            osc,
            title,
            folder,
            told: None,
            pending: String::new(),
        }
    }

    /// Notes a state that must be told even if it passes before the next paint.
    pub(super) fn tell(&mut self, status: Status) {
        if self.told == Some(status) {
            return;
        }
        self.told = Some(status);
        if self.osc {
            let _ = write!(self.pending, "\x1b]7501;{}\x1b\\", status.fields());
        }
        if self.title {
            let _ = write!(self.pending, "\x1b]0;{} ({})\x07", status.title(), self.folder);
        }
    }

    /// The sequences to send now. The end of a turn stays told until the next one starts.
    pub(super) fn follow(&mut self, status: Status) -> String {
        let ended = matches!(self.told, Some(Status::Done | Status::Error));
        if !(ended && status == Status::Idle) {
            self.tell(status);
        }
        std::mem::take(&mut self.pending)
    }

    pub(super) fn clear(&self) -> &'static str {
        if self.osc {
            "\x1b]7501;state=clear:app=llmux-demo\x1b\\"
        } else {
            ""
        }
    }
}
