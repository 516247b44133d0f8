//! What is typed: byte for byte, past copy mode, and never a tmux command.

use std::{fs, path::Path};

use crate::{
    lab::{Lab, Run, signal, until},
    outside::Human,
};

#[track_caller]
fn holds(file: &Path, bytes: &[u8]) {
    until("all of it arrived", || {
        fs::metadata(file).is_ok_and(|meta| meta.len() >= bytes.len() as u64)
    });
    let got = fs::read(file).unwrap();
    let first = got.iter().zip(bytes).position(|(a, b)| a != b);
    assert!(
        got == bytes,
        "{} bytes for {}, first difference at {first:?}",
        got.len(),
        bytes.len()
    );
}

/// Trap 1: text sent as keys obeys a copy mode's key table, and `f` there blocks the connection for ever.
#[test]
fn a_human_in_copy_mode_keeps_it_and_the_prompts_arrive() {
    let lab = Lab::new();
    let got = lab.reader("one");
    let human = Human::sits_at(&lab, "one", (100, 30));
    let mode = || lab.format("=one:", "#{pane_mode}");
    human.presses(&["C-b", "["]);
    until("copy mode is on", || mode() == "copy-mode");
    let mut typed = Vec::new();
    for text in ["f", ":", "q", "/", "x"] {
        lab.prompt("one", text);
        typed.extend_from_slice(text.as_bytes());
        typed.push(b'\r');
    }
    holds(&got, &typed);
    assert_eq!(mode(), "copy-mode");
    assert_eq!(lab.reconnects(), 0);
    lab.agrees("one");
}

/// Trap 1, the worse half: in the tree, `x` asks to kill and `y` agrees.
#[test]
fn a_human_in_the_tree_kills_nothing_by_our_prompts() {
    let lab = Lab::new();
    let got = lab.reader("one");
    lab.script("two", "echo here; read x");
    let human = Human::sits_at(&lab, "one", (100, 30));
    let mode = || lab.format("=one:", "#{pane_mode}");
    human.presses(&["C-b", "s"]);
    until("the tree is shown", || mode() == "tree-mode");
    for text in ["x", "y", "X", "y"] {
        lab.prompt("one", text);
    }
    holds(&got, b"x\ry\rX\ry\r");
    assert_eq!(mode(), "tree-mode");
    assert_eq!(lab.session("two").unwrap()["state"], "running");
    assert_eq!(lab.reconnects(), 0);
}

/// Texts that would be something else to tmux's parser, its formats, a shell or a careless encoder.
const HOSTILE: &[&str] = &[
    "-R",
    "--",
    "-t =two: x",
    ";",
    "a;",
    "\\;",
    "; kill-server",
    "\" ; kill-server ; \"",
    "' ; kill-server ; '",
    "} ; kill-server ; {",
    "$(touch pwned)",
    "`touch pwned`",
    "#(touch pwned)",
    "#{pane_id} #S #[fg=red]",
    "%if 1",
    "%begin 1 1 1",
    "%end 1 1 1",
    "%exit",
    "%5:pause",
    "# comment",
    "FOO=bar",
    "~ ~root $HOME ${HOME} \\$HOME",
    "\\",
    "\\\\",
    "\\n \\033[201~ \\u0041 \\x41",
    "two\nlines\n  and a third",
    "\ttab\t",
    "  leading and trailing  ",
    "日本語 🦀 é e\u{301} \u{202e}rtl \u{feff}",
    "\u{80}\u{9b}31m\u{9f}",
    "\u{ff} ÿ \u{10ffff}",
    "C-c",
    "Enter",
    "{ } [ ] ( ) < > | & ! ? * ^",
    "\u{1b}[201~; rm -rf /",
    "\u{1b}]52;c;cHduZWQ=\u{7}",
    "nul\0nul",
];

/// What of a prompt reaches the program: no control characters but tab and line feed.
fn typed(text: &str) -> Vec<u8> {
    let kept: String = text
        .chars()
        .filter(|&c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect();
    let mut bytes = kept.into_bytes();
    bytes.push(b'\r');
    bytes
}

/// A text of any characters, the same for the same seed.
fn random_text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as u32
    };
    let length = 1 + next() % 300;
    let body: String = (0..length)
        .map(|_| match next() % 4 {
            0 => char::from_u32(next() % 0x11_0000).unwrap_or('\u{ff}'),
            1 => char::from_u32(next() % 0x100).expect("Latin-1"),
            _ => char::from_u32(0x20 + next() % 0x5f).expect("ASCII"),
        })
        .map(|c| if c == '\r' { '\n' } else { c })
        .collect();
    format!("<{body}>")
}

/// Trap 13: a prompt is data, whatever it looks like.
#[test]
fn a_hostile_prompt_arrives_as_it_is_and_runs_nothing() {
    let lab = Lab::new();
    let names = ["r0", "r1", "r2", "r3"];
    let readers = names.map(|name| lab.reader(name));
    let random: Vec<String> = (0..48).map(random_text).collect();
    let texts: Vec<&str> = HOSTILE
        .iter()
        .copied()
        .chain(random.iter().map(String::as_str))
        .collect();
    std::thread::scope(|scope| {
        for (at, (name, file)) in names.into_iter().zip(&readers).enumerate() {
            let mine: Vec<&str> = texts.iter().copied().skip(at).step_by(names.len()).collect();
            let lab = &lab;
            scope.spawn(move || {
                let mut wanted = Vec::new();
                for text in mine {
                    lab.prompt(name, text);
                    wanted.extend(typed(text));
                    holds(file, &wanted);
                }
            });
        }
    });
    assert!(!lab.path("work/pwned").exists() && !lab.path("pwned").exists());
    assert_eq!(lab.reconnects(), 0);
    for command in lab.commands() {
        let name = command.split_whitespace().next().unwrap_or_default();
        assert!(SAID.contains(&name), "the server was told: {command}");
    }
}

/// The commands that a start and prompts need, and those of this harness.
const SAID: &[&str] = &[
    "capture-pane",
    "display-message",
    "link-window",
    "list-panes",
    "list-sessions",
    "new-session",
    "paste-buffer",
    "load-buffer",
    "refresh-client",
    "set-buffer",
    "set-environment",
    "set-option",
    "show-environment",
    "show-messages",
    "show-options",
];

/// Trap 14: what is typed must not be read in the message log, nor make the server big.
#[test]
fn a_prompt_of_one_mebibyte_arrives_whole_and_stays_out_of_the_message_log() {
    let lab = Lab::new();
    let got = lab.reader("one");
    let mut text: String = (0_u32..)
        .map(|n| format!("secret-{n} ünïcödé\n"))
        .take(60_000)
        .collect();
    let mut end = (1 << 20) - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    let text = text.trim_end_matches('\n').to_owned() + ".";
    assert!(text.len() > (1 << 20) - 64 && text.len() <= 1 << 20);
    lab.prompt("one", &text);
    holds(&got, format!("{text}\r").as_bytes());
    let log = lab.tmux(["show-messages"]).ok();
    assert!(!log.contains("secret-"), "{log}");
    assert_eq!(lab.tmux(["list-buffers"]).ok(), "");
    let run = lab.path("run/llmux");
    let left: Vec<_> = fs::read_dir(run)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("paste-")),
        "{left:?}"
    );
}

/// Four senders and one pane: what they send stands one after the other.
#[test]
fn two_senders_never_mix_inside_one_prompt() {
    let lab = Lab::new();
    let got = lab.reader("one");
    let senders = ["a", "b", "c", "d"];
    // Small ones travel in the command, large ones in a file.
    let text = |sender: &str, at: usize| {
        sender.repeat(if at.is_multiple_of(2) { 100 } else { 9000 }) + &at.to_string()
    };
    std::thread::scope(|scope| {
        for sender in senders {
            let lab = &lab;
            scope.spawn(move || (0..6).for_each(|at| lab.prompt("one", &text(sender, at))));
        }
    });
    let total: usize = senders
        .iter()
        .flat_map(|s| (0..6).map(|at| text(s, at).len() + 1))
        .sum();
    until("all arrived", || {
        fs::metadata(&got).unwrap().len() as usize >= total
    });
    let got = String::from_utf8(fs::read(&got).unwrap()).unwrap();
    let mut lines: Vec<String> = got.split_terminator('\r').map(str::to_owned).collect();
    let of = |sender: &str| {
        lines
            .iter()
            .filter(|line| line.starts_with(sender))
            .cloned()
            .collect::<Vec<_>>()
    };
    for sender in senders {
        assert_eq!(of(sender), (0..6).map(|at| text(sender, at)).collect::<Vec<_>>());
    }
    lines.sort();
    assert_eq!(lines.len(), senders.len() * 6);
}

#[test]
fn a_prompt_for_a_pane_that_just_died_leaves_nothing_to_read() {
    let lab = Lab::new();
    lab.reader("one");
    let daemon = lab.daemon().expect("a daemon runs");
    let pane = lab.format("=one:", "#{pane_id}");
    signal(daemon, "STOP");
    let prompt = lab.spawn(["session", "prompt", "one", "--now", "secret"]);
    lab.tmux(["kill-pane", "-t", &pane]).ok();
    signal(daemon, "CONT");
    let said = Run::from(prompt.wait_with_output().unwrap()).fails(13);
    assert!(
        said.contains("not running") || said.contains("has ended"),
        "{said}"
    );
    assert_eq!(lab.tmux(["list-buffers"]).ok(), "");
}
