use std::time::{Duration, Instant};

use clap::Args;
use llmux_protocol::api::{Until, WaitOutcome, WaitRequest};

use super::target;
use crate::{
    cli::{context::Context, duration, failure::Failure, out::Out, table::plain},
    client::{Client, ClientError, session_path},
};

/// How long nothing is printed until a session counts as quiet, where the length is not said.
const QUIET: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  llmux session wait main --until text='tests? passed' --timeout 5m\n\nEnds with 124 if it did not come in time."
)]
pub(crate) struct Wait {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// idle, ready (idle, and the init prompts are done), quiet, quiet=TIME, text=REGEX or exit
    #[arg(long, value_name = "CONDITION", default_value = "idle", value_parser = until)]
    until: Until,
    /// How long at most, such as 500ms, 2s or 1m (default: for ever)
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Wait, context: &Context) -> Result<(), Failure> {
    let limit = args.timeout.map(duration::millis);
    let mut client = context.client().await?;
    let outcome = target::on(&mut client, &args.target, async |client, name| {
        wait(client, name, &args.until, limit).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&outcome)?;
    } else {
        out.line(&plain(&outcome.evidence))?;
    }
    out.finish()
}

/// Waits for something of a session, through daemons that leave.
pub(super) async fn wait(
    client: &mut Client,
    name: &str,
    until: &Until,
    limit_ms: Option<u64>,
) -> Result<WaitOutcome, ClientError> {
    let began = Instant::now();
    let rest = || WaitRequest {
        until: until.clone(),
        timeout_ms: duration::rest(limit_ms, began.elapsed()),
    };
    client.post_lasting(&session_path(name, "wait"), rest).await
}

fn until(text: &str) -> Result<Until, String> {
    let (kind, detail) = text
        .split_once('=')
        .map_or((text, None), |(kind, detail)| (kind, Some(detail)));
    match (kind, detail) {
        ("idle", None) => Ok(Until::Idle),
        ("ready", None) => Ok(Until::Ready),
        ("exit", None) => Ok(Until::Exit),
        ("quiet", None) => Ok(Until::Quiet {
            ms: duration::millis(QUIET),
        }),
        ("quiet", Some(length)) => Ok(Until::Quiet {
            ms: duration::millis(duration::parse(length)?),
        }),
        ("text", Some(pattern)) if !pattern.is_empty() => {
            regex::Regex::new(pattern).map_err(|e| e.to_string())?;
            Ok(Until::Text {
                regex: pattern.to_owned(),
            })
        }
        _ => Err("expected idle, ready, quiet, quiet=TIME, text=REGEX or exit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_read() {
        assert_eq!(until("idle"), Ok(Until::Idle));
        assert_eq!(until("exit"), Ok(Until::Exit));
        assert_eq!(until("ready"), Ok(Until::Ready));
        assert_eq!(until("quiet"), Ok(Until::Quiet { ms: 1000 }));
        assert_eq!(until("quiet=250ms"), Ok(Until::Quiet { ms: 250 }));
        assert_eq!(
            until("text=a=b|^c$"),
            Ok(Until::Text {
                regex: "a=b|^c$".to_owned()
            })
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "ready=1s",
            "idle=1s",
            "text",
            "text=",
            "text=(",
            "quiet=soon",
            "exit=0",
        ] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
