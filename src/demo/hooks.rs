//! Hooks: commands that a file names for events, as `{"Stop": "COMMAND"}`. A shell runs each to its end, with what
//! happened as JSON on its standard input.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// The commands by their events.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    commands: HashMap<String, String>,
    session: String,
}

impl Hooks {
    pub(super) fn open(file: Option<&Path>, session: &str) -> io::Result<Self> {
        let commands = match file {
            None => HashMap::new(),
            Some(file) => serde_json::from_slice(&fs::read(file)?)?,
        };
        Ok(Self {
            commands,
            session: session.to_owned(),
        })
    }

    /// Runs the command of an event, if it has one.
    pub(super) fn call(&self, event: &str, more: &[(&str, &str)]) {
        let Some(command) = self.commands.get(event) else {
            return;
        };
        let mut payload = json!({"hook_event_name": event, "session_id": self.session});
        for (name, value) in more {
            payload[*name] = Value::from(*value);
        }
        // What a hook does wrong is nothing to the agent.
        let _ = run(command, &payload);
    }
}

fn run(command: &str, payload: &Value) -> io::Result<()> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read it.
        let _ = stdin.write_all(payload.to_string().as_bytes());
    }
    child.wait()?;
    Ok(())
}
