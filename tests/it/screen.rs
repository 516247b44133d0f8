//! Recordings of real agents, shown by our screen and by a real tmux: both must show the same.
//!
//! The tmux is the one in `LLMUX_TEST_TMUX`, else the one in `PATH`, on a private server.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use llmux::screen::{Capture, Filter, Modes, Mouse, Screen, Size, TerminalState};

/// How many places each recording is cut at; the last one is its end.
const CUTS: usize = 8;
/// The known differences: titles with a character that is newer than the C library's tables (here U+1FABF, a
/// goose), so that tmux takes them for invalid and keeps the title before.
const TITLES_TMUX_REFUSES: [&str; 1] = ["🪿 demo-project"];
const SIZE: Size = Size { cols: 120, rows: 40 };

#[test]
fn the_screen_shows_what_tmux_shows() {
    let tmux = PrivateTmux::start();
    for (name, recording) in recordings() {
        for (cut, screen) in cuts(&recording) {
            let pane = tmux.pane(&recording[..cut]);
            let at = format!("{name} cut at {cut}");
            let capture = tmux.capture(&pane, "-J");
            assert_eq!(
                screen.rows().join("\n"),
                tmux.rows(&pane).join("\n"),
                "rows of {at}"
            );
            assert_state(&screen, &capture.state, &at);
            tmux.kill(&pane);
        }
    }
}

/// Where terminals differ, and alacritty from tmux: what the recordings have little of.
const FUNCTIONS: &[&str] = &[
    // At the end of a row: going back, tabs, erasing, inserting, restoring, line feeds.
    "\x1b[1;115H123456\x08x",
    "\x1b[1;115H123456\x1b[2Dx",
    "\x1b[1;115H123456\tx",
    "\x1b[1;115H123456\x1b[Kx",
    "\x1b[1;115H123456\x1b[2Xx",
    "\x1b[1;115H123456\x1b[@x",
    "\x1b[1;115H123456\x1b[Px",
    "\x1b[1;115H123456\x1b[Jx",
    "\x1b[1;115H123456\x1b7\x1b[H\x1b8x",
    "\x1b[1;115H123456\nx",
    "\x1b[1;115H1234567\x08\x08x",
    "\x1b[1;115H12345日x",
    "\x1b[?7l\x1b[1;115H1234567\x08x",
    // Tabs.
    "\tx\x1b[3g\x1b[1;5H\x1bH\r\ty\tz\x1b[Zw",
    "\x1b[2Ix\x1b[Zy\t\tz\x1b[2Zw",
    // The scroll region and the origin.
    "\x1b[5;10r\x1b[12;1Ha\x1b[20Ab\x1b[7;1Hc\x1b[20Ad\x1b[20Be",
    "\x1b[5;10r\x1b[?6h\x1b[2;2Ha\x1b[5Gb\x1b[Ac\x1b[3dd\x1b[20Be",
    "\x1b[5;10r\x1b[?6h\x1b7\x1b[?6l\x1b8\x1b[2;2Ha",
    "\x1b[5;5ra",
    "\x1b[10;5ra",
    "\x1b[3;6r\x1b[6;1Ha\nb\nc\x1b[3;1H\x1bMd\x1b[2Se\x1b[1Tf",
    "a\r\nb\r\nc\x1b[2;1H\x1b[Ld\x1b[3;1H\x1b[Me",
    // Erasing.
    "ab\r\ncd\r\nef\x1b[2;2H\x1b[1Jx",
    "ab\r\ncd\r\nef\x1b[3;2H\x1b[1Jx",
    "ab\r\ncd\x1b[H\x1b[Jx",
    "ab\r\ncd\x1b[2Jx",
    // The alternate screen, entered and left in each way.
    "ab\x1b[?1049hcd\x1b[5;5Hef\x1b[?1049lgh",
    "ab\x1b[?47hcd\x1b[5;5Hef\x1b[?47lgh",
    "ab\x1b[?1047hcd\x1b[5;5Hef\x1b[?1047lgh",
    "ab\x1b[3;3H\x1b7\x1b[?1049h\x1b[9;9H\x1b7\x1b[?1049l\x1b8gh",
    "\x1b[1;115H123456\x1b[?1049h\x1b[?1049lx",
    "\x1b[1;115H123456\x1b[?1049hx",
    "\x1b[?1049h\x1b[3;3Hab\x1bccd",
    // Resets and fills.
    "ab\x1b[5;10r\x1b[?1h\x1b=\x1b[4h\x1b[?1003h\x1b[31m\x1bccd",
    "\x1b[5;10r\x1b[7;7H\x1b#8a",
    // Character sets.
    "\x1b(0lqk\x1b(B\x1b)0\x0emqj\x0fx\x1b7\x0eq\x1b8q",
    // Mouse modes: the last one counts, and any off is all off.
    "\x1b[?1003h\x1b[?1000h\x1b[?1005h\x1b[?1006h",
    "\x1b[?1003h\x1b[?1000l\x1b[?1006h\x1b[?1006l",
    "ab\x1b[3bx",
    "\x1b[4habc\x1b[Hx\x1b[4ly",
    "\x1b[3;4Hab\x1b[sxy\x1b[uz\x1b[2Eb\x1b[Fc",
];

#[test]
fn control_functions_do_what_they_do_in_tmux() {
    let tmux = PrivateTmux::start();
    for stream in FUNCTIONS {
        let mut screen = Screen::new(SIZE);
        screen.feed(stream.as_bytes());
        let at = stream.escape_debug().to_string();
        let pane = tmux.pane(stream.as_bytes());
        let shown = tmux.capture(&pane, "-N");
        // Not tmux.rows(): without attributes a capture does not tell line drawing from letters.
        let mut restored = Screen::new(SIZE);
        restored.restore(&shown);
        assert_eq!(screen.rows(), restored.rows(), "rows of {at}");
        assert_state(&screen, &shown.state, &at);
        let replayed = tmux.pane(&screen.snapshot());
        assert_eq!(tmux.state(&replayed), tmux.state(&pane), "state of {at}");
    }
}

#[test]
fn a_snapshot_shows_the_same_in_tmux() {
    let tmux = PrivateTmux::start();
    for (name, recording) in recordings() {
        for (cut, screen) in cuts(&recording) {
            let at = format!("{name} cut at {cut}");
            let original = tmux.pane(&recording[..cut]);
            let replayed = tmux.pane(&screen.snapshot());
            assert_same_cells(&tmux.cells(&replayed), &tmux.cells(&original), &at);
            assert_eq!(tmux.state(&replayed), tmux.state(&original), "state of {at}");
            tmux.kill(&original);
            tmux.kill(&replayed);
        }
    }
}

#[test]
fn a_restored_screen_shows_what_tmux_shows() {
    let tmux = PrivateTmux::start();
    for (name, recording) in recordings() {
        for (cut, fed) in cuts(&recording) {
            let at = format!("{name} cut at {cut}");
            let original = tmux.pane(&recording[..cut]);
            let mut screen = Screen::new(Size::new(10, 10));
            screen.feed(b"what was here before");
            let capture = tmux.capture(&original, "-J");
            screen.restore(&capture);
            assert_eq!(
                screen.rows().join("\n"),
                tmux.rows(&original).join("\n"),
                "rows of {at}"
            );
            assert_state(&screen, &capture.state, &at);
            assert_eq!(screen.scrollback(), fed.scrollback(), "scrollback of {at}");
            let replayed = tmux.pane(&screen.snapshot());
            assert_same_cells(&tmux.cells(&replayed), &tmux.cells(&original), &at);
            tmux.kill(&original);
            tmux.kill(&replayed);
        }
    }
}

#[test]
fn a_snapshot_shows_the_same_in_a_second_screen_and_continues() {
    for (name, recording) in recordings() {
        for (cut, mut screen) in cuts(&recording) {
            let mut copy = Screen::new(SIZE);
            copy.feed(&screen.snapshot());
            for rest in [&b""[..], &recording[cut..]] {
                let rest = Filter::new().push(Bytes::copy_from_slice(rest), &mut Vec::new());
                screen.feed(&rest);
                copy.feed(&rest);
                assert_eq!(copy.rows(), screen.rows(), "{name} cut at {cut}");
                assert_eq!(copy.scrollback(), screen.scrollback(), "{name} cut at {cut}");
                assert_eq!(copy.cursor(), screen.cursor(), "{name} cut at {cut}");
                assert_eq!(copy.modes(), screen.modes(), "{name} cut at {cut}");
                assert_eq!(copy.snapshot(), screen.snapshot(), "{name} cut at {cut}");
            }
        }
    }
}

/// The recordings: what each agent wrote to its pane of 120x40.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension() == Some(OsStr::new("raw")));
    paths.sort();
    assert!(paths.len() >= 15);
    paths
        .iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into(),
                fs::read(path).unwrap(),
            )
        })
        .collect()
}

/// The screen at some places of a recording, each outside of any sequence and character.
fn cuts(recording: &[u8]) -> Vec<(usize, Screen)> {
    let mut cuts = Vec::new();
    for nth in 1..=CUTS {
        let mut filter = Filter::new();
        let mut end = recording.len() * nth / CUTS;
        let mut out = filter
            .push(Bytes::copy_from_slice(&recording[..end]), &mut Vec::new())
            .to_vec();
        let between = |filter: &Filter, end: usize| {
            !filter.is_waiting() && recording.get(end).is_none_or(|byte| byte & 0xc0 != 0x80)
        };
        while !between(&filter, end) {
            out.extend(filter.push(Bytes::copy_from_slice(&recording[end..=end]), &mut Vec::new()));
            end += 1;
        }
        let mut screen = Screen::new(SIZE);
        // In pieces, as output comes.
        out.chunks(69).for_each(|piece| screen.feed(piece));
        cuts.push((end, screen));
    }
    cuts
}

fn assert_state(screen: &Screen, state: &TerminalState, at: &str) {
    let mouse = match () {
        () if state.mouse_any => Mouse::Motion,
        () if state.mouse_button => Mouse::Drag,
        () if state.mouse_standard => Mouse::Click,
        () => Mouse::Off,
    };
    let told = Modes {
        alternate: state.alternate,
        app_cursor: state.app_cursor,
        app_keypad: state.app_keypad,
        wrap: state.wrap,
        insert: state.insert,
        origin: state.origin,
        mouse,
        mouse_sgr: state.mouse_sgr,
        mouse_utf8: state.mouse_utf8,
        // tmux does not tell about the others, or not in every version.
        ..screen.modes()
    };
    assert_eq!(screen.modes(), told, "modes of {at}");
    let cursor = screen.cursor();
    let (x, y) = state.cursor;
    assert_eq!(
        (cursor.col, cursor.row),
        (x.min(SIZE.cols - 1), y),
        "cursor of {at}"
    );
    assert_eq!(cursor.visible, state.cursor_visible, "cursor of {at}");
    // Without a title from the program tmux shows the host's name.
    if !screen.title().is_empty() && !TITLES_TMUX_REFUSES.contains(&screen.title()) {
        assert_eq!(screen.title(), state.title.trim(), "title of {at}");
    }
}

fn assert_same_cells(left: &[Vec<Cell>], right: &[Vec<Cell>], at: &str) {
    for (row, (left, right)) in left.iter().zip(right).enumerate() {
        assert_eq!(left, right, "row {row} of {at}");
    }
    assert_eq!(left.len(), right.len(), "{at}");
}

/// A character with the attributes that tmux says it has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell(char, Pen);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Pen {
    attributes: BTreeSet<String>,
    fg: String,
    bg: String,
    underline: String,
}

impl Pen {
    /// Reads what tmux writes, with a reader that has nothing to do with the screen's.
    fn sgr(&mut self, parameters: &str) {
        let mut parts = parameters.split(';');
        while let Some(part) = parts.next() {
            match part {
                "" | "0" => *self = Self::default(),
                "39" => self.fg.clear(),
                "49" => self.bg.clear(),
                "38" | "48" | "58" => {
                    let count = if parts.next() == Some("2") { 3 } else { 1 };
                    let color: Vec<&str> = parts.by_ref().take(count).collect();
                    *self.color(part) = color.join(";");
                }
                color if color.starts_with(['3', '9']) && color.len() == 2 => color.clone_into(&mut self.fg),
                color if color.starts_with("10") || color.starts_with('4') && color.len() == 2 => {
                    color.clone_into(&mut self.bg);
                }
                attribute => drop(self.attributes.insert(attribute.to_owned())),
            }
        }
    }

    fn color(&mut self, parameter: &str) -> &mut String {
        match parameter {
            "38" => &mut self.fg,
            "48" => &mut self.bg,
            _ => &mut self.underline,
        }
    }
}

/// Reads a capture with attributes. Blanks at the end of a row are left out: `capture-pane` tells of those that
/// were written, but not of those that an erase coloured, so they say nothing about what is seen.
fn cells(capture: &str) -> Vec<Vec<Cell>> {
    let mut pen = Pen::default();
    let row = |line: &str| {
        let mut row = Vec::new();
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if let Some(sequence) = rest.strip_prefix("\x1b[") {
                let end = sequence.find('m').expect("tmux writes SGR only");
                pen.sgr(&sequence[..end]);
                rest = &sequence[end + 1..];
            } else {
                row.push(Cell(c, pen.clone()));
                rest = &rest[c.len_utf8()..];
            }
        }
        row.truncate(
            row.iter()
                .rposition(|cell| cell.0 != ' ')
                .map_or(0, |last| last + 1),
        );
        row
    };
    capture.lines().map(row).collect()
}

/// A tmux server of our own, which dies with it.
struct PrivateTmux {
    program: String,
    name: String,
    home: tempfile::TempDir,
    panes: AtomicU32,
}

const STATE: &str = "#{alternate_on} #{insert_flag} #{keypad_cursor_flag} #{keypad_flag} #{wrap_flag} \
    #{origin_flag} #{mouse_all_flag} #{mouse_button_flag} #{mouse_standard_flag} #{mouse_sgr_flag} \
    #{mouse_utf8_flag} #{cursor_flag} #{cursor_x} #{cursor_y} #{scroll_region_upper} #{scroll_region_lower} \
    #{?alternate_on,#{alternate_saved_x},0} #{?alternate_on,#{alternate_saved_y},0} #{s/ *$//:pane_title}";

impl PrivateTmux {
    fn start() -> Self {
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let nth = SERVERS.fetch_add(1, Ordering::Relaxed);
        let tmux = Self {
            program: std::env::var("LLMUX_TEST_TMUX").unwrap_or_else(|_| "tmux".into()),
            name: format!("llmux-test-{}-{nth}", std::process::id()),
            home: tempfile::tempdir().unwrap(),
            panes: AtomicU32::new(0),
        };
        tmux.run(&["new-session", "-d", "-s", "keep", "exec sleep 1000"]);
        // The end of a pane's output is told by a window name, which is no part of the screen.
        tmux.run(&["set-option", "-wg", "allow-rename", "on"]);
        tmux
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["-u", "-L", &self.name, "-f", "/dev/null"])
            .args(arguments)
            .env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8");
        command
            .env("HOME", self.home.path())
            .env("TMUX_TMPDIR", self.home.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A pane that has shown the bytes; its id.
    fn pane(&self, bytes: &[u8]) -> String {
        let nth = self.panes.fetch_add(1, Ordering::Relaxed);
        let file = self.home.path().join(nth.to_string());
        fs::write(&file, bytes).unwrap();
        let program = format!(
            "stty raw -echo; cat '{}'; printf '\\033kshown-{nth}\\033\\\\'; exec sleep 1000",
            file.display()
        );
        let (cols, rows) = (SIZE.cols.to_string(), SIZE.rows.to_string());
        let new = [
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{pane_id}",
            "-x",
            &cols,
            "-y",
            &rows,
            &program,
        ];
        let pane = self.run(&new).trim().to_owned();
        let shown = format!("shown-{nth}");
        let deadline = Instant::now() + Duration::from_secs(30);
        while self
            .run(&["display-message", "-p", "-t", &pane, "#{window_name}"])
            .trim()
            != shown
        {
            assert!(Instant::now() < deadline, "tmux does not show all of the output");
            std::thread::yield_now();
        }
        pane
    }

    fn kill(&self, pane: &str) {
        self.run(&["kill-pane", "-t", pane]);
    }

    fn state(&self, pane: &str) -> String {
        self.run(&["display-message", "-p", "-t", pane, STATE])
    }

    /// The visible rows, as text without trailing blanks.
    fn rows(&self, pane: &str) -> Vec<String> {
        let capture = self.run(&["capture-pane", "-p", "-t", pane]);
        capture
            .lines()
            .map(|line| line.trim_end_matches(' ').to_owned())
            .collect()
    }

    fn cells(&self, pane: &str) -> Vec<Vec<Cell>> {
        cells(&self.run(&["capture-pane", "-p", "-e", "-t", pane]))
    }

    fn lines(&self, pane: &str, form: &str, more: &[&str]) -> Vec<Bytes> {
        let capture = self.run(&[&["capture-pane", "-p", "-e", form, "-t", pane], more].concat());
        capture
            .lines()
            .map(|line| Bytes::copy_from_slice(line.as_bytes()))
            .collect()
    }

    /// What the daemon would ask for; `-J` joins rows that wrapped, `-N` does not.
    fn capture(&self, pane: &str, form: &str) -> Capture {
        let answer = self.state(pane);
        let mut words = answer.trim_end_matches('\n').splitn(19, ' ');
        let mut number = || words.next().unwrap().parse::<u32>().unwrap_or(0) as u16;
        let mut flag = || number() == 1;
        let state = TerminalState {
            alternate: flag(),
            insert: flag(),
            app_cursor: flag(),
            app_keypad: flag(),
            wrap: flag(),
            origin: flag(),
            mouse_any: flag(),
            mouse_button: flag(),
            mouse_standard: flag(),
            mouse_sgr: flag(),
            mouse_utf8: flag(),
            cursor_visible: flag(),
            cursor: (number(), number()),
            scroll_region: (number(), number()),
            saved_cursor: (number(), number()),
            title: words.next().unwrap().to_owned(),
            bracketed_paste: None,
        };
        let history = self.run(&["display-message", "-p", "-t", pane, "#{history_size}"]);
        let history = match history.trim() {
            "0" => Vec::new(),
            _ => self.lines(pane, form, &["-S", "-100", "-E", "-1"]),
        };
        let saved = state.alternate.then(|| self.lines(pane, form, &["-a"]));
        Capture {
            size: SIZE,
            history,
            visible: self.lines(pane, form, &[]),
            saved,
            pending: Bytes::new(),
            state,
        }
    }
}

impl Drop for PrivateTmux {
    fn drop(&mut self) {
        drop(self.command(&["kill-server"]).output());
    }
}
