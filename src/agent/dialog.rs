//! Reads the question and the answers of a dialog that a rule has recognised.

use llmux_protocol::api::{Dialog, DialogKind, DialogOption};

/// Reads a dialog at the bottom of a screen. What cannot be read stays empty.
#[must_use]
pub fn read(kind: DialogKind, rows: &[String]) -> Dialog {
    let found = find(rows).unwrap_or_default();
    Dialog {
        id: id(kind, &found),
        kind,
        header: found.header,
        question: found.question,
        options: found.options,
        selected: found.selected,
    }
}

#[derive(Debug, Default)]
struct Found {
    header: Option<String>,
    question: String,
    options: Vec<DialogOption>,
    selected: Option<usize>,
}

fn find(_rows: &[String]) -> Option<Found> {
    None
}

/// What identifies a dialog, whichever answer is selected.
fn id(kind: DialogKind, found: &Found) -> String {
    let mut hasher = blake3::Hasher::new();
    let labels = found.options.iter().map(|option| option.label.as_str());
    for part in [kind.as_str(), &found.question].into_iter().chain(labels) {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
