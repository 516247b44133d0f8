//! Any text is a layout or is refused, with an offset inside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmux_protocol::control::Layout;

fuzz_target!(|text: &[u8]| match Layout::parse(text) {
    Ok(layout) => {
        let size = layout.size();
        assert!(
            layout
                .panes
                .iter()
                .all(|pane| pane.cols <= size.cols && pane.rows <= size.rows)
        );
    }
    Err(bad) => assert!(bad.at <= text.len()),
});
