//! A tmux server for one test: its own socket, home and configuration, gone when the test is.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command as Process, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use llmux_protocol::{
    PaneId,
    control::{BufferName, Command, CommandLine, Demux, DisplayTarget, Format, Item, Notice, Reply},
};

/// How long a busy machine may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);
const SYNC_TEXT: &str = "llmux-test-sync";
const SYNC: Format = Format::new(SYNC_TEXT);

/// A tmux server of our own with a control client attached to the session `hub`.
pub(crate) struct PrivateTmux {
    socket: String,
    pub(crate) home: PathBuf,
    client: Child,
    pub(crate) stdin: ChildStdin,
    items: Receiver<Item>,
}

impl PrivateTmux {
    pub(crate) fn start() -> Self {
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
        let (sender, items) = sync_channel(1024);
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

    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Item) -> bool) -> Item {
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
    pub(crate) fn replies(&mut self, line: impl Into<CommandLine>) -> Vec<Reply> {
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
    pub(crate) fn ok(&mut self, line: impl Into<CommandLine>) -> String {
        let line = line.into();
        let replies = self.replies(line.clone());
        assert!(replies.iter().all(|reply| reply.ok), "{line:?}: {replies:?}");
        assert_eq!(replies.len(), line.replies(), "{line:?}: {replies:?}");
        replies.last().map(Reply::text).unwrap_or_default()
    }

    /// Sends a line that may fail, which gives less replies, but never more.
    pub(crate) fn at_most(&mut self, line: impl Into<CommandLine>) {
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
    pub(crate) fn saved(&self, buffer: BufferName) -> Vec<u8> {
        let save = ["save-buffer", "-b", &buffer.to_string(), "-"];
        tmux(&self.socket, &self.home).args(save).output().unwrap().stdout
    }

    /// What the pane prints until `end`.
    pub(crate) fn printed(&mut self, pane: PaneId, end: &[u8]) -> Vec<u8> {
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

fn tmux(socket: &str, home: &Path) -> Process {
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

fn read(mut stdout: impl Read, sender: &SyncSender<Item>) {
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
