//! What real tmux servers printed, read item by item. `fixtures/record.sh` makes the recordings.

use std::{fmt::Write, fs, path::Path};

use bytes::Bytes;
use llmux_protocol::control::{Demux, Item, Layout, Notice, PaneGeometry, Reply};

fn read(name: &str) -> Vec<Item> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    items(&fs::read(path).expect("the recording is there"))
}

fn items(recording: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    Demux::new().feed(recording, &mut |item| items.push(item));
    items
}

/// One line an item; long data is cut, the time of a reply left out.
fn show(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        match item {
            Item::Output { pane, age_ms, data } => {
                let age = age_ms.map(|_| " late").unwrap_or_default();
                writeln!(text, "output {pane}{age} {} {}", data.len(), brief(data))
            }
            Item::Reply(reply) => writeln!(text, "reply {} {}", kind(reply), body(reply)),
            Item::Notice(Notice::LayoutChange {
                window,
                layout,
                visible,
                flags,
            }) => {
                writeln!(
                    text,
                    "* layout {window}{} visible{} {flags:?}",
                    panes(layout),
                    panes(visible)
                )
            }
            Item::Notice(notice) => writeln!(
                text,
                "{}{notice:?}",
                if notice.is_structural() { "* " } else { "" }
            ),
            Item::Stray(line) => writeln!(text, "stray {}", brief(line)),
            Item::Overlong { bytes } => writeln!(text, "overlong {bytes}"),
        }
        .expect("writing to a string works");
    }
    text
}

fn panes(layout: &Layout) -> String {
    let show = |p: &PaneGeometry| format!(" {}={}x{}+{}+{}", p.pane, p.cols, p.rows, p.x, p.y);
    layout.panes.iter().map(show).collect()
}

fn kind(reply: &Reply) -> String {
    format!(
        "{}{}",
        if reply.ok { "ok" } else { "error" },
        if reply.is_ours() { "" } else { " (not ours)" }
    )
}

fn body(reply: &Reply) -> String {
    reply.body.iter().map(brief).collect::<Vec<_>>().join(" | ")
}

fn brief(data: &Bytes) -> String {
    let cut = if data.len() > 40 { "..." } else { "" };
    format!("{:?}{cut}", data.slice(..data.len().min(40)))
}

#[test]
fn every_recording_reads_as_it_did() {
    insta::glob!("../fixtures", "*.cc", |path| {
        let recording = fs::read(path).expect("the recording is there");
        insta::assert_snapshot!(show(&items(&recording)));
    });
}

#[test]
fn nothing_in_a_recording_is_unknown() {
    insta::glob!("../fixtures", "*.cc", |path| {
        for item in items(&fs::read(path).expect("the recording is there")) {
            assert!(
                !matches!(item, Item::Notice(Notice::Unknown { .. }) | Item::Overlong { .. }),
                "{item:?}"
            );
        }
    });
}

fn outputs(items: &[Item], pane: &str) -> Vec<Bytes> {
    let of_pane = |item: &Item| match item {
        Item::Output { pane: from, data, .. } if from.to_string() == pane => Some(data.clone()),
        _ => None,
    };
    items.iter().filter_map(of_pane).collect()
}

#[test]
fn all_256_bytes_come_through() {
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(
        outputs(&read("bytes-3.3a.cc"), "%1").concat(),
        [&all[..], b"END\n"].concat()
    );
}

#[test]
fn a_split_utf8_character_survives() {
    let outputs = outputs(&read("utf8-3.3a.cc"), "%1");
    assert!(
        outputs.iter().any(|data| std::str::from_utf8(data).is_err()),
        "no character was split"
    );
    let text = String::from_utf8(outputs.concat()).expect("together they are whole");
    assert_eq!(text, "x".to_owned() + &"日".repeat(2000) + "END\n");
}

#[test]
fn a_screen_of_lookalikes_is_one_body() {
    let items = read("lookalikes-3.3a.cc");
    let screen = items.iter().find_map(|item| match item {
        Item::Reply(reply) if reply.body.len() > 5 => Some(reply.text()),
        _ => None,
    });
    let fake = "%begin 1 2 1\n%end 1 2 1\n%error 1 2 1\n%output %0 fake\n%exit\n%pause %0";
    assert_eq!(
        screen.map(|text| text.trim_end().to_owned()).as_deref(),
        Some(fake)
    );
}

#[test]
fn pause_and_continue_inside_a_reply_are_body() {
    let items = read("pause-3.3a.cc");
    let bodies: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Reply(reply) if reply.body.len() == 1 => Some(reply.text()),
            _ => None,
        })
        .collect();
    assert!(bodies.contains(&"%pause %1".to_owned()) && bodies.contains(&"%continue %1".to_owned()));
}
