//! `session attach`: the user's own tmux client here, a viewer over the network.

mod detach;
mod viewer;

use clap::{Args, ValueEnum};
use llmux_protocol::api::{DaemonStatus, SessionView, State};

use self::{detach::DetachKey, viewer::Viewer};
use super::target;
use crate::{
    cli::{
        context::Context,
        failure::{Exit, Failure},
    },
    client::session_path,
    tmux::{self, Socket},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session attach main")]
pub(crate) struct Attach {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Only look: type nothing, resize nothing
    #[arg(long)]
    read_only: bool,
    /// The key that leaves a session shown over the network: ^ and a character, or none
    #[arg(long, value_name = "KEY", default_value = "^]")]
    detach_key: DetachKey,
    /// How it is shown: by a tmux client of its own, or over the daemon's WebSocket, as on another host
    #[arg(long, value_enum, default_value = "tmux", hide = true)]
    via: Via,
}

/// How a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Via {
    Tmux,
    Socket,
}

pub(super) async fn run(args: &Attach, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let session: SessionView = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, "")).await
    })
    .await?;
    if session.state == State::Exited {
        return Err(
            Failure::new(Exit::Gone, format!("session \"{}\" is not running", session.name)).hint(format!(
                "start it again with: llmux session restart {}",
                session.name
            )),
        );
    }
    let viewer = Viewer {
        target: client.target().clone(),
        session: session.name.clone(),
        read_only: args.read_only,
        detach_key: args.detach_key.clone(),
    };
    if args.via == Via::Socket || context.far()?.is_some() {
        return viewer.run().await;
    }
    let daemon: DaemonStatus = client.get("/api/daemon").await?;
    let socket = match daemon.tmux.socket {
        path if path.is_empty() => context.tmux_socket(),
        path => Socket::Path(path.into()),
    };
    let attach = tmux::attach::Attach {
        socket,
        server_pid: daemon.tmux.server_pid,
        session: session
            .tmux_session
            .clone()
            .unwrap_or_else(|| format!("={}", session.name)),
        read_only: args.read_only,
    };
    let inside = context.env.os("TMUX");
    if args.read_only && attach.is_inside(inside) {
        return viewer.run().await;
    }
    let error = attach.exec(inside);
    Err(
        Failure::new(Exit::Unavailable, format!("cannot run tmux: {error}"))
            .hint("install tmux on this host"),
    )
}
