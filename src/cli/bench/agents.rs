//! The sessions that are measured: demo agents of our own, or those of the user.

use std::{collections::HashMap, fs, path::PathBuf};

use llmux_protocol::api::{
    SessionReply, SessionView, StartRequest, State, StopRequest, Stopped, Until, WaitOutcome, WaitRequest,
};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    cli::failure::{Exit, Failure, say},
    client::{Client, ClientError, Target, session_path},
};

/// How many sessions are started or ended at a time.
const AT_ONCE: usize = 4;
/// How long an agent of ours may take to be ready, in milliseconds.
const READY_MS: u64 = 60_000;

/// The sessions that are measured.
pub(super) struct Agents {
    pub(super) names: Vec<String>,
    /// Where our own agents work and write their histories.
    home: Option<TempDir>,
}

impl Agents {
    /// Takes sessions of the user, which must run.
    pub(super) async fn of_user(names: &[String], client: &mut Client) -> Result<Self, Failure> {
        for name in names {
            let session: SessionView = client.get(&session_path(name, "")).await?;
            if session.state == State::Exited {
                return Err(Failure::new(
                    Exit::Gone,
                    format!("session \"{name}\" is not running"),
                ));
            }
        }
        Ok(Self {
            names: names.to_vec(),
            home: None,
        })
    }

    /// Names demo agents; [`Agents::start`] starts them.
    pub(super) fn own(count: usize) -> Result<Self, Failure> {
        let home = tempfile::Builder::new()
            .prefix("llmux-bench-")
            .tempdir()
            .map_err(|error| Failure::failed(format!("cannot make a temporary directory: {error}")))?;
        let bench = std::process::id();
        Ok(Self {
            names: (1..=count).map(|n| format!("bench-{bench}-{n}")).collect(),
            home: Some(home),
        })
    }

    /// Starts our own agents and waits until they are ready; does nothing with the user's.
    pub(super) async fn start(&self, target: &Target) -> Result<(), Failure> {
        let Some(home) = &self.home else { return Ok(()) };
        let home = home.path().to_string_lossy().into_owned();
        let started = in_lanes(&self.names, target, |mut client, names| {
            let home = home.clone();
            async move {
                for name in names {
                    start(&mut client, name, &home).await?;
                }
                Ok(())
            }
        });
        Ok(started.await?)
    }

    /// Ends our own agents and removes what they wrote; leaves the user's alone.
    pub(super) async fn remove(self, target: &Target) {
        if self.home.is_none() {
            return;
        }
        let ended = in_lanes(&self.names, target, |mut client, names| async move {
            for name in names {
                end(&mut client, &name).await?;
            }
            Ok(())
        });
        if let Err(error) = ended.await {
            say(&format!(
                "a session of the bench could not be ended: {}",
                Failure::from(error).message()
            ));
        }
    }

    /// Whether they are demo agents of our own.
    pub(super) fn are_own(&self) -> bool {
        self.home.is_some()
    }

    /// What our own agents say of the turns they took: for each prompt its clock.
    pub(super) fn clocks(&self) -> HashMap<String, Clock> {
        let Some(home) = &self.home else {
            return HashMap::new();
        };
        let mut clocks = HashMap::new();
        for file in files(home.path().join("llmux-demo")) {
            read_clocks(&fs::read_to_string(file).unwrap_or_default(), &mut clocks);
        }
        clocks
    }
}

/// When an agent took a prompt, and when its reply was written, by `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) submitted_ns: u64,
    pub(super) last_ns: u64,
}

/// What is read of a line of a demo agent's history.
#[derive(Deserialize)]
struct Record {
    text: String,
    submitted_ns: Option<u64>,
    last_ns: Option<u64>,
}

/// Reads the turns of one history: each prompt with the reply behind it.
fn read_clocks(text: &str, clocks: &mut HashMap<String, Clock>) {
    let mut asked: Option<(String, u64)> = None;
    for record in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Record>(line).ok())
    {
        if let Some(submitted_ns) = record.submitted_ns {
            asked = Some((record.text, submitted_ns));
        } else if let (Some((prompt, submitted_ns)), Some(last_ns)) = (asked.take(), record.last_ns) {
            let clock = Clock {
                submitted_ns,
                last_ns,
            };
            clocks.insert(prompt, clock);
        }
    }
}

/// The files below a directory.
fn files(dir: PathBuf) -> Vec<PathBuf> {
    let (mut files, mut dirs) = (Vec::new(), vec![dir]);
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_dir() {
                dirs.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

/// Starts a demo agent and waits until it is ready. Its state directory is `home` too.
async fn start(client: &mut Client, name: String, home: &str) -> Result<(), ClientError> {
    let request = StartRequest {
        agent: "demo".to_owned(),
        name: Some(name.clone()),
        cwd: Some(home.to_owned()),
        env: Some(format!("XDG_STATE_HOME={home}")),
        skip_init: true,
        ..StartRequest::default()
    };
    let _: SessionReply = client.post("/api/sessions", &request).await?;
    let ready = WaitRequest {
        until: Until::Ready,
        timeout_ms: Some(READY_MS),
    };
    let _: WaitOutcome = client.post(&session_path(&name, "wait"), &ready).await?;
    Ok(())
}

async fn end(client: &mut Client, name: &str) -> Result<(), ClientError> {
    let request = StopRequest { cascade: false };
    match client
        .post::<Stopped>(&session_path(name, "kill"), &request)
        .await
    {
        // A bench that was interrupted has not started them all.
        Err(ClientError::Api { status: 404, .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Does something for all sessions in a few lanes side by side, each with its own connection.
async fn in_lanes<F>(
    names: &[String],
    target: &Target,
    lane: impl Fn(Client, Vec<String>) -> F,
) -> Result<(), ClientError>
where
    F: Future<Output = Result<(), ClientError>> + Send + 'static,
{
    let mut lanes = JoinSet::new();
    for first in 0..AT_ONCE.min(names.len()) {
        let its = names.iter().skip(first).step_by(AT_ONCE).cloned().collect();
        lanes.spawn(lane(Client::open(target).await?, its));
    }
    lanes.join_all().await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_tells_the_clock_of_each_turn_that_ended() {
        let history = r#"{"type":"user","text":"a","at_unix_ns":1,"submitted_ns":5}
{"type":"assistant","text":"A","first_ns":7,"last_ns":9}
{"type":"user","text":"b","submitted_ns":11}
{"type":"user","text":"c","submitted_ns":12}
half a li"#;
        let mut clocks = HashMap::new();
        read_clocks(history, &mut clocks);
        let clock = Clock {
            submitted_ns: 5,
            last_ns: 9,
        };
        assert_eq!(clocks, HashMap::from([("a".to_owned(), clock)]));
    }
}
