//! `llmux hook EVENT [PAYLOAD]`: what an agent calls when something happens in it.
//!
//! An agent waits for its hooks, reads what they print and may stop because of how they end. So this one is quick,
//! prints nothing on standard output, ends with 0 whatever happens, and never starts a daemon.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Read},
    time::Duration,
};

use clap::Args;
use llmux_protocol::api::HookRequest;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    args::Global,
    context::Context,
    failure::{Failure, say},
};
use crate::{client::session_path, config::Environment};

/// How long it may take, standard input included.
const AT_MOST: Duration = Duration::from_millis(1500);

/// How long standard input may take of it.
const INPUT_AT_MOST: Duration = Duration::from_millis(750);

/// The largest payload, in bytes; a larger one is left out, the event is still told.
const MAX_PAYLOAD_BYTES: u64 = 4 << 20;

#[derive(Debug, Args)]
pub(super) struct Hook {
    /// The event in the agent's own words, then perhaps what the agent gives with it, as JSON; else that is piped in
    #[arg(
        value_name = "EVENT [PAYLOAD]",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// Tells the daemon; what goes wrong is said on standard error only.
pub(super) fn run(hook: &Hook, env: Environment, global: Global) {
    // An agent that a person started himself has the same hooks, and no session.
    let Some(session) = env.text("LLMUX_SESSION").map(str::to_owned) else {
        return;
    };
    if let Err(failure) = tell(hook, &session, env, global) {
        say(&format!("hook: {}", failure.message()));
    }
}

fn tell(hook: &Hook, session: &str, mut env: Environment, global: Global) -> Result<(), Failure> {
    env.load_dotenv()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    let context = Context::new(env, global);
    // In a block of its own: a timer can't be made outside of the runtime.
    let told = runtime.block_on(async { timeout(AT_MOST, post(hook, session, &context)).await });
    // A pipe that never ends must not keep the agent.
    runtime.shutdown_background();
    told.unwrap_or_else(|_| {
        Err(Failure::failed(format!(
            "not done within {} ms",
            AT_MOST.as_millis()
        )))
    })
}

async fn post(hook: &Hook, session: &str, context: &Context) -> Result<(), Failure> {
    let mut client = context.here().await?;
    let mut request = request(hook).await?;
    request.pane = pane(&context.env);
    let _: IgnoredAny = client.post(&session_path(session, "hook"), &request).await?;
    Ok(())
}

async fn request(hook: &Hook) -> Result<HookRequest, Failure> {
    let Some((event, rest)) = hook.words.split_first() else {
        return Err(Failure::usage("no event is named"));
    };
    let payload = match rest.last() {
        Some(payload) => Ok(payload.as_encoded_bytes().to_vec()),
        None => match timeout(INPUT_AT_MOST, tokio::task::spawn_blocking(piped)).await {
            Ok(read) => read.map_err(Failure::internal)?,
            // An agent that leaves the pipe open has told the event all the same.
            Err(_) => Err("standard input does not end".to_owned()),
        },
    };
    let payload = payload.and_then(|bytes| parsed(&bytes)).unwrap_or_else(|why| {
        say(&format!("hook: the payload is left out: {why}"));
        Value::Null
    });
    Ok(HookRequest {
        event: event.to_string_lossy().into_owned(),
        payload,
        pane: None,
    })
}

/// Where it is called, as tmux tells each program: `TMUX` is `SOCKET,PID,SESSION`.
fn pane(env: &Environment) -> Option<(u32, String)> {
    let server = env.text("TMUX")?.rsplit(',').nth(1)?.parse().ok()?;
    Some((server, env.text("TMUX_PANE")?.to_owned()))
}

fn piped() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut limited = stdin.lock().take(MAX_PAYLOAD_BYTES + 1);
        limited
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
    }
    Ok(bytes)
}

fn parsed(bytes: &[u8]) -> Result<Value, String> {
    if bytes.len() as u64 > MAX_PAYLOAD_BYTES {
        return Err("it is larger than 4 MiB".to_owned());
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{cli::failure::Exit, client::fake};

    #[tokio::test]
    async fn the_last_word_is_the_payload() {
        for (words, event, payload) in [
            (&["Stop", "{\"a\":1}"][..], "Stop", json!({"a": 1})),
            (&["turn", "--json", "[2]"], "turn", json!([2])),
            (&["turn", "no json"], "turn", Value::Null),
            (&["turn", " "], "turn", Value::Null),
        ] {
            let words = words.iter().map(OsString::from).collect();
            let request = request(&Hook { words }).await.unwrap();
            assert_eq!((request.event.as_str(), request.payload), (event, payload));
        }
        assert!(request(&Hook { words: Vec::new() }).await.is_err());
    }

    #[test]
    fn an_event_reaches_the_daemon() {
        let daemons = tokio::runtime::Runtime::new().unwrap();
        let ok = [fake::answer("200 OK", "{\"ok\":true}")];
        let (dir, socket, server) = daemons.block_on(async { fake::daemon(&ok) });
        let env = Environment::new(
            dir.path(),
            dir.path(),
            [("LLMUX_SOCKET", socket.to_str().unwrap())],
        );
        let words = ["Stop", "{}"].map(OsString::from).to_vec();
        tell(&Hook { words }, "x", env, Global::default()).unwrap();
        let seen = daemons.block_on(server).unwrap();
        assert!(seen[0].starts_with("POST /api/sessions/x/hook "), "{}", seen[0]);
        assert!(
            seen[0].ends_with("{\"event\":\"Stop\",\"payload\":{}}"),
            "{}",
            seen[0]
        );
    }

    #[test]
    fn where_no_daemon_answers_none_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("absent");
        let env = Environment::new(
            dir.path(),
            dir.path(),
            [("LLMUX_SOCKET", socket.to_str().unwrap())],
        );
        let words = vec![OsString::from("Stop"), OsString::from("{}")];
        let failure = tell(&Hook { words }, "x", env, Global::default()).unwrap_err();
        assert_eq!(failure.kind(), Exit::Unavailable);
        assert!(!socket.exists());
    }

    #[test]
    fn the_pane_is_known_by_its_server() {
        let root = std::path::Path::new("/");
        let read = |tmux: &str| {
            pane(&Environment::new(
                root,
                root,
                [("TMUX", tmux), ("TMUX_PANE", "%3")],
            ))
        };
        assert_eq!(read("/tmp/a,b/default,77,0"), Some((77, "%3".to_owned())));
        assert_eq!((read(""), read("x")), (None, None));
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        assert_eq!(parsed(b""), Ok(Value::Null));
        assert!(parsed(b"{").is_err());
        let large = vec![b' '; MAX_PAYLOAD_BYTES as usize + 1];
        assert_eq!(parsed(&large), Err("it is larger than 4 MiB".to_owned()));
    }
}
