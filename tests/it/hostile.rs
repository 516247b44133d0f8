//! Strangers who mean ill and viewers who sleep: what they may hold, and that nobody else notices.

use std::{
    io::Read,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SendFlags, SocketFlags, SocketType},
    process::{Resource, getrlimit},
};

use crate::{
    http::Api,
    lab::{Lab, signal},
    network::{ends, foreground},
    outside::rss_kib,
    socket::flood,
    viewer::{Raw, Viewer},
};

/// How many strangers come.
const STRANGERS: u64 = 10_000;
/// Descriptors that this test needs for other things.
const OTHERS: u64 = 200;

/// Begins a connection and waits for nothing.
fn knock(address: SocketAddr) -> OwnedFd {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => socket,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn ten_thousand_half_open_connections_cost_a_bounded_sum_and_the_owner_nothing() {
    let lab = Lab::new();
    let daemon = foreground(&lab, &[]);
    lab.start("shell", "x", "");
    let before = rss_kib(daemon.id());
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let strangers = STRANGERS.min(most - OTHERS);
    if strangers < STRANGERS {
        eprintln!("{strangers} instead of {STRANGERS}: the limit on descriptors is {most}");
    }
    let host: IpAddr = lab.host().parse().unwrap();
    let held: Vec<OwnedFd> = (0..strangers).map(|_| knock((host, 3001).into())).collect();
    // Half of those who are in say half a word, in turn.
    for socket in held.iter().step_by(2) {
        let _ = rustix::net::send(socket, b"GET /hea", SendFlags::NOSIGNAL);
    }
    lab.prompt("x", "echo still $((1+1))");
    lab.shows("x", "^still 2$");
    let grown = rss_kib(daemon.id()).saturating_sub(before);
    // 48 KiB for each of the 4,096 who are in; a release needs less, for its futures are smaller.
    assert!(grown < 192 << 10, "{strangers} strangers cost {grown} KiB");
    drop(held);
    Api::network(&lab).get("/health").is(200);
    ends(daemon);
}

#[test]
fn viewers_that_are_stopped_cost_the_others_nothing_in_a_flood() {
    let lab = Lab::new();
    let megabytes = std::env::var("LLMUX_TEST_FLOOD_MB").map_or(16, |text| text.parse().unwrap());
    lab.waiting("one", &flood(megabytes << 10));
    let mut healthy = [Viewer::light(&lab, "one"), Viewer::light(&lab, "one")];
    let mut process = lab.spawn(["session", "watch", "one"]);
    let mut output = process.stdout.take().unwrap();
    reads(&mut output, "ready");
    signal(process.id(), "STOP");
    let frozen: Vec<Raw> = (0..4).map(|_| Raw::of(&lab, "one")).collect();
    healthy[0].until("all are there", |v| v.viewers == 6);
    let daemon = lab.daemon().unwrap();
    let before = rss_kib(daemon);
    healthy[0].types(b"\r");
    let readers = healthy.each_mut().map(|viewer| viewer as &mut Viewer);
    std::thread::scope(|scope| {
        for viewer in readers {
            scope.spawn(|| viewer.reads_to("the end"));
        }
    });
    let grown = rss_kib(daemon).saturating_sub(before);
    assert!(grown < 32 << 10, "the daemon grew by {grown} KiB");
    drop(frozen);
    healthy[0].until("the frozen ones are gone", |v| v.viewers == 2);
    // Who wakes up sees the end, not all that it slept through.
    signal(process.id(), "CONT");
    let woken = reads(&mut output, "the end");
    assert!(woken < 8 << 20, "{woken} bytes");
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Reads until a text has come; returns how many bytes that took.
fn reads(from: &mut impl Read, text: &str) -> usize {
    let (mut all, mut tail) = (0, Vec::new());
    let mut piece = vec![0; 64 << 10];
    while !String::from_utf8_lossy(&tail).contains(text) {
        let count = from.read(&mut piece).unwrap();
        assert!(count > 0, "it ended without {text}");
        all += count;
        let kept = tail.len().min(text.len());
        tail.drain(..tail.len() - kept);
        tail.extend_from_slice(&piece[..count]);
    }
    all
}
