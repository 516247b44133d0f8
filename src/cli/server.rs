//! `llmux server`: the daemon itself.

mod change;
mod install;
mod units;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use llmux_protocol::api::DaemonStatus;
use serde::de::IgnoredAny;
use tokio::time::{sleep, timeout};

use super::{
    banner,
    context::Context,
    failure::{Exit, Failure},
    out::Out,
    table::plain,
};
use crate::{
    client::Client,
    daemon::{Network, Tls},
    store::{StateDir, file},
};

/// How long a daemon may take to end after it was asked to.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the daemon in the foreground, in place of one in the background
    Start(Start),
    /// End the daemon; agents keep running
    #[command(after_help = "Example:\n  llmux server stop")]
    Stop,
    /// Show what the daemon is doing
    Status(Status),
    /// Have the daemon read its configuration again, and say what became of it
    #[command(after_help = "Example:\n  llmux server reload")]
    Reload,
    /// Put this version in the place of the daemon that runs
    #[command(
        after_help = "Example:\n  cargo install --path . && llmux server upgrade\n\nSessions, turns and queued prompts are kept; clients wait for the moment it takes."
    )]
    Upgrade,
    /// Have the system run the daemon, by systemd or launchd
    Install(install::Install),
    /// End that, and remove its files
    #[command(after_help = "Example:\n  llmux server uninstall")]
    Uninstall,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux server start --port 8080\n  llmux server start --tls --qr-owner alice --qr-endpoint lan"
)]
pub(super) struct Start {
    /// The configuration file (default: ./.llmux.yaml, then ~/.config/llmux/config.yaml, then $LLMUX_CONFIG)
    #[arg(long, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// The TCP port (default: $LLMUXD_PORT, then server.port of the configuration, then 3001)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,
    /// Encrypt the network with a certificate that llmux makes for itself and keeps; its fingerprint is printed
    #[arg(long, conflicts_with = "tls_cert")]
    pub(super) tls: bool,
    /// Encrypt the network with this certificate chain, in PEM form
    #[arg(long, value_name = "PATH", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form
    #[arg(long, value_name = "PATH", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Take the place of a daemon in the foreground too
    #[arg(long)]
    pub(super) replace: bool,
    #[command(flatten)]
    pub(super) pairing: banner::Pairing,
}

impl Start {
    /// How the network is to be served.
    pub(super) fn network(&self) -> Network {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            _ if self.tls => Tls::SelfSigned,
            _ => Tls::Off,
        };
        Network { port: self.port, tls }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux server status --json")]
pub(super) struct Status {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::Status(status) => show(&status, &context).await,
        Verb::Stop => stop(&context).await,
        Verb::Reload => change::reload(&context).await,
        Verb::Upgrade => change::upgrade(&context).await,
        Verb::Install(args) => install::install(&args, &context).await,
        Verb::Uninstall => install::uninstall(&context),
        // Runs in this process, before there is a client.
        Verb::Start(_) => Ok(()),
    }
}

async fn show(args: &Status, context: &Context) -> Result<(), Failure> {
    let status: DaemonStatus = context.running().await?.get("/api/daemon").await?;
    let mut out = Out::new();
    if args.json {
        out.json(&status)?;
    } else {
        out.text(&render(&status))?;
    }
    out.finish()
}

fn render(status: &DaemonStatus) -> String {
    let tmux = &status.tmux;
    let how = if status.background {
        "in the background"
    } else {
        "in the foreground"
    };
    let link = if tmux.connected {
        "connected"
    } else {
        "not connected"
    };
    let mut lines = vec![
        format!(
            "llmux     {}, pid {}, up {}, {how}",
            status.version,
            status.pid,
            uptime(status.uptime_secs)
        ),
        format!("socket    {}", status.socket),
        format!(
            "network   {}",
            status
                .network
                .as_ref()
                .map_or("not served", |network| &network.url)
        ),
        format!("state     {}", status.state_dir),
        format!("sessions  {} ({} running)", status.sessions, status.running),
        format!(
            "tmux      {}, {link}, server pid {}, {} reconnects",
            tmux.version, tmux.server_pid, tmux.reconnects
        ),
    ];
    lines.extend(
        status
            .warnings
            .iter()
            .map(|warning| format!("warning   {warning}")),
    );
    lines.extend(tmux.last_error.iter().map(|error| format!("error     {error}")));
    lines.extend(tmux.warnings.iter().map(|warning| format!("warning   {warning}")));
    lines.iter().map(|line| plain(line) + "\n").collect()
}

fn uptime(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..86_400 => format!("{}h{:02}m", secs / 3600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3600 % 24),
    }
}

async fn stop(context: &Context) -> Result<(), Failure> {
    context.only_here("server stop")?;
    let mut out = Out::new();
    let client = match context.running().await {
        Ok(client) => client,
        Err(failure) if failure.kind() == Exit::Unavailable => return out.line("no daemon runs"),
        Err(failure) => return Err(failure),
    };
    end_daemon(client, context).await?;
    out.line("stopped")
}

/// Ends a daemon that the first command has started, if one runs.
async fn end_background(context: &Context) -> Result<(), Failure> {
    let Ok(mut client) = context.here().await else {
        return Ok(());
    };
    let status: DaemonStatus = client.get("/api/daemon").await?;
    if status.background {
        end_daemon(client, context).await?;
    }
    Ok(())
}

/// Tells the daemon to leave and waits until it has.
async fn end_daemon(mut client: Client, context: &Context) -> Result<(), Failure> {
    let status: DaemonStatus = client.get("/api/daemon").await?;
    let _: IgnoredAny = client.post("/api/daemon/stop", &serde_json::json!({})).await?;
    let gone = async {
        client.closed().await;
        let lock = StateDir::lock_of(Path::new(&status.state_dir));
        // One that serves no more has yet to leave tmux. Whoever answers now is another.
        while matches!(file::try_lock(&lock), Ok(None)) && context.running().await.is_err() {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(GONE_WITHIN, gone).await.is_err() {
        return Err(Failure::failed(format!(
            "the daemon is still there after {} s",
            GONE_WITHIN.as_secs()
        ))
        .hint("see what it does with: llmux server status"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_shows_two_units_at_most() {
        for (secs, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3660, "1h01m"),
            (90_000, "1d01h"),
        ] {
            assert_eq!(uptime(secs), text);
        }
    }
}
