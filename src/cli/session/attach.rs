use clap::Args;
use llmux_protocol::api::{DaemonStatus, SessionView, State};

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
}

pub(super) async fn run(args: &Attach, context: &Context) -> Result<(), Failure> {
    context.only_here("session attach")?;
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
            .unwrap_or_else(|| format!("={}", session.name)),
    };
    let error = attach.exec(context.env.os("TMUX"));
    Err(
        Failure::new(Exit::Unavailable, format!("cannot run tmux: {error}"))
            .hint("install tmux on this host"),
    )
}
