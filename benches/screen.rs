//! Bytes per second through the filter and the screen, and what a snapshot costs.

use std::{fs, hint::black_box, path::Path};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llmux::screen::{Filter, Screen, Size};

/// Bytes of output per line of tmux: when one pane is busy, and when many are.
const CHUNKS: [usize; 2] = [2730, 69];

fn inputs() -> Vec<(&'static str, Bytes)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    let recording = |name: &str| Bytes::from(fs::read(dir.join(name)).expect("the recording is a fixture"));
    let text = "The quick brown fox jumps over the lazy dog, and 123 more words follow it.\r\n".repeat(2000);
    vec![
        ("plain text", text.into()),
        ("qwen", recording("qwen-0.24.4.raw")),
        ("codex", recording("codex-0.169.0.raw")),
        ("grok", recording("grok-1.0.41-approval.raw")),
    ]
}

fn chunks(input: &Bytes, size: usize) -> impl Iterator<Item = Bytes> + '_ {
    (0..input.len())
        .step_by(size)
        .map(move |at| input.slice(at..input.len().min(at + size)))
}

fn screen() -> Screen {
    Screen::new(Size::new(120, 40))
}

fn throughput(criterion: &mut Criterion) {
    for (name, input) in inputs() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(input.len() as u64));
        for size in CHUNKS {
            group.bench_function(format!("filter, chunks of {size}"), |bencher| {
                let mut signals = Vec::new();
                bencher.iter(|| {
                    let mut filter = Filter::new();
                    chunks(&input, size).for_each(|chunk| drop(black_box(filter.push(chunk, &mut signals))));
                    signals.clear();
                });
            });
            // One screen for all rounds: the first history of a screen costs 1 or 2 ms once.
            group.bench_function(format!("screen, chunks of {size}"), |bencher| {
                let mut screen = screen();
                bencher.iter(|| chunks(&input, size).for_each(|chunk| screen.feed(&chunk)));
            });
            group.bench_function(format!("filter and screen, chunks of {size}"), |bencher| {
                let (mut screen, mut filter, mut signals) = (screen(), Filter::new(), Vec::new());
                bencher.iter(|| {
                    chunks(&input, size).for_each(|chunk| screen.feed(&filter.push(chunk, &mut signals)));
                    signals.clear();
                });
            });
        }
        group.finish();
    }
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a full screen");
    for (name, input) in inputs() {
        let mut screen = screen();
        // Half of it: at its end an agent has left the screen.
        screen.feed(&input[..input.len() / 2]);
        group.bench_function(format!("snapshot of {name}"), |bencher| {
            bencher.iter(|| screen.snapshot());
        });
        group.bench_function(format!("rows of {name}"), |bencher| {
            bencher.iter(|| screen.rows());
        });
        // As the oracle reads it: a line more at each look.
        group.bench_function(format!("page of {name}"), |bencher| {
            bencher.iter(|| {
                screen.feed(b"\r\n");
                screen.page()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, throughput, reading);
criterion_main!(benches);
