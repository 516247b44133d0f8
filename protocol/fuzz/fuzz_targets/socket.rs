//! Whatever a viewer sends is a message or is refused, and a size that is let through is one that a pane can have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmux_protocol::api::socket::{FromViewer, OldMessage, read_terminal};

fn can_be(cols: u16, rows: u16) -> bool {
    (2..=500).contains(&cols) && (1..=300).contains(&rows)
}

fuzz_target!(|message: &[u8]| {
    if let Ok(FromViewer::Fit { cols, rows, .. } | FromViewer::Size { cols, rows }) = FromViewer::read(message) {
        assert!(can_be(cols, rows));
    }
    if let OldMessage::Resize { cols, rows } = OldMessage::read(message) {
        assert!(can_be(cols, rows));
    }
    let _ = read_terminal(message);
});
