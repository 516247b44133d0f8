//! `session attach` over the WebSocket, and `session watch`, in a real terminal: tmux is the terminal.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use crate::{
    lab::{LLMUX, Lab, eventually, signal, until},
    viewer::Viewer,
};

/// A terminal with a shell that runs `llmux`, and says how it and the terminal are afterwards.
struct Terminal<'a> {
    lab: &'a Lab,
    label: String,
}

impl<'a> Terminal<'a> {
    #[track_caller]
    fn attaches(lab: &'a Lab, args: &str, size: (u16, u16)) -> Self {
        Self::runs(lab, &format!("session attach --via socket {args}"), size)
    }

    #[track_caller]
    fn runs(lab: &'a Lab, args: &str, (cols, rows): (u16, u16)) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let label = format!(
            "terminal-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let terminal = Self { lab, label };
        let conf = lab.path("terminal.conf");
        fs::write(&conf, "set -g status off\nset -g prefix None\n").expect("a file");
        let script = format!(
            "stty -g > before; env -u TMUX {LLMUX} {args}; echo \"exit $?\"; \
             stty -g > after; cmp before after && echo same; exec cat"
        );
        let (conf, cols, rows) = (conf.to_string_lossy(), cols.to_string(), rows.to_string());
        terminal.tmux(&[
            "-f",
            &conf,
            "new-session",
            "-d",
            "-x",
            &cols,
            "-y",
            &rows,
            &script,
        ]);
        terminal
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        self.lab.tmux([&["-L", &self.label], args].concat()).ok()
    }

    fn sees(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        let mut seen = String::new();
        let is_shown = (0..3000).any(|_| {
            seen = self.sees();
            seen.contains(text) || {
                std::thread::sleep(std::time::Duration::from_millis(10));
                false
            }
        });
        assert!(is_shown, "the terminal shows {text:?}, not\n{seen}");
    }

    #[track_caller]
    fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "--", text]);
    }

    #[track_caller]
    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// The process that is attached.
    #[track_caller]
    fn process(&self) -> u32 {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        eventually("it runs", || {
            let children = format!("/proc/{0}/task/{0}/children", shell.trim());
            fs::read_to_string(children)
                .ok()?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
    }

    /// Waits until it has ended with this code, and the terminal is as before.
    #[track_caller]
    fn is_restored(&self, code: i32) {
        self.shows(&format!("exit {code}"));
        self.shows("same");
        let modes = "#{alternate_on}#{mouse_any_flag}#{cursor_flag}#{bracket_paste_flag}";
        let modes = self.tmux(&["display-message", "-p", modes]);
        assert!(modes.trim().starts_with("001"), "{modes}");
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.lab.tmux(["-L", &self.label, "kill-server"]);
    }
}

fn size_of(lab: &Lab) -> serde_json::Value {
    lab.session("one").expect("it is there")["size"].clone()
}

#[test]
fn a_session_is_shown_in_the_terminals_size_typed_into_and_left() {
    let lab = Lab::new();
    lab.script("one", "stty size; exec cat");
    let terminal = Terminal::attaches(&lab, "one", (93, 31));
    terminal.shows("40 120");
    until("the pane has its size", || size_of(&lab) == json!([93, 31]));
    terminal.types("some text");
    terminal.presses("Enter");
    lab.shows("one", "^some text");
    terminal.shows("some text\nsome text");
    terminal.tmux(&["resize-window", "-x", "101", "-y", "33"]);
    until("the pane follows it", || size_of(&lab) == json!([101, 33]));
    terminal.presses("C-]");
    terminal.is_restored(0);
    terminal.shows("[detached from one]");
    assert_eq!(size_of(&lab), json!([101, 33]));
    lab.is("one", "running");
}

#[test]
fn who_only_looks_types_and_resizes_nothing_and_may_choose_the_key_to_leave() {
    let lab = Lab::new();
    lab.script("one", "printf 'ready\\r\\n'; exec cat");
    let terminal = Terminal::attaches(&lab, "one --read-only --detach-key ^a", (120, 40));
    terminal.shows("ready");
    terminal.types("nothing");
    terminal.presses("C-]");
    let mut viewer = Viewer::of(&lab, "one");
    viewer.types(b"something\r");
    terminal.shows("something");
    assert!(!terminal.sees().contains("nothing"));
    assert_eq!(size_of(&lab), json!([120, 40]));
    terminal.presses("C-a");
    terminal.is_restored(0);
}

#[test]
fn the_terminal_is_restored_however_it_ends() {
    let lab = Lab::new();
    let messy = "printf '\\033[?1049h\\033[?1000h\\033[?25l\\033[?2004hmess'; read x; exit 3";
    lab.script("one", messy);
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 143)] {
        let terminal = Terminal::attaches(&lab, "one", (90, 30));
        terminal.shows("mess");
        signal(terminal.process(), name);
        terminal.is_restored(code);
    }
    let terminal = Terminal::attaches(&lab, "one", (90, 30));
    terminal.shows("mess");
    terminal.presses("Enter");
    terminal.is_restored(0);
    terminal.shows("[session ended with exit status 3]");
    lab.is("one", "exited");
    for (args, words) in [("one", "not running"), ("none", "none")] {
        let terminal = Terminal::attaches(&lab, args, (90, 30));
        terminal.shows("hint: ");
        terminal.shows("same");
        assert!(terminal.sees().contains(words));
    }
    let no_terminal = lab.llmux(["session", "attach", "--via", "socket", "one"]);
    assert_ne!(no_terminal.code, 0);
}

#[test]
fn a_terminal_that_only_watched_is_restored_too() {
    let lab = Lab::new();
    let messy = "printf '\\033[?1049h\\033[?1000h\\033[?25l\\033[?2004hmess'; exec cat";
    lab.script("one", messy);
    let terminal = Terminal::runs(&lab, "session watch one", (120, 40));
    terminal.shows("mess");
    signal(terminal.process(), "INT");
    terminal.is_restored(130);
    lab.is("one", "running");
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let lab = Lab::new();
    lab.script("one", "printf 'ready\\r\\n'; exec cat");
    let terminal = Terminal::attaches(&lab, "one", (90, 30));
    terminal.shows("ready");
    lab.crash();
    terminal.shows("connection lost");
    // The next command starts the next daemon.
    assert!(lab.daemon().is_none());
    lab.llmux(["session", "list"]).ok();
    until("the word about it is gone", || {
        !terminal.sees().contains("connection lost")
    });
    terminal.types("here again");
    terminal.presses("Enter");
    terminal.shows("here again\nhere again");
    lab.crash();
    terminal.shows("connection lost");
    terminal.presses("C-]");
    terminal.is_restored(0);
}
