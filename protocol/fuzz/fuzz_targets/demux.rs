//! Any bytes, cut anywhere, give the same items, and after a line feed and the block's end all is well again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmux_protocol::control::{Demux, Item};

fn items<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, bool) {
    let mut demux = Demux::new();
    let mut items = Vec::new();
    for chunk in chunks {
        demux.feed(chunk, &mut |item| items.push(item));
    }
    (items, demux.open_block())
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (size, text) = input;
    let whole = items([&text[..]]);
    assert_eq!(items(text.chunks(usize::from(size).max(1))), whole);
    if !whole.1 {
        let (after, _) = items([&text[..], b"\n%sessions-changed\n"]);
        assert!(after.len() > whole.0.len());
    }
});
