//! What only a real tmux can prove: that it reads our commands as they are meant. Uses `LLMUX_TEST_TMUX` or `tmux`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::{fs, io::Write};

use llmux_protocol::{
    PaneId, SessionId, SessionName, WindowId,
    control::{
        BufferName, CapturePart, Command, CommandLine, DisplayTarget, Format, PaneTarget, SessionTarget,
        Size, WindowTarget,
    },
};
use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

mod private_tmux;

use private_tmux::PrivateTmux;

const HUB: SessionId = SessionId(0);

/// Texts that mean something to tmux, to its formats or to a shell.
const NASTY: &[&str] = &[
    "",
    "-",
    "--",
    "-t",
    ";",
    " ; kill-server",
    "\" ; kill-server ; \"",
    "' ; kill-server ; '",
    "\n kill-server\n",
    "\r\nkill-server\r\n",
    "} kill-server {",
    "%if 1",
    "#{pid}",
    "#(touch CANARY)",
    "##(touch CANARY)",
    "#[#(touch CANARY)",
    "$(touch CANARY)",
    "`touch CANARY`",
    "~",
    "$HOME",
    "${HOME}",
    "\\",
    "\\\"",
    "\\n",
    "\\u0041",
    "a\0b",
    "\u{1b}[201~",
    "日本語 é",
    "# comment",
    "FOO=bar",
    "\u{ff}\u{7f}",
    "%1:pause",
    "=",
    "{mouse}",
    "!",
];

fn name(text: &str) -> SessionName {
    text.parse().unwrap()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn new_session(session: &str, argv: &[&str]) -> Command {
    let size = Size { cols: 100, rows: 30 };
    Command::NewSession {
        name: name(session),
        size,
        cwd: None,
        env: vec![],
        argv: words(argv),
    }
}

fn one_line(commands: impl IntoIterator<Item = Command>) -> CommandLine {
    let mut commands = commands.into_iter();
    let first = CommandLine::new(commands.next().unwrap());
    commands.fold(first, CommandLine::then)
}

fn agent(tmux: &mut PrivateTmux) -> (SessionId, WindowId, PaneId) {
    let ids = tmux.ok(new_session("agent", &["cat", "-"]));
    let mut ids = ids.split(' ');
    let mut id = || ids.next().unwrap();
    (
        id().parse().unwrap(),
        id().parse().unwrap(),
        id().parse().unwrap(),
    )
}

fn round_trip(tmux: &mut PrivateTmux, number: u64, data: Vec<u8>) {
    let buffer = BufferName(number);
    let expected: Vec<u8> = data.iter().copied().filter(|byte| *byte != 0).collect();
    tmux.ok(Command::SetBuffer { buffer, data });
    assert_eq!(tmux.saved(buffer), expected);
}

#[test]
fn any_bytes_become_one_word() {
    let mut tmux = PrivateTmux::start();
    round_trip(&mut tmux, 0, (0..=255).collect());
    for (number, nasty) in (1..).zip(NASTY.iter().filter(|nasty| !nasty.is_empty())) {
        round_trip(&mut tmux, number, nasty.as_bytes().to_vec());
    }
    let mut runner = TestRunner::default();
    for number in 1000..1060 {
        let data = vec(any::<u8>(), 1..300).new_tree(&mut runner).unwrap().current();
        round_trip(&mut tmux, number, [data, vec![b'.'; 1]].concat());
    }
}

#[test]
fn hostile_text_never_makes_another_command() {
    let mut tmux = PrivateTmux::start();
    let (session, window, pane) = agent(&mut tmux);
    for (number, nasty) in (0..).zip(NASTY) {
        let nasty = nasty.to_string();
        let buffer = BufferName(number);
        let list = Command::ListPanes {
            format: Format::new("#{pane_id}"),
        };
        let commands = [
            Command::SetBuffer {
                buffer,
                data: nasty.clone().into_bytes(),
            },
            Command::LoadBuffer {
                buffer,
                path: nasty.clone(),
            },
            Command::TagPane {
                pane: PaneTarget::Id(pane),
                tag: nasty.clone(),
            },
            Command::SetEnvironment {
                session,
                name: "LLMUX_TEST",
                value: nasty.clone(),
            },
            Command::DetachClient {
                client: format!("{nasty}no-such-client"),
            },
            Command::NewSession {
                name: name(&format!("n{number}")),
                size: Size { cols: 80, rows: 24 },
                cwd: Some(nasty.clone()),
                env: vec![
                    (nasty.clone(), nasty.clone()),
                    ("LLMUX_TEST".into(), nasty.clone()),
                ],
                argv: vec![nasty.clone(), nasty.clone()],
            },
        ];
        for command in commands {
            tmux.at_most(CommandLine::new(command.clone()).then(list.clone()));
        }
    }
    let alive = Command::ResizeWindow {
        window,
        size: Size { cols: 90, rows: 20 },
    };
    tmux.ok(alive);
    assert!(!tmux.home.join("CANARY").exists(), "a format or a shell ran");
}

#[test]
fn a_tag_and_a_variable_read_back_as_they_were() {
    let mut tmux = PrivateTmux::start();
    let (session, _, pane) = agent(&mut tmux);
    for nasty in NASTY
        .iter()
        .filter(|text| !text.contains(|c: char| c.is_control()))
    {
        let tag = Command::TagPane {
            pane: PaneTarget::Of(name("agent")),
            tag: nasty.to_string(),
        };
        let show = Command::Display {
            target: DisplayTarget::Pane(pane),
            format: Format::new("#{@llmux}"),
        };
        assert_eq!(tmux.ok(CommandLine::new(tag).then(show)), *nasty);
        let set = Command::SetEnvironment {
            session,
            name: "LLMUX_TEST",
            value: nasty.to_string(),
        };
        let show = Command::ShowEnvironment {
            session,
            name: "LLMUX_TEST",
        };
        assert_eq!(
            tmux.ok(CommandLine::new(set).then(show)),
            format!("LLMUX_TEST={nasty}")
        );
    }
}

#[test]
fn a_program_gets_its_words_and_variables_as_they_are() {
    let mut tmux = PrivateTmux::start();
    let fits = |text: &&&str| !text.contains(|c: char| c.is_control());
    let nasty: Vec<&str> = NASTY.iter().filter(fits).copied().collect();
    let script = "printf '<%s>' \"$@\" \"$NASTY\"; printf END; exec cat";
    let argv = [&["sh", "-c", script, "sh"], &nasty[..]].concat();
    let command = Command::NewSession {
        name: name("agent"),
        size: Size { cols: 200, rows: 50 },
        cwd: None,
        env: vec![("NASTY".into(), "a=#{pid};\" $HOME ~".into())],
        argv: words(&argv),
    };
    let link = Command::LinkWindow {
        from: WindowTarget::Of(name("agent")),
        hub: HUB,
    };
    // The output may come before the reply to the line behind: read on from this line only.
    tmux.stdin
        .write_all(&CommandLine::new(command).then(link).encode())
        .unwrap();
    let printed = tmux.printed(PaneId(1), b"END");
    let expected: String = "<".to_owned() + &nasty.join("><") + ">";
    assert_eq!(
        String::from_utf8_lossy(&printed),
        expected + "<a=#{pid};\" $HOME ~>END"
    );
}

#[test]
fn every_command_answers_once() {
    let mut tmux = PrivateTmux::start();
    let (session, window, pane) = agent(&mut tmux);
    let format = Format::new("#{session_id}");
    let size = Size { cols: 90, rows: 20 };
    let buffer = BufferName(1);
    let file = tmux.home.join("c#d");
    fs::write(&file, "from a file").unwrap();
    let path = file.to_str().unwrap().to_owned();
    let paste = |bracketed| Command::PasteBuffer {
        buffer,
        pane,
        bracketed,
        verbatim: false,
    };
    let filled = Command::SetBuffer {
        buffer,
        data: b"x".to_vec(),
    };
    let commands = [
        Command::TagPane {
            pane: PaneTarget::Id(pane),
            tag: "t".into(),
        },
        Command::KeepSessionUnattached {
            session: SessionTarget::Id(HUB),
        },
        Command::KeepSessionUnattached {
            session: SessionTarget::Named(name("agent")),
        },
        Command::DetachOnDestroy { session: HUB },
        Command::HideStatus { session: HUB },
        Command::LinkWindow {
            from: WindowTarget::Id(window),
            hub: HUB,
        },
        Command::ResizeWindow { window, size },
        Command::UnpinWindowSize { window },
        filled.clone(),
        paste(true),
        filled.clone(),
        paste(false),
        filled,
        Command::DeleteBuffer { buffer },
        Command::LoadBuffer { buffer, path },
        Command::LeaveMode { pane },
        Command::SendNul { pane },
        Command::Display {
            target: DisplayTarget::Pane(pane),
            format,
        },
        Command::Display {
            target: DisplayTarget::Session(session),
            format,
        },
        Command::Display {
            target: DisplayTarget::None,
            format,
        },
        Command::ListPanes { format },
        Command::RenameSession {
            session,
            name: name("renamed"),
        },
        Command::SetEnvironment {
            session,
            name: "A",
            value: "b".into(),
        },
        Command::ShowEnvironment { session, name: "A" },
        Command::PauseAfter { secs: 5 },
        Command::PausePane(pane),
        Command::ContinuePane(pane),
        Command::ShowServerOption {
            name: "exit-unattached",
        },
        Command::ShowServerOption {
            name: "no-such-option",
        },
    ];
    tmux.ok(one_line(commands));
    assert_eq!(tmux.saved(buffer), b"from a file");
    tmux.ok(Command::UnlinkWindow { window, hub: HUB });
    tmux.ok(new_session("second", &["cat", "-"]));
    tmux.ok(Command::KillSession(session));
    tmux.ok(Command::KillPane(PaneId(2)));
    tmux.ok(new_session("third", &["cat", "-"]));
    tmux.ok(Command::KillWindow(WindowId(3)));
}

#[test]
fn every_part_of_a_pane_can_be_captured() {
    let mut tmux = PrivateTmux::start();
    let (_, _, pane) = agent(&mut tmux);
    let parts = [
        CapturePart::Visible,
        CapturePart::History { lines: 5 },
        CapturePart::Saved,
        CapturePart::Pending,
    ];
    tmux.ok(one_line(parts.map(|part| Command::Capture { pane, part })));
}

#[test]
fn a_new_session_answers_its_ids_and_has_its_size() {
    let mut tmux = PrivateTmux::start();
    let (session, window, pane) = agent(&mut tmux);
    assert_eq!((session, window, pane), (SessionId(1), WindowId(1), PaneId(1)));
    let resize = Command::ResizeWindow {
        window,
        size: Size { cols: 91, rows: 31 },
    };
    let format = Format::new("#{window_width}x#{window_height} #{window-size}");
    let show = Command::Display {
        target: DisplayTarget::Pane(pane),
        format,
    };
    let line = CommandLine::new(resize)
        .then(Command::UnpinWindowSize { window })
        .then(show);
    assert_eq!(tmux.ok(line), "91x31 latest");
}

#[test]
fn after_a_failure_the_rest_of_the_line_is_not_run() {
    let mut tmux = PrivateTmux::start();
    let line = CommandLine::new(Command::KillPane(PaneId(77))).then(Command::ListPanes {
        format: Format::new("#{session_id}"),
    });
    let replies = tmux.replies(line);
    assert_eq!(replies.len(), 1);
    assert!(!replies[0].ok);
}
