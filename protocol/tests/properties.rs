//! What holds for every input.

use bytes::Bytes;
use llmux_protocol::control::{Demux, Item, Notice};
use proptest::{collection::vec, prelude::*, sample::Index};

fn items<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut demux = Demux::new();
    let mut items = Vec::new();
    for chunk in chunks {
        demux.feed(chunk, &mut |item| items.push(item));
    }
    items
}

/// Lines such as tmux prints, and lines it would never print, most of them without a line feed inside.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let id = 0..4u32;
    prop_oneof![
        (id.clone(), "[ -~]{0,20}").prop_map(|(pane, data)| format!("%output %{pane} {data}").into_bytes()),
        (id.clone(), "(\\\\0[0-3][0-7]|a|é){0,9}")
            .prop_map(|(p, d)| format!("%output %{p} {d}").into_bytes()),
        (id.clone(), "[ -~]{0,9}").prop_map(|(p, d)| format!("%extended-output %{p} 3 : {d}").into_bytes()),
        (id.clone()).prop_map(|number| format!("%begin 1 {number} 1").into_bytes()),
        (id.clone()).prop_map(|number| format!("%end 1 {number} 1").into_bytes()),
        (id.clone()).prop_map(|number| format!("%error 1 {number} 1").into_bytes()),
        (id, "[ -~]{0,9}").prop_map(|(w, name)| format!("%window-renamed @{w} {name}").into_bytes()),
        "%[a-z-]{0,12}( [%@$]?[0-9]{1,3}){0,3}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..30),
    ]
}

fn transcript() -> impl Strategy<Value = Vec<u8>> {
    vec(line(), 0..12).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn chunking_never_changes_the_items(text in transcript(), at in vec(any::<Index>(), 0..6)) {
        let mut cuts: Vec<usize> = at.iter().map(|index| index.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let whole = items([&text[..]]);
        prop_assert_eq!(&items(cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), &whole);
        prop_assert_eq!(&items(text.chunks(1)), &whole);
        for cut in 0..=text.len() {
            prop_assert_eq!(&items([&text[..cut], &text[cut..]]), &whole);
        }
    }

    #[test]
    fn a_garbage_line_never_eats_the_next(garbage in vec(any::<u8>(), 0..60)) {
        prop_assume!(!garbage.starts_with(b"%begin ") && !garbage.contains(&b'\n'));
        let got = items([&garbage[..], b"\n%sessions-changed\n%output %1 x\n"]);
        prop_assert_eq!(got.len(), 3);
        prop_assert_eq!(&got[1], &Item::Notice(Notice::SessionsChanged));
        let is_output = matches!(&got[2], Item::Output { data, .. } if data == "x");
        prop_assert!(is_output);
    }

    #[test]
    fn a_body_is_kept_byte_for_byte(body in vec(any::<u8>(), 0..200)) {
        let framed = [&b"%begin 1 2 1\n"[..], &body, b"\n%end 1 2 1\n"].concat();
        prop_assume!(!body.split(|b| *b == b'\n').any(|line| line.starts_with(b"%end 1 2 1")));
        prop_assume!(!body.split(|b| *b == b'\n').any(|line| line.starts_with(b"%error 1 2 1")));
        let got = items([&framed[..]]);
        let [Item::Reply(reply)] = &got[..] else {
            return Err(TestCaseError::fail(format!("{got:?}")));
        };
        prop_assert_eq!(reply.body.join(&b'\n'), body);
    }

    #[test]
    fn no_line_is_lost(lines in vec("[a-z%@$ 0-9-]{0,20}", 0..10)) {
        prop_assume!(!lines.iter().any(|line| line.starts_with("%begin ")));
        let text = lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
        prop_assert_eq!(items([text.as_bytes()]).len(), lines.len());
    }
}

#[test]
fn outputs_of_one_feed_are_apart() {
    let got = items([&b"%output %1 a\n%output %1 b\n%output %1 c\n"[..]]);
    let data: Vec<&Bytes> = got
        .iter()
        .filter_map(|item| match item {
            Item::Output { data, .. } => Some(data),
            _ => None,
        })
        .collect();
    assert_eq!(data, ["a", "b", "c"]);
}
