//! How fast control mode is read. Throughput counts decoded bytes: what the panes printed, not what tmux wrote.
//!
//! Each stream comes in lines of 2730 bytes (one busy pane) and of 69 (twenty busy panes), and is fed in bulk, as
//! 4 KiB reads and in 69-byte pieces. `memchr` only splits the same bytes into lines and `memchr and keep` also copies
//! them where items live: the two limits beside it.

use std::{fmt::Write, hint::black_box, time::Duration};

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use llmux_protocol::control::{Demux, Item};

const STREAM_BYTES: usize = 1 << 20;
const VIM: &[u8] = include_bytes!("vim-3.3a.cc");

/// Log lines of different lengths.
fn text() -> Vec<u8> {
    let mut text = String::new();
    for n in 0.. {
        let words = "the quick brown fox jumps over the lazy dog ".repeat(n % 4);
        writeln!(text, "{n:>8} {words}and line {n} ends here\r").expect("writing to a string works");
        if text.len() >= STREAM_BYTES {
            break;
        }
    }
    text.into_bytes()
}

/// Cursor moves and colours with a few letters between them, as full-screen programs print.
fn cup_sgr() -> Vec<u8> {
    let mut text = String::new();
    for n in 0.. {
        let (row, col, colour) = (n * 7 % 50 + 1, n * 31 % 200 + 1, n % 256);
        let word = &"abcdefghijkl"[..n % 12];
        write!(text, "\x1b[{row};{col}H\x1b[38;5;{colour}m{word}").expect("writing to a string works");
        if text.len() >= STREAM_BYTES {
            break;
        }
    }
    text.into_bytes()
}

/// What vim printed, over and over.
fn vim() -> Vec<u8> {
    let mut printed = Vec::new();
    Demux::new().feed(VIM, &mut |item| {
        if let Item::Output { data, .. } = item {
            printed.extend_from_slice(&data);
        }
    });
    printed.iter().copied().cycle().take(STREAM_BYTES).collect()
}

/// Writes what a pane printed as tmux does.
fn as_tmux(printed: &[u8], line_bytes: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for part in printed.chunks(line_bytes) {
        lines.extend_from_slice(b"%output %12 ");
        for &byte in part {
            match byte {
                ..0x20 | b'\\' => lines.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
                _ => lines.push(byte),
            }
        }
        lines.push(b'\n');
    }
    lines
}

fn demux(lines: &[u8], chunk_bytes: usize) -> usize {
    let mut demux = Demux::new();
    let mut bytes = 0;
    for chunk in lines.chunks(chunk_bytes) {
        demux.feed(chunk, &mut |item| {
            if let Item::Output { data, .. } = &item {
                bytes += data.len();
            }
            black_box(item);
        });
    }
    bytes
}

fn split(lines: &[u8]) -> usize {
    let mut rest = lines;
    let mut bytes = 0;
    while let Some(at) = memchr::memchr(b'\n', rest) {
        bytes += black_box(&rest[..at]).len();
        rest = &rest[at + 1..];
    }
    bytes
}

/// What reading can't do without: each line copied into an allocation that its neighbours share.
fn split_and_keep(lines: &[u8], chunk_bytes: usize) -> usize {
    let mut arena = BytesMut::new();
    let mut bytes = 0;
    for chunk in lines.chunks(chunk_bytes) {
        arena.reserve(chunk.len());
        let mut rest = chunk;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            arena.extend_from_slice(&rest[..at]);
            bytes += black_box(arena.split().freeze()).len();
            rest = &rest[at + 1..];
        }
    }
    bytes
}

fn control(criterion: &mut Criterion) {
    for (name, printed) in [("text", text()), ("cup+sgr", cup_sgr()), ("vim", vim())] {
        for line_bytes in [2730, 69] {
            let lines = as_tmux(&printed, line_bytes);
            let mut group = criterion.benchmark_group(format!("{name} in lines of {line_bytes} B"));
            group.throughput(Throughput::Bytes(printed.len() as u64));
            group.bench_function("memchr", |bench| bench.iter(|| split(black_box(&lines))));
            group.bench_function("memchr and keep", |bench| {
                bench.iter(|| split_and_keep(black_box(&lines), 64 << 10));
            });
            for (size, chunk_bytes) in [("bulk", 64 << 10), ("4 KiB", 4 << 10), ("69 B", 69)] {
                let id = BenchmarkId::new("demux", size);
                group.bench_function(id, |bench| bench.iter(|| demux(black_box(&lines), chunk_bytes)));
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    targets = control
}
criterion_main!(benches);
