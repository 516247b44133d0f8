//! What a script without a daemon would take for the same, measured beside ours on the same agent.
//!
//! A script types with two `tmux send-keys`, which prove nothing, and looks at `tmux capture-pane` every 400 ms until the
//! answer is there. It spawns `tmux` as a script does; what it types is made here.

use std::{ffi::OsString, process::Stdio, time::Duration};

use llmux_protocol::api::{DaemonStatus, SessionView, WaitFor};
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::{
    agents::{Agents, Clock},
    compare::ratio,
    load,
    report::Baseline,
    stats::Stats,
    summary::nanos,
};
use crate::{
    cli::failure::{Exit, Failure},
    client::{Client, session_path},
    tmux::Socket,
};

/// How many prompts are typed each way.
const PROMPTS: u32 = 20;
/// How many turns are taken each way.
const TURNS: u32 = 8;
/// How often a script looks.
const POLL: Duration = Duration::from_millis(400);
/// How often an agent's history is looked at; that is not measured.
const LOOK: Duration = Duration::from_millis(5);
/// How long an agent may take to answer a script.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures what belongs to one bench, on the first of our own agents.
pub(super) async fn measure(
    wait: WaitFor,
    agents: &Agents,
    status: &DaemonStatus,
    client: &mut Client,
) -> Result<Vec<Baseline>, Failure> {
    let Some(name) = agents.names.first() else {
        return Ok(Vec::new());
    };
    let session: SessionView = client.get(&session_path(name, "")).await?;
    let Some(pane) = session.pane else {
        return Ok(Vec::new());
    };
    let mut script = Script {
        server: Socket::Path(status.tmux.socket.clone().into()).args(),
        pane,
        agents,
    };
    let row = match wait {
        WaitFor::Ended => script.turns(name, client).await?,
        _ => script.prompts(name, client).await?,
    };
    Ok(row.into_iter().collect())
}

/// A script that works with one pane.
struct Script<'a> {
    /// The flags that name the tmux server.
    server: Vec<OsString>,
    pane: String,
    agents: &'a Agents,
}

impl Script<'_> {
    /// A prompt: until it is proven to be accepted, beside two `send-keys`.
    async fn prompts(&mut self, name: &str, client: &mut Client) -> Result<Option<Baseline>, Failure> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for n in 0..PROMPTS {
            let (answered, _) = load::one(client, name, &format!("ours {n}"), WaitFor::Submitted).await?;
            ours.push(nanos(answered));
            let text = format!("script {n}");
            let began = Instant::now();
            self.type_text(&text).await?;
            theirs.push(nanos(began.elapsed()));
            self.clock(&text).await?;
        }
        Ok(row("2 tmux send-keys, unproven", ours, theirs))
    }

    /// A turn: from the last byte of the answer until its end is known, beside a look every 400 ms.
    async fn turns(&mut self, name: &str, client: &mut Client) -> Result<Option<Baseline>, Failure> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for n in 0..TURNS {
            // Turns end at any moment between two looks.
            let delay = POLL.as_millis() * u128::from(n) / u128::from(TURNS);
            let text = format!("ours {n} [[chunks=1]] [[delay={delay}]]");
            load::one(client, name, &text, WaitFor::Ended).await?;
            let known = now_ns();
            ours.push(known.saturating_sub(self.clock(&text).await?.last_ns));
            let text = format!("script {n} [[chunks=1]] [[delay={delay}]]");
            self.type_text(&text).await?;
            let known = self.poll(&format!("script {n}")).await?;
            theirs.push(known.saturating_sub(self.clock(&text).await?.last_ns));
        }
        Ok(row("tmux capture-pane every 400 ms", ours, theirs))
    }

    async fn type_text(&self, text: &str) -> Result<(), Failure> {
        self.tmux(&["send-keys", "-t", &self.pane, "-l", "--", text])
            .await?;
        self.tmux(&["send-keys", "-t", &self.pane, "Enter"]).await?;
        Ok(())
    }

    /// Looks until the answer to a prompt is there and the agent rests; returns when that was seen.
    async fn poll(&self, prompt: &str) -> Result<u64, Failure> {
        let began = Instant::now();
        loop {
            sleep(POLL).await;
            let shown = self.tmux(&["capture-pane", "-p", "-t", &self.pane]).await?;
            let answers = shown
                .lines()
                .any(|row| row.starts_with("● ") && row.contains(prompt));
            if answers && !shown.contains("esc to interrupt") {
                return Ok(now_ns());
            }
            patient(began)?;
        }
    }

    /// Waits until the agent has written down that it answered a prompt.
    async fn clock(&self, prompt: &str) -> Result<Clock, Failure> {
        let began = Instant::now();
        loop {
            if let Some(clock) = self.agents.clocks().get(prompt) {
                return Ok(*clock);
            }
            patient(began)?;
            sleep(LOOK).await;
        }
    }

    async fn tmux(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new("tmux");
        command.args(&self.server).args(arguments).stdin(Stdio::null());
        let output = command.output().await.map_err(|error| {
            Failure::new(Exit::Unavailable, format!("cannot run tmux: {error}"))
                .hint("leave the baselines out with: --no-baselines")
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::failed(format!(
            "tmux {} failed: {}",
            arguments[0],
            said.trim()
        )))
    }
}

fn patient(began: Instant) -> Result<(), Failure> {
    if began.elapsed() < PATIENCE {
        return Ok(());
    }
    Err(
        Failure::new(Exit::TimedOut, "a demo agent did not answer what a script typed")
            .hint("leave the baselines out with: --no-baselines"),
    )
}

fn row(what: &str, ours: Vec<u64>, theirs: Vec<u64>) -> Option<Baseline> {
    let (ours, baseline) = (Stats::of(ours)?, Stats::of(theirs)?);
    Some(Baseline {
        what: what.to_owned(),
        ratio: ratio(baseline.p50_ns, ours.p50_ns),
        ours,
        measured: baseline,
    })
}

/// `CLOCK_MONOTONIC`, by which the demo agent stamps.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (secs, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    secs.unwrap_or(0) * 1_000_000_000 + nanos.unwrap_or(0)
}
