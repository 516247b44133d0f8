//! The facade, on files as they are on a disk.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    time::{Instant, SystemTime},
};

use llmux_protocol::api::{
    Action, LoginRequest, PairRequest, PairingRequest, Secret, TokenRequest, TokenScope, UserRequest,
};
use serde_json::{Value, json};

use super::*;
use crate::store::time;

/// Files in the shapes that the Node program 0.41 writes, with a field of a later version in each.
const USERS: &str = include_str!("../../tests/fixtures/auth/users.json");
const TOKENS: &str = include_str!("../../tests/fixtures/auth/tokens.json");
const V1: &str = include_str!("../../tests/fixtures/auth/auth-v1.json");
/// What belongs to them.
const ALICE: &str = "sas_-k3yWithDashes_0.c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3Jl";
const EXPIRED: &str = "sas_expiredToken0001.c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3Jl";
const ORPHAN: &str = "sas_orphanToken00001.c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3Jl";
const OLD: &str = "sas_abcdefgh0123456789012345678901234567890123456";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.data("")).unwrap();
        home
    }

    /// One that 0.41 has used.
    fn used() -> Self {
        let home = Self::new();
        fs::write(home.data("users.json"), USERS).unwrap();
        fs::write(home.data("tokens.json"), TOKENS).unwrap();
        fs::write(home.state("auth.json"), V1).unwrap();
        home
    }

    fn data(&self, file: &str) -> PathBuf {
        self.0.path().join("data/llmux/v2").join(file)
    }

    fn state(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn auth(&self, log_n: u8) -> Auth {
        let data = self.0.path().join("data");
        let vars = [("XDG_DATA_HOME", data.to_str().unwrap())];
        let env = Environment::new(self.0.path(), self.0.path(), vars);
        let setting = Setting {
            log_n,
            write_every: Duration::ZERO,
            ..Setting::default()
        };
        Auth::open(&env, self.0.path(), setting).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.data(file)).unwrap()).unwrap()
    }
}

fn login(username: &str, passphrase: &str) -> LoginRequest {
    LoginRequest {
        username: username.to_owned(),
        passphrase: Secret::new(passphrase),
        device_name: None,
    }
}

fn wish(username: &str) -> TokenRequest {
    TokenRequest {
        username: Some(username.to_owned()),
        ..TokenRequest::default()
    }
}

fn refusal(auth: &Auth, token: &str) -> String {
    auth.identify(token).unwrap_err().to_string()
}

#[tokio::test]
async fn files_of_the_old_program_are_understood() {
    let home = Home::used();
    let auth = home.auth(4);
    assert!(auth.is_enabled());
    let alice = auth.identify(ALICE).unwrap();
    assert_eq!((alice.label().as_str(), alice.is_admin()), ("alice", true));
    assert_eq!(refusal(&auth, EXPIRED), "token expired");
    assert_eq!(refusal(&auth, ORPHAN), "token owner no longer exists");
    assert_eq!(refusal(&auth, &ALICE.replace("-k3y", "-k4y")), "invalid token");
    assert_eq!(refusal(&auth, &format!("{ALICE}x")), "invalid token");
    for text in [
        "",
        "sas_",
        "sas_.",
        "sas_a.",
        "sas_.b",
        "a.b",
        "sas_é",
        "sas_abcdefg",
    ] {
        assert_eq!(refusal(&auth, text), "invalid token", "{text}");
    }
    // The passphrase was hashed by Node.
    let minted = auth
        .log_in(None, login("alice", "correct horse – Batterie"))
        .await
        .unwrap();
    assert_eq!(minted.token.name, "alice device");
}

#[tokio::test]
async fn what_a_later_version_wrote_is_kept_and_so_is_what_cannot_be_read() {
    let home = Home::used();
    let auth = home.auth(4);
    auth.mint(&Identity::Owner, wish("alice")).await.unwrap();
    let alice = auth.identify(ALICE).unwrap();
    auth.rename_self(&alice, "Alice B.").await.unwrap();
    let (users, tokens) = (home.json("users.json"), home.json("tokens.json"));
    assert_eq!(
        (&users[0]["name"], &users[0]["theme"]),
        (&"Alice B.".into(), &"dark".into())
    );
    let all = tokens.as_array().unwrap();
    assert!(all.iter().any(|token| token["device"] == "phone"));
    assert!(all.contains(&json!({"tokenId": 7, "note": "no token that anybody knows"})));
    assert_eq!(tokens[0]["tokenId"], "-k3yWithDashes_0");
}

#[test]
fn tokens_of_version_1_are_hashed_on_the_disk_and_still_let_in_to_watch() {
    let home = Home::used();
    let auth = home.auth(4);
    let old = auth.identify(OLD).unwrap();
    assert!(old.may(Action::Watch, Some("a")) && !old.may(Action::Prompt, Some("a")));
    assert!(old.bearer().is_err());
    let text = fs::read_to_string(home.state("auth.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&file["version"], file["tokens"][0].get("token")),
        (&json!(2), None)
    );
    assert_eq!(file["tokens"][0]["hash"], secret::to_hex(secret::sha256(OLD)));
    assert!(!text.contains(OLD), "{text}");
    assert_eq!(file["tokens"][0]["name"], "laptop");
    // Read again from what was written.
    assert!(home.auth(4).identify(OLD).is_ok());
    assert_eq!(refusal(&auth, &OLD.replace('9', "8")), "invalid token");
    fs::write(home.state("auth.json"), "{\"version\":3}").unwrap();
    assert!(matches!(auth.identify(OLD), Err(AuthError::Corrupt { .. })));
    assert_eq!(
        fs::read_to_string(home.state("auth.json")).unwrap(),
        "{\"version\":3}"
    );
}

#[test]
fn files_that_others_could_read_are_made_private() {
    let home = Home::used();
    for file in [
        home.data("users.json"),
        home.data("tokens.json"),
        home.state("auth.json"),
    ] {
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let auth = home.auth(4);
    auth.identify(ALICE).unwrap();
    auth.identify(OLD).unwrap();
    for file in [
        home.data("users.json"),
        home.data("tokens.json"),
        home.state("auth.json"),
    ] {
        assert_eq!(
            fs::metadata(&file).unwrap().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}

#[tokio::test]
async fn what_another_program_changed_counts_at_once() {
    let home = Home::used();
    let (here, there) = (home.auth(4), home.auth(4));
    here.identify(ALICE).unwrap();
    there
        .revoke(&Identity::Owner, "-k3yWithDashes_0".to_owned())
        .await
        .unwrap();
    assert_eq!(refusal(&here, ALICE), "invalid token");
    let minted = there.mint(&Identity::Owner, wish("alice")).await.unwrap();
    assert!(here.identify(minted.value.expose()).is_ok());
    there
        .delete_user(&Identity::Owner, "bob".to_owned())
        .await
        .unwrap();
    assert!(
        !here
            .users(&Identity::Owner)
            .unwrap()
            .iter()
            .any(|user| user.username == "bob")
    );
}

#[tokio::test]
async fn two_programs_at_once_lose_no_change() {
    let home = Home::used();
    let (here, there) = (home.auth(4), home.auth(4));
    let before = here.tokens(&Identity::Owner, true).unwrap().tokens.len();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let auth = if n % 2 == 0 { here.clone() } else { there.clone() };
        tasks.spawn(async move { auth.mint(&Identity::Owner, wish("alice")).await.unwrap() });
    }
    let minted = tasks.join_all().await;
    assert!(
        minted
            .iter()
            .all(|minted| there.identify(minted.value.expose()).is_ok())
    );
    // The one that had ended long ago went with the first change.
    let after = here.tokens(&Identity::Owner, true).unwrap().tokens.len();
    assert_eq!(after, before + 20 - 1);
}

#[tokio::test]
async fn using_a_token_writes_nothing_until_its_use_is_noted_once() {
    let home = Home::used();
    let auth = home.auth(4);
    let file = home.data("tokens.json");
    let inode = || fs::metadata(&file).unwrap().ino();
    let before = inode();
    for _ in 0..1000 {
        auth.identify(ALICE).unwrap();
    }
    assert_eq!(inode(), before);
    let seen = |auth: &Auth| {
        let list = auth.tokens(&Identity::Owner, true).unwrap();
        time::parse(list.tokens[0].last_used_at.as_ref().unwrap()).unwrap()
    };
    // It is seen at once, and on the disk when the timer has run.
    assert!(seen(&auth) > SystemTime::now() - Duration::from_mins(1));
    while inode() == before {
        tokio::task::yield_now().await;
    }
    assert!(seen(&home.auth(4)) > SystemTime::now() - Duration::from_mins(1));
    let all = home.json("tokens.json");
    let ids: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["tokenId"].clone())
        .collect();
    assert!(!ids.contains(&json!("expiredToken0001")), "{ids:?}");
}

#[tokio::test]
async fn scopes_are_in_the_file_and_what_cannot_be_read_of_them_allows_nothing() {
    let home = Home::used();
    let auth = home.auth(4);
    let scopes = vec![TokenScope {
        sessions: "dev-*".to_owned(),
        actions: vec![Action::Watch],
    }];
    let request = TokenRequest {
        scopes: Some(scopes),
        ..wish("alice")
    };
    let minted = auth.mint(&Identity::Owner, request).await.unwrap();
    let limited = auth.identify(minted.value.expose()).unwrap();
    assert!(limited.may(Action::Watch, Some("dev-1")) && !limited.may(Action::Watch, Some("main")));
    let file = home.data("tokens.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"watch\""));
    fs::write(&file, text.replace("\"watch\"", "\"teleport\"")).unwrap();
    let limited = auth.identify(minted.value.expose()).unwrap();
    assert!(
        Action::ALL
            .iter()
            .all(|action| !limited.may_at(*action, Where::Somewhere))
    );
    auth.flush().await;
    assert!(fs::read_to_string(&file).unwrap().contains("\"teleport\""));
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_known_one() {
    let home = Home::new();
    let auth = home.auth(12);
    let user = UserRequest {
        username: "alice".to_owned(),
        name: "Alice".to_owned(),
        passphrase: Secret::new("correct horse"),
        admin: true,
    };
    auth.create_user(&Identity::Owner, user).await.unwrap();
    let guess = async |username: &str| {
        let began = Instant::now();
        auth.log_in(None, login(username, "a wrong guess"))
            .await
            .unwrap_err();
        began.elapsed()
    };
    // The shortest of ever more: what else the machine does only makes it longer.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    let is_equal = |known: Duration, unknown: Duration| known < unknown * 2 && unknown < known * 2;
    for round in 0..200 {
        known = known.min(guess("alice").await);
        unknown = unknown.min(guess("nobody").await);
        if round >= 10 && is_equal(known, unknown) {
            return;
        }
    }
    panic!("known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn the_event_loop_goes_on_while_a_passphrase_is_checked() {
    let home = Home::used();
    let auth = home.auth(17);
    let checking = auth.log_in(None, login("nobody", "a wrong guess"));
    tokio::pin!(checking);
    let mut turns = 0;
    loop {
        tokio::select! {
            biased;
            done = &mut checking => break assert!(done.is_err()),
            () = tokio::task::yield_now() => turns += 1,
        }
    }
    assert!(turns > 100, "{turns}");
}

#[tokio::test]
async fn what_is_made_is_in_the_shapes_the_old_program_reads() {
    let home = Home::new();
    let auth = home.auth(4);
    let setup = auth.offer_setup().unwrap().unwrap();
    let request = llmux_protocol::api::SetupRequest {
        setup_token: setup,
        name: "Alice".to_owned(),
        username: "alice".to_owned(),
        passphrase: Secret::new("correct horse"),
    };
    auth.set_up(None, request).await.unwrap();
    assert!(auth.offer_setup().unwrap().is_none());
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (users, tokens) = (home.json("users.json"), home.json("tokens.json"));
    assert_eq!(
        keys(&users[0]),
        ["admin", "createdAt", "name", "passphraseHash", "username"]
    );
    assert!(
        users[0]["passphraseHash"]
            .as_str()
            .unwrap()
            .starts_with("scrypt$16$")
    );
    assert_eq!(
        keys(&tokens[0]),
        [
            "createdAt",
            "expiresAt",
            "name",
            "secretHash",
            "tokenId",
            "username"
        ]
    );
    for file in ["users.json", "tokens.json"] {
        assert_eq!(fs::metadata(home.data(file)).unwrap().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn no_debug_output_shows_a_secret() {
    let home = Home::used();
    let auth = home.auth(4);
    let minted = auth.mint(&Identity::Owner, wish("alice")).await.unwrap();
    let identity = auth.identify(minted.value.expose()).unwrap();
    let user = auth.0.users.find("alice").unwrap().unwrap();
    let token = auth.0.tokens.check(minted.value.expose()).unwrap();
    let login = login("alice", "correct horse");
    let shown = format!("{minted:?} {identity:?} {user:?} {token:?} {login:?}");
    let secret = minted.value.expose().split_once('.').unwrap().1;
    for hidden in [secret, "correct horse", "scrypt$", user.passphrase_hash.expose()] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

async fn with_alice(auth: &Auth, admin: bool) -> Identity {
    let user = UserRequest {
        username: "alice".to_owned(),
        name: "Alice".to_owned(),
        passphrase: Secret::new("correct horse"),
        admin,
    };
    auth.create_user(&Identity::Owner, user).await.unwrap();
    let minted = auth.mint(&Identity::Owner, wish("alice")).await.unwrap();
    auth.identify(minted.value.expose()).unwrap()
}

async fn reset(auth: &Auth, username: &str) {
    let new = Secret::new("another horse");
    auth.reset_passphrase(&Identity::Owner, username.to_owned(), &new)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_sign_in_whose_passphrase_was_checked_before_a_reset_does_not_outlast_it() {
    let home = Home::new();
    let auth = home.auth(4);
    let alice = with_alice(&auth, false).await;
    let checked = auth.0.users.find("alice").unwrap().unwrap();
    assert!(auth.sign_in_checked(checked.clone(), None).await.is_ok());
    reset(&auth, "alice").await;
    let refused = auth.sign_in_checked(checked, None).await.unwrap_err();
    assert!(matches!(refused, AuthError::BadCredentials), "{refused}");
    // Nor does a token that is made with one that is just being revoked.
    let refused = auth.mint(&alice, wish("alice")).await.unwrap_err();
    assert!(matches!(refused, AuthError::BadToken), "{refused}");
    assert_eq!(home.json("tokens.json"), json!([]));
}

#[tokio::test]
async fn a_pairing_code_ends_with_what_it_was_made_by_and_for() {
    let home = Home::new();
    let auth = home.auth(4);
    let admin = with_alice(&auth, true).await;
    let bob = UserRequest {
        username: "bob".to_owned(),
        name: "Bob".to_owned(),
        passphrase: Secret::new("correct horse"),
        admin: false,
    };
    auth.create_user(&Identity::Owner, bob).await.unwrap();
    let offer = |who: &Identity| {
        let request = PairingRequest {
            username: Some("bob".to_owned()),
            ..PairingRequest::default()
        };
        auth.offer_pairing(who, request).unwrap().code
    };
    let pair = |code: Secret| {
        let request = PairRequest {
            code,
            device_name: None,
        };
        auth.pair(None, request)
    };
    assert_eq!(pair(offer(&admin)).await.unwrap().token.username, "bob");
    let (by_admin, by_owner) = (offer(&admin), offer(&Identity::Owner));
    let id = admin.token_id().unwrap().to_owned();
    auth.revoke(&Identity::Owner, id).await.unwrap();
    assert!(matches!(pair(by_admin).await, Err(AuthError::BadCode)));
    assert!(pair(by_owner).await.is_ok());
    let before = offer(&Identity::Owner);
    reset(&auth, "bob").await;
    assert!(matches!(pair(before).await, Err(AuthError::BadCode)));
    assert_eq!(home.json("tokens.json"), json!([]));
}

#[test]
fn an_end_that_is_a_date_or_cannot_be_read_is_an_end() {
    for (end, is_good) in [
        (json!("2020-01-01"), false),
        (json!("2099-01-01"), true),
        (json!("2099-01-01T00:00:00+01:00"), true),
        (json!("when pigs fly"), false),
        (json!(null), true),
    ] {
        let home = Home::used();
        let mut tokens: Value = serde_json::from_str(TOKENS).unwrap();
        tokens[0]["expiresAt"] = end.clone();
        fs::write(home.data("tokens.json"), tokens.to_string()).unwrap();
        let mut old: Value = serde_json::from_str(V1).unwrap();
        old["tokens"][0]["expiresAt"] = end.clone();
        fs::write(home.state("auth.json"), old.to_string()).unwrap();
        let auth = home.auth(4);
        for token in [ALICE, OLD] {
            match auth.identify(token) {
                Ok(_) => assert!(is_good, "{end}"),
                Err(error) => assert!(!is_good && matches!(error, AuthError::Expired), "{end}: {error}"),
            }
        }
    }
}
