//! Telling equal dialogs apart that open one after the other: who approved the first has not seen the second.

use std::time::{SystemTime, UNIX_EPOCH};

use llmux_protocol::api::Dialog;

/// What stands between what a dialog shows and the number of its opening.
const BEFORE_NUMBER: char = '-';

/// Numbers the dialogs of one program.
#[derive(Debug)]
pub struct Openings {
    number: u64,
    /// The id of the one that is open, without its number.
    open: Option<String>,
}

impl Openings {
    /// Numbers go on from the time, so that no id of a daemon before is given again.
    #[must_use]
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            number: now.map_or(0, |since| since.as_secs()),
            open: None,
        }
    }

    /// Adds the number to the id of what is open now. To be called with every look, also when nothing is open.
    pub fn see(&mut self, dialog: Option<&mut Dialog>) {
        let id = dialog.as_ref().map(|dialog| dialog.id.clone());
        if id.is_some() && id != self.open {
            self.number += 1;
        }
        if let Some(dialog) = dialog {
            dialog.id = format!("{}{BEFORE_NUMBER}{:x}", dialog.id, self.number);
        }
        self.open = id;
    }

    /// An answer goes to what is open: whatever stands there from now on may be another one.
    pub fn answered(&mut self) {
        self.number += 1;
    }
}

impl Default for Openings {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether two dialogs look the same. They need not be the same one.
#[must_use]
pub fn are_equal(one: &Dialog, other: &Dialog) -> bool {
    fn shown(dialog: &Dialog) -> &str {
        dialog.id.split(BEFORE_NUMBER).next().unwrap_or_default()
    }
    shown(one) == shown(other)
}
