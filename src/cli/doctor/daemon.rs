//! The daemon, if one runs: whether it answers, which version it is, and how its connection to tmux is.

use std::{
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use llmux_protocol::api::DaemonStatus;
use tokio::time::timeout;

use super::{because, finding::Findings};
use crate::{
    cli::{context::Context, failure::Failure},
    client,
    store::StateDir,
};

const AREA: &str = "daemon";
const LINK: &str = "link";
const NONE: &str = "none runs; the first command starts one";

/// How long a daemon may take to say how it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn look(
    context: &Context,
    state: Option<&StateDir>,
    findings: &mut Findings,
) -> Option<DaemonStatus> {
    far(context, findings).await;
    let Some(state) = state else {
        findings.note(AREA, NONE);
        return None;
    };
    let sockets = context.places(state);
    let began = Instant::now();
    let answer = timeout(ANSWERS_WITHIN, async {
        let mut client = client::running(&sockets).await?;
        client.get::<DaemonStatus>("/api/daemon").await
    });
    match answer.await {
        Ok(Ok(status)) => {
            healthy(&status, began.elapsed(), findings);
            Some(status)
        }
        Ok(Err(client::ClientError::NoDaemon { .. })) => {
            findings.note(AREA, NONE);
            if let Some(left) = sockets
                .iter()
                .find(|socket| socket.exists() && UnixStream::connect(socket).is_err())
            {
                let said = format!(
                    "nobody listens at {}, left by a daemon that was killed",
                    left.display()
                );
                findings.note(AREA, said);
            }
            None
        }
        Ok(Err(error)) => {
            let fix = error.hints().into_iter().next().unwrap_or_default();
            findings.error(AREA, because(&error), fix);
            None
        }
        Err(_) => {
            let said = format!("it does not answer within {} s", ANSWERS_WITHIN.as_secs());
            findings.error(
                AREA,
                said,
                "kill it: agents run on, and the next command starts another",
            );
            None
        }
    }
}

fn healthy(status: &DaemonStatus, took: Duration, findings: &mut Findings) {
    let own = env!("CARGO_PKG_VERSION");
    let DaemonStatus {
        version, pid, tmux, ..
    } = status;
    if version == own {
        findings.ok(
            AREA,
            format!(
                "{version}, pid {pid}, answers in {:.1} ms",
                took.as_secs_f64() * 1000.0
            ),
        );
    } else {
        let said = format!("it is version {version}, and this program is {own}");
        findings.warn(AREA, said, "llmux server upgrade");
    }
    for warning in &status.warnings {
        findings.note(AREA, warning);
    }
    if tmux.connected {
        findings.ok(
            LINK,
            format!(
                "connected to tmux {}, server pid {}",
                tmux.version, tmux.server_pid
            ),
        );
    } else {
        let why = tmux.last_error.as_deref().unwrap_or("it is being made");
        let said = format!("the daemon is not connected to tmux: {why}");
        findings.error(
            LINK,
            said,
            "see whether `tmux ls` answers; the daemon tries again by itself",
        );
    }
    if tmux.reconnects > 0 {
        findings.note(
            LINK,
            format!(
                "the connection to tmux was lost and made anew {} times",
                tmux.reconnects
            ),
        );
    }
    for warning in tmux
        .warnings
        .iter()
        .filter(|warning| warning.contains("exit-unattached"))
    {
        findings.error(
            LINK,
            warning,
            "tmux set -g exit-unattached off, and in ~/.tmux.conf",
        );
    }
}

/// The server that `LLMUX_SERVER` or a profile names is what other verbs work on.
async fn far(context: &Context, findings: &mut Findings) {
    const AREA: &str = "server";
    let named = match context.far() {
        Ok(None) => return,
        Ok(Some(named)) => named,
        Err(failure) => return not_reached(AREA, &failure, findings),
    };
    let asked = timeout(ANSWERS_WITHIN, async {
        let mut client = context.client_of(&named).await?;
        Ok::<DaemonStatus, Failure>(client.get("/api/daemon").await?)
    });
    match asked.await {
        Ok(Ok(status)) => findings.ok(
            AREA,
            format!("{} answers, version {}", named.server, status.version),
        ),
        Ok(Err(failure)) => not_reached(AREA, &failure, findings),
        Err(_) => not_reached(
            AREA,
            &Failure::failed(format!("{} does not answer", named.server)),
            findings,
        ),
    }
}

fn not_reached(area: &'static str, failure: &Failure, findings: &mut Findings) {
    let fix = failure.hints().first().cloned();
    findings.error(
        area,
        failure.message(),
        fix.unwrap_or_else(|| "see whether it runs".to_owned()),
    );
}
