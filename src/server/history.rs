//! Stored conversations.

use axum::{Json as Reply, extract::State};
use llmux_protocol::api::{ConversationView, FoundView};
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    extract::{Path, Query},
};

type Answer<T> = Result<Reply<T>, Failure>;

/// Whose conversations are wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Whose {
    agent: String,
    cwd: String,
}

/// What is looked for, and where.
#[derive(Deserialize)]
pub(super) struct Wanted {
    text: String,
    agent: Option<String>,
    cwd: Option<String>,
}

pub(super) async fn of_session(
    State(shared): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Vec<ConversationView>> {
    Ok(Reply(shared.sessions.conversations(&name).await?))
}

/// Without an agent or a directory, or of an unknown agent, the list is empty: so the old clients expect it.
pub(super) async fn of_place(
    State(shared): State<Shared>,
    Query(Whose { agent, cwd }): Query<Whose>,
) -> Reply<Vec<ConversationView>> {
    if agent.is_empty() || cwd.is_empty() {
        return Reply(Vec::new());
    }
    Reply(shared.sessions.conversations_in(&agent, &cwd).await)
}

pub(super) async fn search(
    State(shared): State<Shared>,
    Query(Wanted { text, agent, cwd }): Query<Wanted>,
) -> Answer<Vec<FoundView>> {
    let found = shared
        .sessions
        .search(text, agent.as_deref(), cwd.as_deref())
        .await?;
    Ok(Reply(found))
}
