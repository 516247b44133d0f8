//! Telling devices while no page is open: Web Push.

use serde::{Deserialize, Serialize};

use super::Secret;

/// Whether devices can be told: `GET /api/push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PushView {
    /// Whether a device may subscribe.
    pub enabled: bool,
    /// The key that a browser asks for when it subscribes, in base64url.
    pub public_key: String,
    /// Whether the device that asks has subscribed; then what for.
    pub subscribed: Option<PushWish>,
}

/// What a device wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushWish {
    /// That an agent asks something.
    #[serde(default = "yes")]
    pub blocked: bool,
    /// That a turn has ended.
    #[serde(default)]
    pub ended: bool,
}

fn yes() -> bool {
    true
}

/// Has a device told: `PUT /api/push/subscription`. The first two fields are a browser's `PushSubscription` as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushRequest {
    /// Where the push service takes messages for it.
    pub endpoint: Secret,
    /// How they are encrypted for it.
    pub keys: PushKeys,
    /// What it wants to be told.
    #[serde(flatten)]
    pub wish: PushWish,
}

/// How messages are encrypted for a device, in base64url.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushKeys {
    /// Its public key.
    pub p256dh: String,
    /// What it shares with us alone.
    pub auth: Secret,
}
