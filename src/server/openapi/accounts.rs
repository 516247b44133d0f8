//! Sign-in, the own account, users, tokens and pairing.

use llmux_protocol::api::{
    LoginReply, LoginRequest, NameRequest, PairRequest, PairingCode, PairingRequest, PassphraseRequest,
    Revoked, SetupReply, SetupRequest, Ticket, TicketRequest, TokenList, TokenLogin, TokenMade, TokenReply,
    TokenRequest, UserReply, UserRequest, UserView, Whoami,
};
use utoipa::openapi::{HttpMethod, schema::Type};

use super::write::Api;

pub(super) fn write(api: &mut Api) {
    sign_in(api);
    users(api);
    tokens(api);
}

fn sign_in(api: &mut Api) {
    api.post("/api/setup", "Makes the first user, and signs them in")
        .open()
        .takes::<SetupRequest>()
        .answers::<SetupReply>();
    api.post("/api/auth/login", "Signs in by passphrase")
        .open()
        .takes::<LoginRequest>()
        .answers::<LoginReply>();
    api.post("/api/auth/pair", "Signs in by a pairing code, which is good once")
        .open()
        .takes::<PairRequest>()
        .answers::<LoginReply>();
    api.post("/api/auth", "Turns a token into a cookie")
        .open()
        .takes::<TokenLogin>()
        .answers::<Revoked>();
    api.post("/api/auth/logout", "Revokes the token one came with")
        .answers::<Revoked>();
    api.get("/api/auth/whoami", "Who one is, and what one may do")
        .answers::<Whoami>();
    api.post(
        "/api/ws-ticket",
        "A ticket for one upgrade to a session's WebSocket, `/ws/{name}`, as the subprotocol `ticket.TICKET`",
    )
    .takes::<TicketRequest>()
    .answers::<Ticket>();
}

fn users(api: &mut Api) {
    api.post("/api/account/profile", "Changes the own display name")
        .takes::<NameRequest>()
        .answers::<UserReply>();
    api.post(
        "/api/account/passphrase",
        "Changes the own passphrase and revokes all own tokens",
    )
    .takes::<PassphraseRequest>()
    .answers::<Revoked>();
    api.get("/api/admin/users", "All users, for an admin")
        .lists::<UserView>();
    api.post("/api/admin/users", "Makes a user, for an admin")
        .takes::<UserRequest>()
        .answers::<UserReply>();
    api.on(
        HttpMethod::Delete,
        "/api/admin/users/{username}",
        "Removes a user and revokes their tokens, for an admin",
    )
    .answers::<Revoked>();
    api.post(
        "/api/admin/users/{username}/passphrase",
        "Gives a user another passphrase and revokes their tokens, for an admin",
    )
    .takes::<PassphraseRequest>()
    .answers::<Revoked>();
}

fn tokens(api: &mut Api) {
    api.get("/api/tokens", "The own tokens; everybody's, for an admin")
        .query("all", &Type::String, "`false`: the own ones only")
        .query("user", &Type::String, "This user's only")
        .answers::<TokenList>();
    api.post("/api/tokens", "Makes a token, which is shown this once")
        .takes::<TokenRequest>()
        .makes()
        .answers::<TokenMade>();
    api.on(
        HttpMethod::Delete,
        "/api/tokens",
        "Revokes all own tokens; everybody's, for an admin",
    )
    .query("user", &Type::String, "This user's only, for an admin")
    .answers::<Revoked>();
    api.on(
        HttpMethod::Patch,
        "/api/tokens/{id}",
        "Gives a token another name",
    )
    .takes::<NameRequest>()
    .answers::<TokenReply>();
    api.on(HttpMethod::Delete, "/api/tokens/{id}", "Revokes a token")
        .answers::<Revoked>();
    api.post("/api/pairing", "Makes a code that signs another device in, once")
        .takes::<PairingRequest>()
        .answers::<PairingCode>();
}
