use alacritty_terminal::term::cell::Flags;
use proptest::prelude::*;

use super::*;

fn screen(cols: u16, rows: u16, input: &[u8]) -> Screen {
    let mut screen = Screen::new(Size::new(cols, rows));
    screen.feed(input);
    screen
}

fn texts(rows: &[Arc<str>]) -> Vec<&str> {
    rows.iter().map(|row| &**row).collect()
}

/// A second screen made from the snapshot of a first.
fn replayed(screen: &Screen) -> Screen {
    let mut copy = Screen::new(screen.size());
    copy.feed(&screen.snapshot());
    copy
}

fn assert_same(copy: &Screen, screen: &Screen) {
    assert_eq!(copy.rows(), screen.rows());
    assert_eq!(copy.scrollback(), screen.scrollback());
    assert_eq!(copy.cursor(), screen.cursor());
    assert_eq!(copy.modes(), screen.modes());
    assert_eq!(copy.title(), screen.title());
    assert_eq!(
        copy.snapshot().escape_ascii().to_string(),
        screen.snapshot().escape_ascii().to_string()
    );
}

#[test]
fn a_size_has_bounds() {
    assert_eq!(Size::new(0, 0), Size { cols: 2, rows: 1 });
    assert_eq!(
        Size::new(u16::MAX, u16::MAX),
        Size {
            cols: 1000,
            rows: 1000
        }
    );
    assert_eq!(
        Screen::new(Size { cols: 1, rows: 0 }).size(),
        Size { cols: 2, rows: 1 }
    );
}

#[test]
fn a_row_is_its_text() {
    let screen = screen(10, 3, "日e\u{301}x  \r\n\tt".as_bytes());
    assert_eq!(texts(&screen.rows()), ["日e\u{301}x", "        t", ""]);
    assert_eq!(screen.row(99), "");
}

#[test]
fn a_character_cut_anywhere_survives_with_its_neighbours() {
    let text = "é € 日\u{301}─ á";
    for cut in 0..=text.len() {
        let mut screen = screen(20, 2, &text.as_bytes()[..cut]);
        screen.feed(&text.as_bytes()[cut..]);
        assert_eq!(screen.row(0), text, "cut at {cut}");
    }
}

#[test]
fn output_after_a_cut_character_continues_the_snapshot() {
    let text = "a€".as_bytes();
    let mut copy = replayed(&screen(20, 2, &text[..2]));
    copy.feed(&text[2..]);
    assert_eq!(copy.row(0), "a€");
}

#[test]
fn a_synchronised_update_shows_at_once() {
    assert_eq!(screen(20, 2, b"before \x1b[?2026hINSIDE").row(0), "before INSIDE");
}

#[test]
fn nothing_sets_the_memory_on_fire() {
    // A wide character in the narrowest screen, endless combining characters, titles and links.
    let mut screen = screen(0, 0, "日本".as_bytes());
    screen.feed("\u{301}".repeat(100_000).as_bytes());
    assert!(screen.snapshot().len() < 1000);
    for _ in 0..100 {
        screen.feed(&[&b"\x1b]2;"[..], &b"t".repeat(60_000), b"\x07\x1b[22t"].concat());
    }
    assert_eq!(screen.title().len(), 1024);
    screen.feed(&[&b"\x1b]8;;http://"[..], &b"u".repeat(60_000), b"\x07x"].concat());
    // Sixteen titles are the most of it.
    assert!(screen.snapshot().len() < 18 * 1024);
}

#[test]
fn leaving_the_alternate_screen_brings_back_the_primary() {
    let mut screen = screen(20, 3, b"primary\x1b[31m\x1b[?1049h\x1b[H\x1b[32malternate");
    assert_eq!(texts(&screen.rows()), ["alternate", "", ""]);
    screen.resize(Size::new(10, 4));
    let mut copy = replayed(&screen);
    for screen in [&mut screen, &mut copy] {
        screen.feed(b"\x1b[?1049l!");
        assert_eq!(texts(&screen.rows()), ["primary!", "", "", ""]);
    }
    assert_same(&copy, &screen);
}

#[test]
fn the_history_stays_and_is_bounded() {
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}")).collect();
    let mut screen = screen(20, 3, lines.join("\r\n").as_bytes());
    assert_eq!(screen.scrollback(), lines[200 - 3 - SCROLLBACK_LINES..200 - 3]);
    screen.feed(b"\x1b[?1049h");
    assert_eq!(screen.scrollback().len(), SCROLLBACK_LINES);
    assert_same(&replayed(&screen), &screen);
}

#[test]
fn a_wrapped_row_reflows_also_after_a_snapshot() {
    let screen = screen(10, 4, "0123456789abc\r\n123456789日".as_bytes());
    let mut copy = replayed(&screen);
    copy.resize(Size::new(20, 4));
    assert_eq!(texts(&copy.rows()), ["0123456789abc", "123456789日", "", ""]);
}

#[test]
fn the_background_of_erased_cells_survives_and_does_not_leak() {
    let screen = screen(
        10,
        3,
        b"\x1b[41m\x1b[2J\x1b[m\x1b[Hab\x1b[2;1H\x1b[44m0123456789x\x1b[K\x1b[my\r\n\n",
    );
    assert_same(&replayed(&screen), &screen);
    let mut wrapped = Screen::new(Size::new(10, 3));
    wrapped.feed(b"\r\n\n\x1b[41m0123456789x\x1b[m");
    assert_same(&replayed(&wrapped), &wrapped);
}

#[test]
fn a_snapshot_keeps_what_the_program_will_rely_on() {
    let states: &[&[u8]] = &[
        b"\x1b[1;3;4:3;5;7;38;5;1;48;2;1;2;3;58;5;9mpen",
        b"0123456789",
        "12345678日".as_bytes(),
        b"\x1b[5;5H\x1b[31m\x1b7\x1b[m\x1b[H",
        b"\x1b[2;4r\x1b[?6h\x1b[2;3Hx",
        b"\x1b[2;4r\x1b[?6h\x1b7\x1b[?6l\x1b[H",
        b"\x1b[3g\x1b[1;4H\x1bH\x1b[H",
        b"\x1b(0qqq\x1b)0\x0e",
        b"\x1b(0\x1b7\x1b(B",
        b"\x1b[?1h\x1b=\x1b[?7l\x1b[4h\x1b[20h\x1b[?1003h\x1b[?1005h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?25l",
        b"\x1b[3 q",
        b"\x1b]2;title\x07",
        b"\x1b]4;1;rgb:01/02/03\x07\x1b]11;#102030\x07",
        b"\x1b]8;id=a;http://x\x1b\\link\x1b]8;;\x1b\\no",
        b"\x1b[?1049h\x1b[2;2H\x1b[7mx",
    ];
    for state in states {
        let screen = screen(10, 5, state);
        let mut copy = replayed(&screen);
        assert_same(&copy, &screen);
        let fresh = Screen::new(screen.size());
        assert_ne!(screen.snapshot(), fresh.snapshot(), "{state:?}");
        let mut screen = screen;
        for screen in [&mut screen, &mut copy] {
            screen.feed(b"a\tb\r\n\n\n\n\n\nc\x1b8d\x1b[?1049l");
        }
        assert_same(&copy, &screen);
    }
}

#[test]
fn a_restored_screen_keeps_what_tmux_cannot_tell() {
    let mut screen = screen(10, 3, b"old\x1b[?2004h\x1b[?1004h\x1b[31m\x1b[2;3r\x1b[3");
    let state = TerminalState {
        wrap: true,
        cursor: (10, 1),
        scroll_region: (0, 2),
        ..TerminalState::default()
    };
    let line = Bytes::from_static;
    let mut capture = Capture {
        size: Size::new(10, 3),
        history: vec![line(b"\x1b[44mhistory that wraps"), line(b"\x1b[mplain")],
        visible: vec![
            line(b"one"),
            line(b"0123456789"),
            line(b"\x1b[31m\x1b)0\x0eqq\x0f"),
        ],
        saved: None,
        pending: Bytes::new(),
        state,
    };
    screen.restore(&capture);
    assert_eq!(texts(&screen.rows()), ["one", "0123456789", "──"]);
    assert_eq!(screen.scrollback(), ["history th", "at wraps", "plain"]);
    let modes = screen.modes();
    assert!(modes.bracketed_paste && modes.focus_events && modes.wrap);
    screen.feed(b"x");
    assert_eq!(screen.row(2), "x─", "the cursor waited to wrap");
    capture.state.bracketed_paste = Some(false);
    screen.restore(&capture);
    assert!(!screen.modes().bracketed_paste);
}

#[test]
fn a_capture_of_any_shape_is_taken() {
    let lines = vec![Bytes::from_static(b"too long for this \x1b[3"); 9];
    let capture = Capture {
        size: Size { cols: 0, rows: 0 },
        history: lines.clone(),
        visible: lines,
        saved: None,
        pending: Bytes::from_static(b"\x1b["),
        state: TerminalState {
            alternate: true,
            cursor: (900, 900),
            saved_cursor: (900, 900),
            origin: true,
            scroll_region: (7, 65535),
            ..TerminalState::default()
        },
    };
    let mut screen = Screen::new(Size::new(80, 24));
    screen.restore(&capture);
    assert_eq!(screen.size(), Size::new(2, 1));
}

/// Output made of what programs print: text, controls and sequences with small numbers.
///
/// Without REP (`CSI b`): which character came last is the one thing a snapshot does not keep.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let csi = (
        0_u16..14,
        0_u16..14,
        prop::sample::select(b"ABCDEFGHIJKLMPSTXZ@`adefrsu".to_vec()),
    )
        .prop_map(|(a, b, last)| format!("\x1b[{a};{b}{}", char::from(last)));
    let sgr = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "3",
        "4",
        "4:3",
        "5",
        "7",
        "8",
        "9",
        "21",
        "22",
        "31",
        "97",
        "42",
        "105",
        "38;5;200",
        "48;2;1;2;3",
        "58;5;3",
        "39",
        "49",
    ])
    .prop_map(|parameter| format!("\x1b[{parameter}m"));
    let mode = (
        prop::sample::select(vec![
            "?1", "?7", "?25", "?47", "?1047", "?1049", "?1000", "?1002", "?1003", "?1004", "?1005", "?1006",
            "?2004", "?2026", "4", "20",
        ]),
        prop::sample::select(vec!['h', 'l']),
    )
        .prop_map(|(mode, set)| format!("\x1b[{mode}{set}"));
    let other = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\x08",
        "\t",
        "日",
        "e\u{301}",
        "\u{301}",
        "👍",
        "─",
        "\x1b7",
        "\x1b8",
        "\x1bM",
        "\x1bD",
        "\x1bE",
        "\x1bH",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x0e",
        "\x0f",
        "\x1b=",
        "\x1b>",
        "\x1b#8",
        "\x1bc",
        "\x1b[3g",
        "\x1b]2;t\x07",
        "\x1b]8;;http://x\x07",
        "\x1b]8;;\x07",
        "\x1b]4;3;#102030\x07",
        "\x1b[5 q",
    ])
    .prop_map(str::to_owned);
    let piece = prop_oneof![4 => "[a-z ]{0,15}", 4 => csi, 2 => sgr, 1 => mode, 4 => other];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Whether the cursor waits to wrap in a row that wraps already, where a line feed brought it: only the last character
/// drawn again makes it wait, and that row then wraps no more.
fn waits_where_a_row_wraps(screen: &Screen) -> bool {
    let grid = screen.terminal.grid();
    let row = &grid[grid.cursor.point.line];
    grid.cursor.input_needs_wrap && row[grid.last_column()].flags.contains(Flags::WRAPLINE)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_snapshot_and_what_follows_equal_the_original(
        (cols, rows) in (4_u16..14, 0_u16..7),
        before in output(),
        after in output(),
    ) {
        let mut original = screen(cols, rows, &before);
        prop_assume!(!waits_where_a_row_wraps(&original));
        let mut copy = replayed(&original);
        prop_assert_eq!(copy.snapshot().escape_ascii().to_string(), original.snapshot().escape_ascii().to_string());
        original.feed(&after);
        copy.feed(&after);
        prop_assert_eq!(copy.rows(), original.rows());
        prop_assert_eq!(copy.cursor(), original.cursor());
        prop_assert_eq!(copy.modes(), original.modes());
    }

    #[test]
    fn no_bytes_and_no_size_make_it_panic(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..50), output(), 0_u16..12, 0_u16..12), 0..6),
    ) {
        let mut screen = Screen::new(Size::new(8, 4));
        for (noise, output, cols, rows) in pieces {
            screen.feed(&noise);
            screen.resize(Size::new(cols, rows));
            screen.feed(&output);
            replayed(&screen);
            assert_whole(&mut screen);
            prop_assert!(screen.scrollback().len() <= SCROLLBACK_LINES);
        }
    }
}

#[test]
fn lit_rows_keep_what_has_a_background_of_its_own() {
    let mut screen = Screen::new(Size::new(20, 4));
    screen.feed(b"plain\r\n  \x1b[46m1. Yes\x1b[49m\r\n");
    // A panel of one colour, a button of another.
    screen.feed("\x1b[48;5;234m  \x1b[48;5;215m漢 \x1b[48;5;234m No \x1b[K\x1b[m\r\n".as_bytes());
    screen.feed(b"a \x1b[7mb\x1b[m c");
    assert_eq!(texts(&screen.page().lit), ["", "  1. Yes", "  漢", "  b"]);
}

#[test]
fn bright_rows_leave_out_what_is_dim_and_keep_the_columns() {
    let mut screen = Screen::new(Size::new(20, 3));
    screen.feed("> a\x1b[2mb漢c\x1b[22md\r\n".as_bytes());
    // A cursor drawn on the first cell of a placeholder, and one on the blank behind a draft.
    screen.feed(b"> \x1b[7mA\x1b[27m\x1b[2msk me\x1b[m\r\n> go\x1b[7m \x1b[m");
    assert_eq!(texts(&screen.page().bright), ["> a    d", ">", "> go"]);
    assert_eq!(texts(&screen.rows()), ["> ab漢cd", "> Ask me", "> go"]);
}

#[test]
fn a_page_holds_what_has_left_the_screen_once() {
    let mut screen = Screen::new(Size::new(20, 3));
    let mut fed = 0;
    // Few rows a look, more than are counted, and more than are kept.
    for rows in [1, 5, 5, 30, 1, 119, 120, 121, 500, 2] {
        for _ in 0..rows {
            screen.feed(format!("{fed}\r\n").as_bytes());
            fed += 1;
        }
        assert_whole(&mut screen);
    }
    // Cleared, and filled again in one feed.
    screen.feed(b"\x1b[3Ja\r\nb\r\nc\r\nd\r\ne\r\n");
    assert_whole(&mut screen);
}

fn assert_whole(screen: &mut Screen) {
    let page = screen.page();
    let (above, visible) = page.rows.split_at(page.first_visible);
    assert_eq!(visible, screen.rows());
    if !screen.modes().alternate {
        assert_eq!(texts(above), screen.scrollback());
    }
    assert_eq!(page.continued.len(), page.rows.len());
}
