//! A session's terminal over a WebSocket: `protocol/websocket.md`.

use std::{fmt::Write, time::Duration};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::{
    lab::{Lab, until},
    outside::rss_kib,
    viewer::{Raw, Viewer, ask, frame},
};

/// Prints so many KiB, then a word.
pub(crate) fn flood(kibibytes: usize) -> String {
    format!(
        "head -c {kibibytes}K /dev/zero | tr '\\0' x | fold -w 79; printf '\\r\\nthe end\\r\\n'; exec cat"
    )
}

#[test]
fn a_viewer_sees_the_screen_then_what_comes_and_types() {
    let lab = Lab::new();
    lab.script("one", "printf 'before\\r\\n'; exec cat");
    lab.shows("one", "^before");
    let mut viewer = Viewer::of(&lab, "one?viewer=me");
    assert_eq!(viewer.order[..3], ["hello", "size", "viewers"]);
    assert_eq!(viewer.hello["protocol"], 1);
    assert_eq!(viewer.hello["session"], "one");
    assert_eq!(viewer.hello["viewer"], "me");
    assert_eq!(
        viewer.hello["may"],
        json!(["watch", "type", "prompt", "answer", "manage"])
    );
    assert_eq!(
        (viewer.size, &viewer.holder, viewer.viewers),
        ((120, 40), &Value::Null, 1)
    );
    viewer.shows("before");
    viewer.until("it is told what the agent does", |v| {
        v.activity["state"].is_string()
    });
    viewer.types("hällo\r".as_bytes());
    viewer.until("the program repeats it", |v| {
        v.rows().iter().filter(|row| row.contains("hällo")).count() == 2
    });
    assert_eq!(viewer.snapshots, 1);
    assert_eq!(viewer.rows().join("\n").trim_end(), lab.screen("one"));
    lab.llmux(["session", "stop", "one"]).ok();
    viewer.until("it is told the end", |v| v.closed.is_some());
    let (code, reason) = viewer.closed.clone().unwrap();
    assert_eq!(code, 4040);
    assert!(
        reason.starts_with("pty exited code=") && reason.ends_with(" signal=none"),
        "{reason}"
    );
}

#[test]
fn keys_of_every_kind_reach_the_program_whole_and_in_order() {
    let lab = Lab::new();
    let file = lab.reader("one");
    let mut viewer = Viewer::of(&lab, "one");
    let every: Vec<u8> = (0..=255).collect();
    let mut typed = Vec::new();
    for n in 0..20_u32 {
        let part = [n.to_string().as_bytes(), b";Enter #{pid} ", &every].concat();
        viewer.types(&part);
        typed.extend(part);
    }
    let large = vec![b'y'; 64 << 10];
    for _ in 0..8 {
        viewer.types(&large);
        typed.extend(&large);
    }
    until("all is typed", || {
        std::fs::read(&file).unwrap().len() >= typed.len()
    });
    assert!(std::fs::read(&file).unwrap() == typed);
    assert_eq!(viewer.errors, [] as [Value; 0]);
}

#[test]
fn what_was_typed_before_a_page_is_closed_is_typed() {
    let lab = Lab::new();
    let file = lab.reader("one");
    let mut viewer = Viewer::of(&lab, "one");
    viewer.types(b"last words");
    drop(viewer);
    until("it is typed", || std::fs::read(&file).unwrap() == b"last words");
}

#[test]
fn a_viewer_that_comes_back_goes_on_where_it_was() {
    let lab = Lab::new();
    lab.script(
        "one",
        "printf 'ready\\r\\n'; while read n; do seq 1 $n; echo done $n; done",
    );
    let mut viewer = Viewer::of(&lab, "one?viewer=a");
    viewer.shows("ready");
    let place = viewer.place();
    viewer.types(b"1000\r");
    viewer.shows("done 1000");
    let missed = viewer.seq;
    drop(viewer);
    let mut again = Viewer::of(&lab, &format!("one?viewer=a&{place}"));
    // The model client fails unless the output continues.
    again.seq = place.rsplit('=').next().unwrap().parse().unwrap();
    again.until("all that it missed comes", |v| v.seq >= missed);
    assert_eq!(again.snapshots, 0);
    // Too far behind, another numbering, or a number that was never: a snapshot.
    again.types(b"100000\r");
    again.shows("done 100000");
    let epoch = again.hello["epoch"].as_str().unwrap().to_owned();
    for at in [
        place,
        "epoch=other&from=5".to_owned(),
        format!("epoch={epoch}&from=99999999999"),
    ] {
        let mut late = Viewer::of(&lab, &format!("one?{at}"));
        late.shows("done 100000");
        assert_eq!(late.snapshots, 1, "{at}");
    }
    // The next daemon counts anew.
    let place = again.place();
    lab.crash();
    lab.llmux(["session", "list"]).ok();
    let mut after = Viewer::of(&lab, &format!("one?{place}"));
    after.shows("done 100000");
    assert_eq!(after.snapshots, 1);
    assert_ne!(after.hello["epoch"], epoch);
}

#[test]
fn a_daemon_that_leaves_says_so() {
    let lab = Lab::new();
    lab.script("one", "exec cat");
    let mut viewer = Viewer::of(&lab, "one");
    lab.llmux(["server", "stop"]).ok();
    viewer.until("it is told", |v| v.closed.is_some());
    assert_eq!(viewer.closed.as_ref().unwrap().0, 1001);
}

#[test]
fn who_asks_wrongly_is_refused_before_the_upgrade() {
    let lab = Lab::new();
    lab.waiting("gone", "exit 3");
    lab.prompt_in_tmux("gone", "");
    lab.is("gone", "exited");
    lab.script("one", "exec cat");
    for (path, status, code) in [
        ("none", 404, "session_not_found"),
        ("gone", 409, "session_not_running"),
        ("one?viewer=a%20b", 400, "bad_request"),
        ("one?viewer=", 400, "bad_request"),
        ("one?from=-1", 400, "bad_request"),
    ] {
        for protocol in [Some("llmux.v1"), None] {
            let refusal = ask(&lab, path, protocol).expect_err("it is refused");
            let body: Value = serde_json::from_slice(refusal.body().as_ref().unwrap()).unwrap();
            assert_eq!(
                (refusal.status().as_u16(), &body["code"]),
                (status, &json!(code)),
                "{path}"
            );
            assert_eq!(body["ok"], false);
        }
    }
}

#[test]
fn turns_and_states_come_on_the_same_socket() {
    let lab = Lab::new();
    lab.start("demo", "one", "--delay 50");
    let mut viewer = Viewer::of(&lab, "one");
    viewer.until("it is ready", |v| v.activity["state"] == "ready");
    lab.llmux(["session", "prompt", "one", "hello", "--wait"]).ok();
    viewer.until("the turn ends", |v| {
        v.turns.iter().any(|turn| turn["state"] == "ended")
    });
    let states: Vec<_> = viewer
        .turns
        .iter()
        .map(|turn| turn["state"].as_str().unwrap())
        .collect();
    assert!(states.contains(&"running"), "{states:?}");
    assert_eq!(viewer.turns.last().unwrap()["session"], "one");
    viewer.until("it is ready again", |v| v.activity["state"] == "ready");
    assert!(
        viewer.order.iter().filter(|kind| *kind == "state").count() >= 3,
        "{:?}",
        viewer.order
    );
}

#[test]
fn half_typed_text_of_a_viewer_is_a_draft_to_a_prompt() {
    let lab = Lab::new();
    lab.start("demo", "one", "");
    let mut viewer = Viewer::of(&lab, "one");
    viewer.until("it is ready", |v| v.activity["state"] == "ready");
    viewer.types(b"half a thought");
    viewer.shows("half a thought");
    let refused = lab
        .llmux(["session", "prompt", "one", "hello", "--wait"])
        .fails(10);
    assert!(refused.contains("half a thought"), "{refused}");
}

#[test]
fn what_is_no_message_is_refused_and_never_typed() {
    let lab = Lab::new();
    let file = lab.reader("one");
    let mut viewer = Viewer::of(&lab, "one");
    for (n, text) in [
        "ls",
        "{}",
        "[]",
        r#"{"type":"size","cols":1,"rows":1}"#,
        r#"{"type":"resize","cols":80,"rows":24}"#,
    ]
    .iter()
    .enumerate()
    {
        viewer.sends(Message::text(*text));
        viewer.until("it is refused", |v| v.errors.len() > n);
        assert_eq!(viewer.errors[n]["code"], "bad_request");
    }
    viewer.types(b"x");
    until("what is typed is there", || {
        !std::fs::read(&file).unwrap().is_empty()
    });
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    assert_eq!(lab.session("one").unwrap()["size"], json!([120, 40]));
}

#[test]
fn what_is_no_frame_ends_only_its_own_connection_with_one_goodbye() {
    let lab = Lab::new();
    lab.script("one", "exec cat");
    let mut other = Viewer::of(&lab, "one");
    let large = vec![b'x'; 64 << 10];
    for (bytes, code) in [
        (b"\x82\x01x".to_vec(), 1002),
        (frame(0xf2, b"x"), 1002),
        (frame(0x80, b"x"), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x89, &large[..126]), 1002),
        (frame(0x81, b"\xff\xfe"), 1007),
        (frame(0x82, &[large.as_slice(), b"x"].concat()), 1009),
        ([frame(0x02, &large), frame(0x00, b"x")].concat(), 1009),
        (frame(0x88, &1000_u16.to_be_bytes()), 1000),
        // What follows a goodbye is not looked at.
        (
            [
                frame(0x88, &1000_u16.to_be_bytes()),
                frame(0x88, &1001_u16.to_be_bytes()),
            ]
            .concat(),
            1000,
        ),
    ] {
        let mut raw = Raw::of(&lab, "one");
        raw.writes(&bytes);
        assert_eq!(raw.closes(), [code], "{:?}", &bytes[..bytes.len().min(20)]);
    }
    // Noise, each time another.
    let mut noise: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..100 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise as u8
            })
            .collect();
        Raw::of(&lab, "one").writes(&bytes);
    }
    other.types(b"still here\r");
    other.shows("still here");
    other.until("the others are gone", |v| v.viewers == 1);
}

#[test]
fn pings_are_answered_between_the_parts_of_a_message() {
    let lab = Lab::new();
    let file = lab.reader("one");
    let mut raw = Raw::of(&lab, "one");
    raw.writes(&[frame(0x02, b"a"), frame(0x89, b"there?"), frame(0x80, b"b")].concat());
    while raw.frame().unwrap() != (0xa, b"there?".to_vec()) {}
    until("the message is whole", || std::fs::read(&file).unwrap() == b"ab");
}

#[test]
fn who_tells_what_he_has_drawn_is_not_run_over() {
    let lab = Lab::new();
    lab.waiting("one", &flood(4 << 10));
    let mut viewer = Viewer::of(&lab, "one");
    viewer.shows("ready");
    let (seq, before) = (viewer.seq, viewer.bytes.len());
    viewer.says(&json!({"type": "ack", "seq": seq}));
    viewer.types(b"\r");
    lab.shows("one", "^the end");
    viewer.settle();
    // As many bytes, and one screen; by its number it may be further, for what it was not sent it has not missed.
    let got = viewer.bytes.len() - before;
    assert!(got <= 700 << 10, "{got} bytes without a word");
    for _ in 0..50 {
        let seq = viewer.seq;
        viewer.says(&json!({"type": "ack", "seq": seq}));
        viewer.settle();
    }
    viewer.shows("the end");
    let before = viewer.snapshots;
    viewer.says(&json!({"type": "resync"}));
    viewer.until("a snapshot comes when asked for", |v| v.snapshots > before);
}

#[test]
fn a_frozen_viewer_costs_the_others_nothing() {
    let lab = Lab::new();
    lab.waiting("one", &flood(3 << 10));
    let mut healthy: Vec<Viewer> = (0..4).map(|_| Viewer::of(&lab, "one")).collect();
    // These never read again.
    let frozen: Vec<Raw> = (0..6).map(|_| Raw::of(&lab, "one")).collect();
    let daemon = lab.daemon().unwrap();
    healthy[0].until("all are there", |v| v.viewers == 10);
    let before = rss_kib(daemon);
    healthy[0].types(b"\r");
    for viewer in &mut healthy {
        viewer.shows("the end");
        assert_eq!(viewer.rows().join("\n").trim_end(), lab.screen("one"));
    }
    let grown = rss_kib(daemon).saturating_sub(before);
    assert!(grown < 16 << 10, "the daemon grew by {grown} KiB");
    drop(frozen);
    healthy[0].until("the frozen ones are gone", |v| v.viewers == 4);
}

#[test]
fn two_hundred_viewers_of_a_busy_pane_cost_little_and_all_see_its_end() {
    const VIEWERS: usize = 200;
    let lab = Lab::new();
    lab.waiting("one", &flood(256));
    let daemon = lab.daemon().unwrap();
    let mut first = Viewer::of(&lab, "one");
    let before = rss_kib(daemon);
    let mut crowd: Vec<Viewer> = (1..VIEWERS).map(|_| Viewer::light(&lab, "one")).collect();
    first.until("all are counted", |v| v.viewers == VIEWERS as u64);
    for viewer in &mut crowd {
        viewer.until("it has the screen", |v| v.printed("ready"));
    }
    let grown = rss_kib(daemon).saturating_sub(before);
    assert!(grown / (VIEWERS as u64) < 64, "{grown} KiB for {VIEWERS} viewers");
    first.types(b"\r");
    first.shows("the end");
    for viewer in &mut crowd {
        viewer.until("it sees the end", |v| v.printed("the end"));
    }
    // Written to sockets by one task a viewer, from messages that they share. The flood itself may keep 4 MiB, once.
    let grown = rss_kib(daemon).saturating_sub(before);
    assert!(
        grown < 64 * VIEWERS as u64 + (4 << 10),
        "{grown} KiB for {VIEWERS} viewers of a flood"
    );
}

// === The form of the old program ===

/// Reads text messages until they hold a text; returns them all.
#[track_caller]
fn reads(socket: &mut tungstenite::WebSocket<std::os::unix::net::UnixStream>, wanted: &str) -> String {
    let mut all = String::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !all.contains(wanted) {
        assert!(
            std::time::Instant::now() < deadline,
            "never came: {wanted}\n{all}"
        );
        match socket.read() {
            Ok(Message::Text(text)) => all.push_str(&text),
            Ok(Message::Close(frame)) => {
                let frame = frame.unwrap();
                let code = u16::from(frame.code);
                write!(all, "closed {code} {}", frame.reason).unwrap();
            }
            Ok(Message::Ping(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    all
}

#[test]
fn clients_of_the_old_program_go_on_working() {
    let lab = Lab::new();
    let file = lab.reader("one");
    let mut old = ask(&lab, "one", None).unwrap();
    reads(&mut old, "ready");
    old.send(Message::text(r#"{"type":"resize","cols":70,"rows":20}"#))
        .unwrap();
    until("the pane has its size", || {
        lab.session("one").unwrap()["size"] == json!([70, 20])
    });
    old.send(Message::text(r#"{"type":"resize","cols":99,"rows":33}"#))
        .unwrap();
    until("and the next", || {
        lab.session("one").unwrap()["size"] == json!([99, 33])
    });
    // Neither a bad resize nor anything after a good one is typed.
    old.send(Message::text(r#"{"type":"resize","cols":0,"rows":1e9}"#))
        .unwrap();
    old.send(Message::text("é\r")).unwrap();
    old.send(Message::binary(
        br#"{"type":"resize","cols":1,"rows":1}"#.to_vec(),
    ))
    .unwrap();
    let typed = "é\r{\"type\":\"resize\",\"cols\":1,\"rows\":1}";
    until("it is typed", || {
        std::fs::read(&file).unwrap() == typed.as_bytes()
    });
    assert_eq!(lab.session("one").unwrap()["size"], json!([99, 33]));
}

#[test]
fn the_old_form_is_text_in_which_no_character_is_cut() {
    let lab = Lab::new();
    // Characters of three bytes in writes of one; then what is no UTF-8 at all.
    let cut = "for i in 1 2 3; do for b in 342 202 254; do printf \"\\\\$b\"; sleep 0.02; done; done; printf '\\377!'; exec cat";
    lab.waiting("one", cut);
    let mut old = ask(&lab, "one", None).unwrap();
    reads(&mut old, "ready");
    old.send(Message::text("\r")).unwrap();
    let text = reads(&mut old, "!");
    assert!(text.contains("€€€"), "{text:?}");
    lab.llmux(["session", "stop", "one"]).ok();
    let end = reads(&mut old, "closed");
    assert!(end.contains("closed 4040 pty exited code="), "{end}");
}
