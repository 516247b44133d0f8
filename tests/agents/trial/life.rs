//! How a session begins and ends.

use std::{
    fs,
    time::{Duration, Instant},
};

use llmux_protocol::api::{ActivityState, DialogKind, Explanation};

use super::{COMES_UP, NAME, Told, Trial, since};
use crate::lab::LLMUX;

/// How long a process that was ended may still be seen.
const GONE: Duration = Duration::from_secs(2);

impl Trial<'_> {
    /// From the start to the first moment it takes a prompt.
    pub(super) fn start(&mut self) -> Told {
        let begun = Instant::now();
        let start = self.lab.llmux(self.cli.start(NAME, &self.lab, &self.model));
        if start.code != 0 {
            return Err(start.to_string());
        }
        let ready = ["session", "wait", NAME, "--until", "ready", "--timeout", COMES_UP];
        self.done(ready).map(|_| since(begun)).map_err(|fault| {
            format!(
                "never ready: {fault}{}\n{}",
                self.explained(NAME),
                self.screen(NAME)
            )
        })
    }

    /// An agent that gets no further than its login: that is what it must be known to ask for.
    pub(super) fn login(&mut self) -> Told {
        let start = self.lab.llmux(self.cli.start(NAME, &self.lab, &self.model));
        let ready = ["session", "wait", NAME, "--until", "ready", "--timeout", COMES_UP];
        let wait = self.lab.llmux(ready);
        let seen = self.seen(NAME)?;
        let kind = seen.activity.dialog.map(|dialog| dialog.kind);
        match (wait.code, seen.activity.state, kind) {
            (12, ActivityState::Blocked, Some(DialogKind::Login)) => Ok("(login)".to_owned()),
            other => Err(format!("{other:?} after {start}{wait}")),
        }
    }

    /// Stops the session; nothing that was started in this home may be left.
    pub(super) fn stop(&mut self) -> Told {
        self.stop_one(NAME)
    }

    pub(super) fn stop_one(&self, name: &str) -> Told {
        let begun = Instant::now();
        self.done(["session", "stop", name])?;
        let told = since(begun);
        let deadline = Instant::now() + GONE;
        loop {
            let left = self.left();
            if left.is_empty() {
                return Ok(told);
            }
            if Instant::now() > deadline {
                return Err(format!("left over: {}", left.join("; ")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The command lines of all processes of this home but those of llmux and tmux themselves.
    fn left(&self) -> Vec<String> {
        let home = format!("HOME={}", self.lab.home().display()).into_bytes();
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let lines = entries.filter_map(|entry| {
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let environ = read("environ");
            if !environ.split(|&byte| byte == 0).any(|variable| variable == home) {
                return None;
            }
            let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let is_ours = line.starts_with(LLMUX) || line.starts_with("tmux ") || line.is_empty();
            (!is_ours).then_some(line)
        });
        lines.collect()
    }

    pub(super) fn seen(&self, name: &str) -> Result<Explanation, String> {
        let explained = self.done(["session", "explain", name, "--json"])?;
        serde_json::from_str(&explained).map_err(|error| format!("{error} in {explained}"))
    }

    pub(super) fn explained(&self, name: &str) -> String {
        self.lab.llmux(["session", "explain", name]).to_string()
    }
}
