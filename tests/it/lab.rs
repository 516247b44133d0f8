//! A home of its own for each test: state, runtime directory, tmux server, daemon. All ends with the value.

use std::{
    ffi::OsStr,
    fmt,
    io::Write,
    os::unix::{net::UnixStream, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The program under test.
pub const LLMUX: &str = env!("CARGO_BIN_EXE_llmux");

/// How long a condition may take to come true on a busy machine; `LLMUX_TEST_PATIENCE_SECS` changes it.
fn patience() -> Duration {
    let secs = std::env::var("LLMUX_TEST_PATIENCE_SECS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(secs.unwrap_or(30))
}

/// Waits until `look` gives something; fails with what was claimed.
#[track_caller]
pub fn eventually<T>(claim: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "never came true: {claim}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn until(claim: &str, mut holds: impl FnMut() -> bool) {
    eventually(claim, || holds().then_some(()));
}

/// What a command said and how it ended.
#[must_use = "look at what it said, or at least at its exit code"]
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Run {
    /// Its standard output, if it succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }

    /// Its standard error, if it ended with this code and printed no data.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self}");
        assert_eq!(self.stdout, "", "{self}");
        self.stderr
    }

    /// Its standard output as JSON, if it succeeded.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl From<std::process::Output> for Run {
    fn from(output: std::process::Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output
                .status
                .code()
                .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        }
    }
}

/// A home, and whatever runs in it.
pub struct Lab {
    dir: TempDir,
    host: String,
    vars: Vec<(String, String)>,
}

impl Lab {
    pub fn new() -> Self {
        // Sockets must fit in 100 bytes, whatever TMPDIR says.
        let dir = tempfile::Builder::new()
            .prefix("llmux-it-")
            .tempdir_in("/tmp")
            .expect("a directory");
        for name in ["run", "state", "work"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        let lab = Self {
            dir,
            host: own_address(),
            vars: Vec::new(),
        };
        // The user's own configuration must not matter, nor may the machine's.
        std::fs::write(lab.path("home.tmux.conf"), "").expect("a file");
        lab
    }

    /// Sets a variable for all commands to come.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.vars.push((name.to_owned(), value.into()));
        self
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The address at which a daemon in the foreground serves the network, on port 3001.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where sessions work by default.
    pub fn home(&self) -> &Path {
        self.dir.path()
    }

    pub fn sessions_json(&self) -> PathBuf {
        self.path("state/llmuxd/sessions.json")
    }

    /// A command in this home, with nothing else of ours in its environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let path = match std::env::var_os("LLMUX_TEST_TMUX_DIR") {
            Some(dir) => format!(
                "{}:{}",
                dir.to_string_lossy(),
                std::env::var("PATH").unwrap_or_default()
            ),
            None => std::env::var("PATH").unwrap_or_default(),
        };
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("TMUX_TMPDIR", self.home())
            .env("LLMUXD_HOST", &self.host)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .env("PS1", "$ ")
            // A shell that ends after the test would write it into a directory that is gone.
            .env("HISTFILE", "/dev/null")
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path("work"));
        command
    }

    /// Runs `llmux` to its end.
    pub fn llmux<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.command(LLMUX)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("llmux runs")
            .into()
    }

    /// Runs `llmux` with something on its standard input.
    pub fn llmux_reads<S: AsRef<OsStr>>(&self, input: &[u8], args: impl IntoIterator<Item = S>) -> Run {
        let mut command = self.command(LLMUX);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("llmux runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_owned();
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("llmux ends");
        // It may have read enough before all was written.
        let _ = writing.join();
        output.into()
    }

    /// Starts `llmux` and leaves it running.
    pub fn spawn<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        let mut command = self.command(LLMUX);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("llmux runs")
    }

    /// Runs `tmux` on this home's server to its end.
    pub fn tmux<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.command("tmux")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("tmux runs")
            .into()
    }

    /// Starts a session and returns its name.
    #[track_caller]
    pub fn start(&self, agent: &str, name: &str, flags: &str) -> String {
        self.llmux(["session", "start", agent, "--name", name, "--flags", flags])
            .ok();
        name.to_owned()
    }

    /// A session's screen, rows joined by line ends, without the blank ones at its end.
    #[track_caller]
    pub fn screen(&self, name: &str) -> String {
        self.llmux(["session", "screen", name]).ok().trim_end().to_owned()
    }

    /// Waits until a session's screen matches.
    #[track_caller]
    pub fn shows(&self, name: &str, regex: &str) {
        let until = format!("text={regex}");
        let run = self.llmux(["session", "wait", name, "--until", &until, "--timeout", "30s"]);
        assert_eq!(
            run.code,
            0,
            "{name} shows {regex}: {run}\n--- screen\n{}",
            self.screen(name)
        );
    }

    /// One session as `session list --json` has it.
    pub fn session(&self, name: &str) -> Option<serde_json::Value> {
        let all = self.llmux(["session", "list", "--json"]).json();
        all.as_array()
            .expect("an array")
            .iter()
            .find(|session| session["name"] == name)
            .cloned()
    }

    /// Waits until a session is in this state.
    #[track_caller]
    pub fn is(&self, name: &str, state: &str) {
        until(&format!("{name} is {state}"), || {
            self.session(name).is_some_and(|s| s["state"] == state)
        });
    }

    /// Writes the user's configuration.
    pub fn config(&self, yaml: &str) {
        let dir = self.path(".config/llmux");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("config.yaml"), yaml).expect("a file");
    }

    /// Runs a shell line in which `$LLMUX` is the program.
    pub fn sh(&self, line: &str) -> Run {
        let mut command = self.command("sh");
        command
            .env("LLMUX", LLMUX)
            .args(["-c", line])
            .stdin(Stdio::null())
            .output()
            .expect("sh runs")
            .into()
    }

    /// Types a prompt.
    #[track_caller]
    pub fn prompt(&self, name: &str, text: &str) {
        self.llmux_reads(text.as_bytes(), ["session", "prompt", name, "--now", "-"])
            .ok();
    }

    /// Types a line by tmux itself, without a daemon.
    #[track_caller]
    pub fn prompt_in_tmux(&self, name: &str, text: &str) {
        let target = format!("={name}:");
        self.tmux(["send-keys", "-t", &target, "-l", "--", text]).ok();
        self.tmux(["send-keys", "-t", &target, "Enter"]).ok();
    }

    /// What the user typed into the demo agent that writes its history here, one text a turn.
    pub fn prompts_in(&self, history: impl AsRef<Path>) -> Vec<String> {
        let mut files = Vec::new();
        let mut dirs = vec![self.path(history)];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        let text = files
            .iter()
            .map(|file| std::fs::read_to_string(file).expect("UTF-8"))
            .collect::<String>();
        let records = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let typed = records.filter(|record| record["type"] == "user");
        typed
            .filter_map(|record| Some(record["text"].as_str()?.to_owned()))
            .collect()
    }

    /// All that a refused command must leave as it was: the registry's bytes, and each pane with its process.
    pub fn scene(&self) -> (Option<Vec<u8>>, String) {
        let panes = self.tmux([
            "list-panes",
            "-a",
            "-F",
            "#{session_name} #{session_id} #{pane_id} #{pane_pid}",
        ]);
        (std::fs::read(self.sessions_json()).ok(), panes.stdout)
    }

    /// The daemon's process, if one runs.
    pub fn daemon(&self) -> Option<u32> {
        let run = self.llmux(["server", "status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&run.stdout).ok()?;
        status["pid"].as_u64().map(|pid| pid as u32)
    }

    /// The daemon's status.
    #[track_caller]
    pub fn status(&self) -> serde_json::Value {
        self.llmux(["server", "status", "--json"]).json()
    }

    /// Kills the daemon as a crash would.
    #[track_caller]
    pub fn crash(&self) {
        let pid = self.daemon().expect("a daemon runs");
        let socket = self.status()["socket"].as_str().expect("text").to_owned();
        signal(pid, "KILL");
        // A process is called dead before the last of its threads has closed its sockets.
        until("the daemon is gone", || UnixStream::connect(&socket).is_err());
    }

    /// Names of the tmux sessions.
    pub fn tmux_sessions(&self) -> Vec<String> {
        let run = self.tmux(["list-sessions", "-F", "#{session_name}"]);
        run.stdout.lines().map(str::to_owned).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.llmux(["server", "stop"]);
        // Without a tmux in its PATH there is none to end.
        let _ = self
            .command("tmux")
            .arg("kill-server")
            .stderr(Stdio::null())
            .status();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path("state/llmuxd/daemon.log")).unwrap_or_default();
            eprintln!("--- daemon.log\n{log}");
        }
    }
}

/// An address on the loopback that no other lab has.
fn own_address() -> String {
    static LABS: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(16) + LABS.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = number.to_be_bytes();
    // Neither a network's own address nor its broadcast.
    format!("127.{}.{b}.{}", a.max(1), c.clamp(1, 254))
}

/// Whether a process is there and no zombie.
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The process whose id a program wrote into this file.
#[track_caller]
pub fn pid_in(file: &Path) -> u32 {
    eventually("a process wrote its id", || {
        let text = std::fs::read_to_string(file).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
}

/// Whether a program can be found on this machine; a test that needs it says that it was left out.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !found {
        eprintln!("left out: {program} is not installed here");
    }
    found
}

/// Sends a signal.
pub fn signal(pid: u32, name: &str) {
    Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .expect("kill runs");
}
