//! Who may do what: login, users, tokens, pairing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is never shown: a passphrase, a token, a one-time code.
///
/// It is plain on the wire, and `***` in debug output.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for those who must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See a session: its screen, its output, its turns, its conversations.
    Watch,
    /// Press keys in a session.
    Type,
    /// Send prompts to a session.
    Prompt,
    /// Answer what an agent asks.
    Answer,
    /// Start, change, stop a session.
    Manage,
    /// The daemon itself: its settings, its log, its users.
    Admin,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 6] = [
        Self::Watch,
        Self::Type,
        Self::Prompt,
        Self::Answer,
        Self::Manage,
        Self::Admin,
    ];

    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Type => "type",
            Self::Prompt => "prompt",
            Self::Answer => "answer",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }
}

/// What a token is limited to: these actions on the sessions whose name matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenScope {
    /// A pattern of session names: `*` is any text, `?` any character.
    pub sessions: String,
    /// What may be done there.
    pub actions: Vec<Action>,
}

/// Signs in: `POST /api/auth/login`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct LoginRequest {
    /// Who.
    pub username: String,
    /// The passphrase.
    pub passphrase: Secret,
    /// What the new token is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// Turns a pairing code into a login: `POST /api/auth/pair`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PairRequest {
    /// The code, as `POST /api/pairing` gave it.
    pub code: Secret,
    /// What the new token is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// The answer to a login or a pairing; the token is also set as the cookie `llmux_session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LoginReply {
    /// The new token.
    pub token: Secret,
    /// Its name.
    pub token_name: String,
    /// Whose it is.
    pub username: String,
}

/// Turns a token into a cookie: `POST /api/auth`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TokenLogin {
    /// The token.
    pub token: Secret,
}

/// Makes the first user: `POST /api/setup`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SetupRequest {
    /// The token of the setup link.
    pub setup_token: Secret,
    /// The user's name for people.
    pub name: String,
    /// The user.
    pub username: String,
    /// The passphrase.
    pub passphrase: Secret,
}

/// The answer to a setup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SetupReply {
    /// Always `true`.
    pub ok: bool,
    /// The first user's first token.
    pub bootstrap_token: BootstrapToken,
}

/// A token with its one plain showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BootstrapToken {
    /// What it is.
    pub token: BootstrapView,
    /// The token itself.
    pub plaintext_secret: Secret,
}

/// A token, in the words of the setup's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BootstrapView {
    /// Its id.
    pub token_id: String,
    /// Whose it is.
    pub username: String,
    /// Its name.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// Who asks: `GET /api/auth/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// How they are known.
    pub role: Role,
    /// The user; none for the daemon's owner and for a token of version 1.
    pub username: Option<String>,
    /// The user's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether users and settings are theirs to change.
    pub admin: bool,
    /// The token they came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// What that token is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<TokenScope>>,
    /// What they may do, on one session at least.
    pub actions: Vec<Action>,
}

/// How somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The user the daemon runs as, through its Unix socket.
    Owner,
    /// A user who may change users and settings.
    Admin,
    /// A user.
    User,
    /// The bearer of a token of version 1, which belongs to nobody.
    Legacy,
}

/// A user, as others may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// What they sign in with.
    pub username: String,
    /// Their name for people.
    pub name: String,
    /// Whether users and settings are theirs to change.
    pub admin: bool,
    /// When they were made, RFC 3339.
    pub created_at: String,
}

/// The answer to a change of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserReply {
    /// Always `true`.
    pub ok: bool,
    /// The user as they are now.
    pub user: UserView,
}

/// Makes a user: `POST /api/admin/users`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct UserRequest {
    /// What they sign in with: `[a-z0-9_-]`, at most 32.
    pub username: String,
    /// Their name for people.
    pub name: String,
    /// At least 8 characters.
    pub passphrase: Secret,
    /// Whether users and settings are theirs to change.
    pub admin: bool,
}

/// Changes a display name (`POST /api/account/profile`) or a token's name (`PATCH /api/tokens/{id}`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NameRequest {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Changes a passphrase: `POST /api/account/passphrase`, and for another user `POST /api/admin/users/{username}/passphrase`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PassphraseRequest {
    /// The present one; only for the own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_passphrase: Option<Secret>,
    /// The new one, at least 8 characters.
    pub new_passphrase: Secret,
}

/// That something is done, and what it revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Always `true`.
    pub ok: bool,
    /// How many tokens of the user were revoked with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_tokens: Option<usize>,
    /// How many tokens were revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<usize>,
    /// How many tokens there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<usize>,
    /// Whose token it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A token, without what could be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub username: String,
    /// Its name.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it ends, RFC 3339; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was last seen, to the minute or so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// What it is limited to; all that its user may do if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<TokenScope>>,
}

/// The tokens the caller may see: `GET /api/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// Who asks.
    pub me: TokenOwner,
    /// The tokens, in the order they were made.
    pub tokens: Vec<TokenView>,
    /// All users, for those who may make tokens for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<TokenOwner>>,
}

/// A user who can have tokens. The daemon's owner, who is none of them, has no name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenOwner {
    /// The user.
    pub username: Option<String>,
    /// Whether users and settings are theirs to change.
    pub admin: bool,
}

/// Makes a token: `POST /api/tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TokenRequest {
    /// Its name; by default the user's with the date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it ends, RFC 3339 or a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The address a phone would use; the answer then has a link and a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairing_origin: Option<String>,
    /// Whose it will be; only an admin may name another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<TokenScope>>,
}

/// A new token, with its one plain showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenMade {
    /// Always `true`.
    pub ok: bool,
    /// The token itself.
    pub value: Secret,
    /// What it is.
    pub token: TokenView,
    /// The link that signs a browser in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing_url: Option<Secret>,
    /// That link as a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr_svg: Option<Secret>,
}

/// The answer to a token's new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenReply {
    /// Always `true`.
    pub ok: bool,
    /// The token as it is now.
    pub token: TokenView,
}

/// Asks for a one-time code that signs another device in: `POST /api/pairing`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct PairingRequest {
    /// The address the other device would use; the answer then has a link and a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Who will be signed in; only an admin may name another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What the device's token is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<TokenScope>>,
    /// What the device's token is called; by default what the device says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the device's token ends, RFC 3339 or a date; by default as any sign-in does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A one-time code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PairingCode {
    /// Always `true`.
    pub ok: bool,
    /// The code: good for one `POST /api/auth/pair`.
    pub code: Secret,
    /// When it ends, RFC 3339.
    pub expires_at: String,
    /// The link that signs a browser in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Secret>,
    /// That link as a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr_svg: Option<Secret>,
}

/// Asks for a one-time ticket to a session's WebSocket: `POST /api/ws-ticket`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TicketRequest {
    /// The session.
    pub session: String,
}

/// A one-time ticket: good for one upgrade, `/ws/{name}?ticket=..`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Always `true`.
    pub ok: bool,
    /// The ticket.
    pub ticket: Secret,
    /// When it ends, RFC 3339.
    pub expires_at: String,
}
