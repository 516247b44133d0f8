//! What a screen costs in memory: a test binary of its own, so that nothing else runs in its process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, io::Write as _};

use llmux::screen::{SCROLLBACK_LINES, Screen, Size};

/// The most that a screen of 120x40 may cost, in KiB.
const LIMIT: usize = 700;
const SCREENS: usize = 100;

#[test]
fn a_full_screen_stays_small_also_on_the_alternate_screen_and_after_a_resize() {
    // Lets the allocator and the code settle.
    drop(full_screen());
    let before = resident();
    let mut screens: Vec<Screen> = (0..SCREENS).map(|_| full_screen()).collect();
    check("full", before);
    for screen in &mut screens {
        screen.feed(b"\x1b[?1049h\x1b[2Jalternate");
    }
    check("alternate", before);
    for screen in &mut screens {
        screen.resize(Size::new(100, 30));
        screen.resize(Size::new(120, 40));
    }
    check("alternate, resized", before);
    for screen in &mut screens {
        screen.feed(b"\x1b[?1049l\r\n\n\n");
    }
    check("resized", before);
}

/// A screen of 120x40 with every row written, also those of the scrollback; fed a row at a time.
fn full_screen() -> Screen {
    let mut screen = Screen::new(Size::new(120, 40));
    let mut row = Vec::new();
    for number in 0..2 * SCROLLBACK_LINES {
        row.clear();
        write!(row, "{number:>120}\r\n").unwrap();
        screen.feed(&row);
    }
    assert_eq!(screen.scrollback().len(), SCROLLBACK_LINES);
    screen
}

fn check(what: &str, before: usize) {
    let each = resident().saturating_sub(before) / SCREENS;
    eprintln!("{what}: {each} KiB a screen");
    assert!(each <= LIMIT, "{what}: {each} KiB a screen");
}

/// The resident memory of this process in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
