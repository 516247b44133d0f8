//! `/api/agents` and below.

use axum::{Json, extract::State};
use llmux_protocol::api::AgentView;

use super::Shared;

pub(super) async fn installed(State(shared): State<Shared>) -> Json<Vec<AgentView>> {
    Json(
        views(&shared)
            .into_iter()
            .filter(|agent| agent.installed)
            .collect(),
    )
}

pub(super) async fn all(State(shared): State<Shared>) -> Json<Vec<AgentView>> {
    Json(views(&shared))
}

fn views(shared: &Shared) -> Vec<AgentView> {
    shared.sessions.agents()
}
