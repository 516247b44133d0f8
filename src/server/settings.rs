//! `/api/settings`: how the daemon is set up, and what of it can be changed there.

use axum::{Json as Reply, extract::State};
use llmux_protocol::api::{InitPromptsReply, InitPromptsRequest, SettingsView, TurnqReply, TurnqRequest};
use tokio::sync::oneshot;

use super::{
    Order, Setting, Shared,
    body::{Json, PROMPT},
    error::Failure,
};
use crate::session::SessionError;

pub(super) async fn get(State(shared): State<Shared>) -> Reply<SettingsView> {
    Reply((shared.settings)())
}

pub(super) async fn init_prompts(
    State(shared): State<Shared>,
    Json(wish): Json<InitPromptsRequest, PROMPT>,
) -> Result<Reply<InitPromptsReply>, Failure> {
    let now = set(&shared, Setting::InitPrompts(wish.init_prompts)).await?;
    Ok(Reply(InitPromptsReply {
        ok: true,
        init_prompts: now.daemon_init_prompts,
        overlay_active: now.overlay_active,
    }))
}

pub(super) async fn turnq(
    State(shared): State<Shared>,
    Json(mut wish): Json<TurnqRequest>,
) -> Result<Reply<TurnqReply>, Failure> {
    let url = wish.url.as_deref().map(str::trim).filter(|url| !url.is_empty());
    wish.url = url.map(str::to_owned);
    let now = set(&shared, Setting::Turnq(wish)).await?;
    Ok(Reply(TurnqReply {
        ok: true,
        turnq: now.turnq,
        overlay_active: now.overlay_active,
    }))
}

/// Takes back all that was changed here.
pub(super) async fn revert(State(shared): State<Shared>) -> Result<Reply<SettingsView>, Failure> {
    set(&shared, Setting::Revert).await.map(Reply)
}

/// Has the daemon change a setting; gives all as they are then.
async fn set(shared: &Shared, setting: Setting) -> Result<SettingsView, Failure> {
    let gone = |_| Failure::from(SessionError::ShuttingDown);
    let (done, answer) = oneshot::channel();
    let sent = shared.orders.send(Order::Set(setting, done)).await;
    sent.map_err(|_| Failure::from(SessionError::ShuttingDown))?;
    answer.await.map_err(gone)?.map_err(Failure)?;
    Ok((shared.settings)())
}
