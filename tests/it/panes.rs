//! A private tmux server and a control client on it, for tests that need the real thing.
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The binary under test.
pub const LLMUX: &str = env!("CARGO_BIN_EXE_llmux");

/// How long a condition may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; fails the test with `claim` if it never does.
#[track_caller]
pub fn eventually(claim: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never true: {claim}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// A tmux server of its own, without configuration; killed on drop.
pub struct Tmux {
    pub dir: TempDir,
    label: String,
}

impl Tmux {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let label = format!(
            "llmux-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            dir: tempfile::tempdir().unwrap(),
            label,
        }
    }

    /// A command in the server's clean environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color");
        command
            .env("HOME", self.dir.path())
            .env("TMUX_TMPDIR", self.dir.path())
            .current_dir(self.dir.path());
        command
    }

    pub fn base_args(&self) -> [&str; 5] {
        ["-L", &self.label, "-f", "/dev/null", "-u"]
    }

    pub fn output(&self, args: &[&str]) -> Output {
        self.command("tmux")
            .args(self.base_args())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a tmux command that must succeed; returns its trimmed output.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Starts a session of `cols` x `rows` running `argv`; returns its pane id.
    #[track_caller]
    pub fn session(&self, name: &str, (cols, rows): (u16, u16), argv: &[&str]) -> String {
        let (x, y) = (cols.to_string(), rows.to_string());
        let start = [
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{pane_id}",
            "-s",
            name,
            "-x",
            &x,
            "-y",
            &y,
            "--",
        ];
        self.run(&[&start[..], argv].concat())
    }

    #[track_caller]
    pub fn format(&self, pane: &str, format: &str) -> String {
        self.run(&["display-message", "-p", "-t", pane, format])
    }

    /// The visible screen, rows trimmed.
    pub fn screen(&self, pane: &str) -> String {
        String::from_utf8_lossy(&self.output(&["capture-pane", "-p", "-t", pane]).stdout).into_owned()
    }

    #[track_caller]
    pub fn wait_for(&self, pane: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen(pane).contains(text) {
            assert!(
                Instant::now() < deadline,
                "{text:?} never came; the screen:\n{}",
                self.screen(pane)
            );
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    pub fn keys(&self, pane: &str, keys: &[&str]) {
        self.run(&[&["send-keys", "-t", pane][..], keys].concat());
    }

    /// Pastes `text` as a person would: bracketed if the program asked for it.
    pub fn paste(&self, pane: &str, text: &str) {
        let file = self.dir.path().join("paste");
        std::fs::write(&file, text).unwrap();
        self.run(&[
            "load-buffer",
            file.to_str().unwrap(),
            ";",
            "paste-buffer",
            "-p",
            "-r",
            "-d",
            "-t",
            pane,
        ]);
    }

    pub fn has_session(&self, name: &str) -> bool {
        self.output(&["has-session", "-t", &format!("={name}")])
            .status
            .success()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.output(&["kill-server"]);
    }
}

type Panes = Arc<(Mutex<HashMap<String, Vec<u8>>>, Condvar)>;

/// A control client on a hub session, started the way the daemon starts it.
pub struct Control {
    pub client: Child,
    _stdin: ChildStdin,
    panes: Panes,
}

impl Control {
    pub fn attach(tmux: &Tmux) -> Self {
        let mut client = tmux
            .command(LLMUX)
            .arg("tmux-client")
            .arg(std::process::id().to_string())
            .arg("tmux")
            .args(tmux.base_args())
            .args([
                "-C",
                "new-session",
                "-A",
                "-s",
                "hub",
                "-x",
                "80",
                "-y",
                "24",
                "sleep 10000",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let panes = Panes::default();
        let lines = BufReader::new(client.stdout.take().unwrap());
        let shared = Arc::clone(&panes);
        std::thread::spawn(move || collect(lines, &shared));
        let control = Self {
            _stdin: client.stdin.take().unwrap(),
            client,
            panes,
        };
        eventually("the hub is up", || tmux.has_session("hub"));
        control
    }

    /// Starts `argv` in a session linked into the hub: its first byte is seen, too.
    #[allow(clippy::unused_self, reason = "the hub is this client's")]
    pub fn session(&self, tmux: &Tmux, name: &str, argv: &[&str]) -> String {
        let source = format!("={name}:");
        let start = [
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{pane_id}",
            "-s",
            name,
            "-x",
            "100",
            "-y",
            "30",
            "--",
        ];
        let link = [";", "link-window", "-d", "-s", &source, "-t", "=hub:"];
        tmux.run(&[&start[..], argv, &link[..]].concat())
    }

    /// Waits until the raw output of `pane` contains `text`; returns all of it.
    #[track_caller]
    pub fn wait_for(&self, pane: &str, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut panes = self.panes.0.lock().unwrap();
        loop {
            let seen = String::from_utf8_lossy(panes.get(pane).map_or(&[][..], Vec::as_slice)).into_owned();
            if seen.contains(text) {
                return seen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} never came out of {pane}: {seen:?}");
            panes = self.panes.1.wait_timeout(panes, left).unwrap().0;
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn collect(mut lines: impl BufRead, panes: &Panes) {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        if let Some((pane, data)) = line
            .strip_prefix(b"%output ")
            .and_then(|rest| split_once(rest, b' '))
        {
            let pane = String::from_utf8_lossy(pane).into_owned();
            panes
                .0
                .lock()
                .unwrap()
                .entry(pane)
                .or_default()
                .extend(unescape(data.trim_ascii_end()));
            panes.1.notify_all();
        }
        line.clear();
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|&byte| byte == at)?;
    Some((&bytes[..position], &bytes[position + 1..]))
}

fn unescape(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = data;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let (b'\\', [a, b, c, after @ ..]) = (byte, tail) else {
            out.push(byte);
            continue;
        };
        out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
        rest = after;
    }
    out
}

/// A field of `ps` for one process, trimmed; empty if it is gone or a zombie.
pub fn ps(pid: &str, field: &str) -> String {
    let output = Command::new("ps")
        .args(["-o", &format!("stat=,{field}="), "-p", pid])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match text.split_once(char::is_whitespace) {
        Some((stat, value)) if !stat.starts_with('Z') => value.trim().to_owned(),
        _ => String::new(),
    }
}

pub fn alive(pid: &str) -> bool {
    !ps(pid, "pid").is_empty()
}

pub fn write_script(dir: &Path, name: &str, mode: u32, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::File::create(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}
