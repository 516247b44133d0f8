//! What only a real tmux can prove: that it reads our commands as they are meant. Uses `LLMUX_TEST_TMUX` or `tmux`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::{
    env, fs,
    io::{Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command as Process, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use llmux_protocol::{
    PaneId, SessionId, SessionName, WindowId,
    control::{
        BufferName, CapturePart, Command, CommandLine, Demux, DisplayTarget, Format, Item, Notice,
        PaneTarget, Reply, SessionTarget, Size, WindowTarget,
    },
};
use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

const PATIENCE: Duration = Duration::from_secs(20);
const SYNC: Format = Format::new("llmux-test-sync");
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

/// A tmux server of our own with a control client attached to the session `hub`.
struct PrivateTmux {
    socket: String,
    home: PathBuf,
    client: Child,
    stdin: ChildStdin,
    items: Receiver<Item>,
}

impl PrivateTmux {
    fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = format!(
            "llmux-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let home = env::temp_dir().join(&socket);
        fs::create_dir_all(&home).unwrap();
        let mut client = tmux(&socket, &home)
            .args([
                "-f",
                "/dev/null",
                "-u",
                "-C",
                "new-session",
                "-s",
                "hub",
                "exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
        let (sender, items) = channel();
        thread::spawn(move || read(stdout, &sender));
        let mut tmux = Self {
            socket,
            home,
            client,
            stdin,
            items,
        };
        tmux.wait("the first session", |item| {
            matches!(item, Item::Notice(Notice::SessionChanged { .. }))
        });
        tmux
    }

    fn wait(&mut self, what: &str, wanted: impl Fn(&Item) -> bool) -> Item {
        loop {
            let item = self
                .items
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|e| panic!("no {what}: {e}"));
            assert!(
                !matches!(item, Item::Notice(Notice::Exit { .. })),
                "tmux left while waiting for {what}"
            );
            if wanted(&item) {
                return item;
            }
        }
    }

    /// Sends a line and gives all replies to it, found by the reply to another line behind it.
    fn replies(&mut self, line: impl Into<CommandLine>) -> Vec<Reply> {
        let sync = CommandLine::new(Command::Display {
            target: DisplayTarget::None,
            format: SYNC,
        });
        self.stdin
            .write_all(&[line.into().encode(), sync.encode()].concat())
            .unwrap();
        let mut replies = Vec::new();
        loop {
            let Item::Reply(reply) = self.wait("reply", |item| matches!(item, Item::Reply(r) if r.is_ours()))
            else {
                unreachable!("waited for a reply")
            };
            if reply.body == [SYNC_TEXT] {
                return replies;
            }
            replies.push(reply);
        }
    }

    /// Sends a line whose commands must all go well, each with one reply; gives the text of the last.
    fn ok(&mut self, line: impl Into<CommandLine>) -> String {
        let line = line.into();
        let replies = self.replies(line.clone());
        assert!(replies.iter().all(|reply| reply.ok), "{line:?}: {replies:?}");
        assert_eq!(replies.len(), line.replies(), "{line:?}: {replies:?}");
        replies.last().map(Reply::text).unwrap_or_default()
    }

    /// Sends a line that may fail, which gives less replies, but never more.
    fn at_most(&mut self, line: impl Into<CommandLine>) {
        let line = line.into();
        let replies = self.replies(line.clone());
        assert!(
            (1..=line.replies()).contains(&replies.len()),
            "{line:?}: {replies:?}"
        );
        let failed = replies.iter().position(|reply| !reply.ok);
        assert!(failed.is_none_or(|at| at + 1 == replies.len()), "{replies:?}");
    }

    /// A buffer's bytes, by another client: `show-buffer` here would encode them.
    fn saved(&self, buffer: BufferName) -> Vec<u8> {
        let save = ["save-buffer", "-b", &buffer.to_string(), "-"];
        tmux(&self.socket, &self.home).args(save).output().unwrap().stdout
    }

    /// What the pane prints until `end`.
    fn printed(&mut self, pane: PaneId, end: &[u8]) -> Vec<u8> {
        let mut printed = Vec::new();
        while !printed.ends_with(end) {
            if let Item::Output { data, .. } = self.wait(
                "output",
                |item| matches!(item, Item::Output { pane: from, .. } if *from == pane),
            ) {
                printed.extend_from_slice(&data);
            }
        }
        printed
    }
}

const SYNC_TEXT: &str = "llmux-test-sync";

fn tmux(socket: &str, home: &PathBuf) -> Process {
    let mut process = Process::new(env::var_os("LLMUX_TEST_TMUX").unwrap_or_else(|| "tmux".into()));
    process
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8");
    process
        .env("HOME", home)
        .env("TMUX_TMPDIR", home)
        .env("SHELL", "/bin/sh")
        .current_dir(home);
    process.args(["-L", socket]);
    process
}

fn read(mut stdout: impl Read, sender: &Sender<Item>) {
    let mut demux = Demux::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stdout.read(&mut buffer) {
        demux.feed(&buffer[..count], &mut |item| drop(sender.send(item)));
    }
}

impl Drop for PrivateTmux {
    fn drop(&mut self) {
        drop(
            tmux(&self.socket, &self.home)
                .arg("kill-server")
                .stderr(Stdio::null())
                .status(),
        );
        drop(self.client.kill());
        drop(self.client.wait());
        drop(fs::remove_dir_all(&self.home));
    }
}

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
            Command::SwitchClient {
                client: format!("{nasty}no-such-client"),
                session,
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
    let expected: String = nasty.iter().map(|word| format!("<{word}>")).collect();
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
    let fill = Command::SetBuffer {
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
        fill.clone(),
        paste(true),
        fill.clone(),
        paste(false),
        fill,
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
        Command::ListClients { format },
        Command::ListSessions { format },
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
        Command::ShowGlobalOption {
            name: "destroy-unattached",
        },
    ];
    let parts = [
        CapturePart::Visible,
        CapturePart::History { lines: 5 },
        CapturePart::Saved,
        CapturePart::Pending,
    ];
    let captures = parts.map(|part| Command::Capture { pane, part });
    let mut all = commands.into_iter().chain(captures);
    let first = CommandLine::new(all.next().unwrap());
    tmux.ok(all.clone().fold(first, CommandLine::then));
    assert_eq!(tmux.saved(buffer), b"from a file");
    tmux.ok(Command::UnlinkWindow { window, hub: HUB });
    tmux.ok(new_session("second", &["cat", "-"]));
    tmux.ok(Command::KillSession(session));
    tmux.ok(Command::KillPane(PaneId(2)));
    tmux.ok(new_session("third", &["cat", "-"]));
    tmux.ok(Command::KillWindow(WindowId(3)));
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
    let line = CommandLine::new(Command::KillPane(PaneId(77))).then(Command::ListSessions {
        format: Format::new("#{session_id}"),
    });
    let replies = tmux.replies(line);
    assert_eq!(replies.len(), 1);
    assert!(!replies[0].ok);
}
