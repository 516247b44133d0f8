//! What can be seen and done without llmux: the tmux server, its panes, and people at terminals.

use std::{
    fs,
    path::PathBuf,
    process::Child,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::lab::{Lab, eventually, lives, signal, until};

/// The word that a script of [`Lab::script`] prints when it is about to wait.
const READY: &str = "printf 'ready\\r\\n'; ";

impl Lab {
    /// Starts a session whose program is a shell script; its working directory is `work`.
    #[track_caller]
    pub(crate) fn script(&self, name: &str, script: &str) {
        self.start("shell", name, &format!("-c '{}'", script.replace('\'', r"'\''")));
    }

    /// Starts a session that writes what is typed, byte for byte, to the file `work/got-NAME`.
    #[track_caller]
    pub(crate) fn reader(&self, name: &str) -> PathBuf {
        let script = format!("stty raw -echo; {READY}exec cat > got-{name}");
        self.script(name, &script);
        self.shows(name, "^ready");
        let file = self.path(format!("work/got-{name}"));
        until("the reader reads", || file.exists());
        file
    }

    /// Starts a session that runs a script once something is typed.
    #[track_caller]
    pub(crate) fn waiting(&self, name: &str, script: &str) {
        self.script(name, &format!("{READY}read go; {script}"));
        self.shows(name, "^ready");
    }

    /// What tmux itself shows of a session, blank ends of rows and of the screen cut off.
    #[track_caller]
    pub(crate) fn capture(&self, target: &str) -> String {
        let screen = self.tmux(["capture-pane", "-p", "-t", target]).ok();
        let rows: Vec<&str> = screen.lines().map(str::trim_end).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Fails unless llmux shows the session as tmux does.
    #[track_caller]
    pub(crate) fn agrees(&self, name: &str) {
        let mut seen = (String::new(), String::new());
        let target = format!("={name}:");
        let mut agree = || {
            seen = (self.capture(&target), trimmed(&self.screen(name)));
            seen.0 == seen.1
        };
        // What is on its way may arrive; what is lost never does.
        let agreed = (0..400).any(|_| {
            agree() || {
                std::thread::yield_now();
                false
            }
        });
        assert!(agreed, "--- tmux\n{}\n--- llmux\n{}", seen.0, seen.1);
    }

    /// A tmux format, expanded for a target.
    #[track_caller]
    pub(crate) fn format(&self, target: &str, format: &str) -> String {
        self.tmux(["display-message", "-p", "-t", target, format])
            .ok()
            .trim_end()
            .to_owned()
    }

    /// The process in a session's pane.
    #[track_caller]
    pub(crate) fn pane_pid(&self, name: &str) -> u32 {
        self.format(&format!("={name}:"), "#{pane_pid}")
            .parse()
            .expect("a pid")
    }

    /// The tmux server's process.
    #[track_caller]
    pub(crate) fn server_pid(&self) -> u32 {
        self.tmux(["display-message", "-p", "#{pid}"])
            .ok()
            .trim()
            .parse()
            .expect("a pid")
    }

    /// The tmux commands the server remembers, oldest first; not those of this harness.
    #[track_caller]
    pub(crate) fn commands(&self) -> Vec<String> {
        let log = self.tmux(["show-messages"]).ok();
        let client = self.status()["tmux"]["clientPid"].as_u64().expect("a pid");
        let marks = [format!("client-{client} command: "), "command: ".to_owned()];
        log.lines()
            .filter_map(|line| {
                marks
                    .iter()
                    .find_map(|mark| Some(line.split_once(mark.as_str())?.1))
            })
            .map(str::to_owned)
            .collect()
    }

    /// How often the daemon had to connect to tmux again.
    #[track_caller]
    pub(crate) fn reconnects(&self) -> u64 {
        self.status()["tmux"]["reconnects"].as_u64().expect("a number")
    }

    /// The user's own tmux configuration; before tmux starts.
    pub(crate) fn tmux_conf(&self, text: &str) {
        fs::write(self.path(".tmux.conf"), text).expect("a file");
    }

    /// Starts `llmux session watch` into a file.
    #[track_caller]
    pub(crate) fn watch(&self, name: &str) -> Watch {
        let file = self.path(format!("watch-{name}"));
        let mut command = self.command(crate::lab::LLMUX);
        command.args(["session", "watch", name]);
        command
            .stdin(std::process::Stdio::null())
            .stdout(fs::File::create(&file).expect("a file"));
        let child = command.spawn().expect("llmux runs");
        let watch = Watch { child, file };
        until("the watcher sees something", || !watch.bytes().is_empty());
        watch
    }
}

/// Rows without blank ends.
fn trimmed(screen: &str) -> String {
    let rows: Vec<&str> = screen.lines().map(str::trim_end).collect();
    rows.join("\n").trim_end().to_owned()
}

/// A running `session watch`.
pub(crate) struct Watch {
    child: Child,
    file: PathBuf,
}

impl Watch {
    /// All it has printed.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.file).expect("a file")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until it has printed a text.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) {
        until(&format!("the watcher sees {text:?}"), || {
            self.text().contains(text)
        });
    }
}

impl Watch {
    /// Waits until it ends by itself; says whether well.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> bool {
        eventually("the watcher ends", || self.child.try_wait().expect("a child")).success()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person at a terminal: a tmux server of their own whose one pane runs `tmux attach`.
pub(crate) struct Human<'a> {
    lab: &'a Lab,
    label: String,
}

impl<'a> Human<'a> {
    /// Sits down at a terminal of this size and attaches to a session, without waiting for that.
    #[track_caller]
    pub(crate) fn attaches(lab: &'a Lab, target: &str, (cols, rows): (u16, u16)) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let label = format!(
            "llmux-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let human = Self { lab, label };
        let conf = lab.path("human.conf");
        fs::write(&conf, "set -g status off\nset -g remain-on-exit on\n").expect("a file");
        let attach = format!("env -u TMUX tmux attach -t '{target}'");
        let (conf, cols, rows) = (conf.to_string_lossy(), cols.to_string(), rows.to_string());
        human.tmux(&[
            "-f",
            &conf,
            "new-session",
            "-d",
            "-x",
            &cols,
            "-y",
            &rows,
            &attach,
        ]);
        human
    }

    /// Attaches and waits until the session says so.
    #[track_caller]
    pub(crate) fn sits_at(lab: &'a Lab, name: &str, size: (u16, u16)) -> Self {
        let human = Self::attaches(lab, &format!("={name}"), size);
        until("the human is attached", || {
            lab.session(name).is_some_and(|session| session["attached"] == 1)
        });
        human
    }

    /// Presses keys, by their tmux names.
    #[track_caller]
    pub(crate) fn presses(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// What is on the terminal.
    pub(crate) fn sees(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Whether `tmux attach` has ended.
    pub(crate) fn is_out(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{pane_dead}"]).trim() == "1"
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        self.lab.tmux([&["-L", &self.label], args].concat()).ok()
    }
}

impl Drop for Human<'_> {
    fn drop(&mut self) {
        let _ = self.lab.tmux(["-L", &self.label, "kill-server"]);
    }
}

/// Resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// A process that stands still until the value goes away.
pub(crate) struct Stopped(u32);

impl Stopped {
    pub(crate) fn stop(pid: u32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if lives(self.0) {
            signal(self.0, "CONT");
        }
    }
}
