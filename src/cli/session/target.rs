//! Which session is meant: its exact name, else the key of an agent that has exactly one session.

use llmux_protocol::api::{ErrorCode, SessionView};

use crate::{
    cli::failure::Failure,
    client::{Client, ClientError, Feed, session_path},
};

/// Carries `request` out on the session that `target` names and returns its answer.
///
/// The name is tried first as it is, so the usual case is one request; only if there is no such session are all listed.
pub(super) async fn on<T>(
    client: &mut Client,
    target: &str,
    request: impl AsyncFn(&mut Client, &str) -> Result<T, ClientError>,
) -> Result<T, Failure> {
    match request(client, target).await {
        Err(error) if error.code() == Some(ErrorCode::SessionNotFound) => {
            let sessions: Vec<SessionView> = client.get("/api/sessions").await?;
            match pick(&sessions, target) {
                Pick::One(name) => Ok(request(client, name).await?),
                Pick::Many(names) => Err(ambiguous(target, &names)),
                // The daemon has named the nearest.
                Pick::None => Err(error.into()),
            }
        }
        answer => Ok(answer?),
    }
}

/// Follows what the session that `target` names says at `end` of its path.
pub(super) async fn follow(mut client: Client, target: &str, end: &str) -> Result<Feed, Failure> {
    let opened = on(&mut client, target, async |client, name| {
        let path = session_path(name, end);
        let stream = client.stream_lasting(&path).await?;
        Ok((path, stream))
    });
    let (path, stream) = opened.await?;
    Ok(Feed::new(client, path, stream))
}

#[derive(Debug, PartialEq, Eq)]
enum Pick<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
    None,
}

fn pick<'a>(sessions: &'a [SessionView], target: &str) -> Pick<'a> {
    let mut names = sessions.iter().map(|session| session.name.as_str());
    if let Some(name) = names.find(|name| *name == target) {
        return Pick::One(name);
    }
    let of_agent: Vec<_> = sessions
        .iter()
        .filter(|session| session.agent == target)
        .map(|session| session.name.as_str())
        .collect();
    match of_agent[..] {
        [] => Pick::None,
        [name] => Pick::One(name),
        _ => Pick::Many(of_agent),
    }
}

fn ambiguous(target: &str, names: &[&str]) -> Failure {
    Failure::failed(format!(
        "\"{target}\" stands for {} sessions: {}",
        names.len(),
        names.join(", ")
    ))
    .hint("name one of them")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(name: &str, agent: &str) -> SessionView {
        serde_json::from_value(json!({
            "name": name, "agent": agent, "cwd": "/", "cwdDisplay": "/", "defaultFlags": "", "defaultEnv": {},
            "createdAt": "", "parent": null, "status": "running", "state": "running", "attached": 0
        }))
        .unwrap()
    }

    #[test]
    fn a_name_wins_over_an_agent_and_an_agent_must_be_unique() {
        let sessions = [
            session("a", "claude"),
            session("claude", "codex"),
            session("b", "gemini"),
            session("c", "gemini"),
        ];
        assert_eq!(pick(&sessions, "claude"), Pick::One("claude"));
        assert_eq!(pick(&sessions, "codex"), Pick::One("claude"));
        assert_eq!(pick(&sessions, "gemini"), Pick::Many(vec!["b", "c"]));
        assert_eq!(pick(&sessions, "cluade"), Pick::None);
        assert_eq!(pick(&[], "x"), Pick::None);
    }
}
