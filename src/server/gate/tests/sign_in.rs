//! Sign-in, accounts and users: the contract's shapes and status codes, and no secret in any answer.

use super::*;

impl House {
    /// Asks over the network, with a token if there is one; says the status, the answer and its cookie.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        sent: Value,
    ) -> (u16, Value, String) {
        self.call_from(tcp(false), method, path, token, sent).await
    }

    pub(super) async fn call_from(
        &self,
        from: Connection,
        method: Method,
        path: &str,
        token: Option<&str>,
        sent: Value,
    ) -> (u16, Value, String) {
        let mut request = ask(&method, path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(sent.to_string())).unwrap();
        let answer = send(&self.real(), from, request).await;
        let cookie = answer.headers().get(header::SET_COOKIE);
        let cookie = cookie.map_or(String::new(), |cookie| cookie.to_str().unwrap().to_owned());
        (answer.status().as_u16(), body(answer).await, cookie)
    }

    pub(super) async fn post(&self, path: &str, token: &str, sent: Value) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::POST, path, Some(token), sent).await;
        (status, answer)
    }

    pub(super) async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::GET, path, Some(token), json!({})).await;
        (status, answer)
    }

    pub(super) async fn delete(&self, path: &str, token: &str) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::DELETE, path, Some(token), json!({})).await;
        (status, answer)
    }

    pub(super) async fn log_in(&self, username: &str, passphrase: &str) -> (u16, Value, String) {
        let sent = json!({"username": username, "passphrase": passphrase});
        self.call(Method::POST, "/api/auth/login", None, sent).await
    }
}

pub(super) fn error(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"].as_str().unwrap()
}

#[tokio::test]
async fn a_passphrase_becomes_a_token_and_a_cookie() {
    let house = House::new().await;
    let (status, answer, cookie) = house.log_in("alice", "correct horse").await;
    let token = answer["token"].as_str().unwrap();
    assert_eq!(
        (status, &answer["username"], &answer["tokenName"]),
        (200, &"alice".into(), &"alice device".into())
    );
    assert_eq!(
        cookie,
        format!("llmux_session={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=7776000")
    );
    let (status, me) = house.get("/api/auth/whoami", token).await;
    assert_eq!(
        (status, &me["username"], &me["role"], &me["admin"]),
        (200, &"alice".into(), &"user".into(), &false.into())
    );
    let (status, answer, cookie) = house
        .call(Method::POST, "/api/auth/logout", Some(token), json!({}))
        .await;
    assert_eq!((status, answer), (200, json!({"ok": true})));
    assert!(
        cookie.starts_with("llmux_session=; ") && cookie.contains("Max-Age=0"),
        "{cookie}"
    );
    let (status, answer) = house.get("/api/auth/whoami", token).await;
    assert_eq!((status, error(&answer)), (401, "invalid token"));
}

#[tokio::test]
async fn a_cookie_is_for_tls_only_where_the_browser_speaks_it() {
    let house = House::new().await;
    let sent = json!({"username": "alice", "passphrase": "correct horse"});
    let (_, _, cookie) = house
        .call_from(tcp(true), Method::POST, "/api/auth/login", None, sent.clone())
        .await;
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    // Behind a proxy that takes TLS off, the page's origin says so.
    let request = ask(&Method::POST, "/api/auth/login")
        .header(header::ORIGIN, "https://box:3001")
        .body(Body::from(sent.to_string()))
        .unwrap();
    let answer = send(&house.real(), tcp(false), request).await;
    assert!(
        answer.headers()[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .ends_with("; Secure")
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_said_without_saying_who_is_known() {
    let house = House::new().await;
    for (username, passphrase, status, said) in [
        ("alice", "wrong", 401, "invalid credentials"),
        ("nobody", "wrong", 401, "invalid credentials"),
        ("", "x", 400, "username and passphrase required"),
        ("alice", "", 400, "username and passphrase required"),
    ] {
        let (found, answer, cookie) = house.log_in(username, passphrase).await;
        assert_eq!((found, error(&answer), cookie.as_str()), (status, said, ""));
    }
}

#[tokio::test]
async fn a_cookie_that_has_ended_keeps_nobody_from_signing_in() {
    let house = House::new().await;
    let request = ask(&Method::POST, "/api/auth/login")
        .header(header::COOKIE, "llmux_session=sas_old.token")
        .body(Body::from(
            json!({"username": "alice", "passphrase": "correct horse"}).to_string(),
        ))
        .unwrap();
    assert_eq!(super::status(&house.real(), request).await, StatusCode::OK);
}

#[tokio::test]
async fn guessing_is_locked_out_with_a_time_to_come_back() {
    let house = House::new().await;
    for _ in 0..10 {
        assert_eq!(house.log_in("alice", "a guess!").await.0, 401);
    }
    let (status, answer, _) = house.log_in("alice", "correct horse").await;
    assert_eq!((status, &answer["code"]), (429, &"too_many_requests".into()));
    assert!(
        error(&answer).starts_with("too many attempts; try again in "),
        "{answer}"
    );
    for path in ["/api/auth/pair", "/api/setup", "/api/auth"] {
        let request = ask(&Method::POST, path).body(Body::from("{}")).unwrap();
        let answer = send(&house.real(), tcp(false), request).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        let wait: u64 = answer.headers()[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=20).contains(&wait));
    }
    // Who is signed in goes on, and the daemon's owner is none of the network's business.
    let token = house.token("alice", None).await;
    assert_eq!(house.get("/api/auth/whoami", &token).await.0, 200);
}

#[tokio::test]
async fn the_first_user_is_made_once_by_the_setup_token() {
    let house = House::new().await;
    std::fs::remove_file(house.dir.path().join("data/llmux/v2/users.json")).unwrap();
    let token = house.auth.offer_setup().unwrap().unwrap();
    let file = house.dir.path().join("data/llmux/v2/setup-token");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        format!("{}\n", token.expose())
    );
    assert_eq!(token.expose().len(), 32);
    let setup = |token: &str, username: &str, passphrase: &str| json!({"setupToken": token, "name": " The Boss ", "username": username, "passphrase": passphrase});
    let mut made = None;
    for (token, username, passphrase, status, said) in [
        (
            "wrong",
            "boss",
            "long enough",
            400,
            "invalid or expired setup token",
        ),
        (
            token.expose(),
            "Boss",
            "long enough",
            400,
            "username must match [a-z0-9_-]+ (lowercase, no spaces)",
        ),
        (
            token.expose(),
            "boss",
            "short",
            400,
            "passphrase must be at least 8 characters",
        ),
        (token.expose(), "boss", "long enough", 200, ""),
        (
            token.expose(),
            "boss2",
            "long enough",
            400,
            "setup already complete",
        ),
    ] {
        let sent = setup(token, username, passphrase);
        let (found, answer, cookie) = house.call(Method::POST, "/api/setup", None, sent).await;
        assert_eq!(found, status, "{answer}");
        if status == 200 {
            assert!(cookie.starts_with("llmux_session=sas_"), "{cookie}");
            made = Some(answer);
        } else {
            assert_eq!(error(&answer), said);
        }
    }
    let made = made.unwrap();
    let token = &made["bootstrapToken"]["token"];
    assert_eq!(
        (&token["username"], &token["name"]),
        (&"boss".into(), &"The Boss's first device".into())
    );
    assert!(token.get("secretHash").is_none(), "{made}");
    let plain = made["bootstrapToken"]["plaintextSecret"].as_str().unwrap();
    assert_eq!(house.get("/api/auth/whoami", plain).await.1["role"], "admin");
    assert!(!file.exists());
}

#[tokio::test]
async fn an_admin_keeps_the_users_and_no_answer_has_a_hash() {
    let house = House::new().await;
    let (root, alice) = (house.token("root", None).await, house.token("alice", None).await);
    let new = json!({"username": "carol", "name": "Carol", "passphrase": "long enough", "admin": false});
    let (status, answer) = house.post("/api/admin/users", &root, new.clone()).await;
    assert_eq!((status, &answer["user"]["username"]), (200, &"carol".into()));
    let again = house.post("/api/admin/users", &root, new.clone()).await;
    assert_eq!(
        (again.0, error(&again.1)),
        (400, "username 'carol' already exists")
    );
    let (status, refused) = house.post("/api/admin/users", &alice, new).await;
    assert_eq!((status, error(&refused)), (403, "admin only"));
    let (_, list) = house.get("/api/admin/users", &root).await;
    let (_, profile) = house
        .post(
            "/api/account/profile",
            &alice,
            json!({"name": "</script><script>alert(1)</script>"}),
        )
        .await;
    for answer in [&answer, &list, &profile] {
        let text = answer.to_string();
        assert!(
            !text.contains("scrypt") && !text.to_lowercase().contains("hash"),
            "{text}"
        );
    }
    assert_eq!(house.post("/api/account/profile", &alice, json!({})).await.0, 400);
    let control = json!({"name": "a\u{1b}[2Jb"});
    assert_eq!(house.post("/api/account/profile", &alice, control).await.0, 400);
    for (path, token, status, said) in [
        (
            "/api/admin/users/root",
            &root,
            400,
            "cannot delete your own account",
        ),
        ("/api/admin/users/nobody", &root, 404, "user not found"),
        ("/api/admin/users/bob", &alice, 403, "admin only"),
    ] {
        let (found, answer) = house.delete(path, token).await;
        assert_eq!((found, error(&answer)), (status, said));
    }
    let (status, answer) = house.delete("/api/admin/users/alice", &root).await;
    assert_eq!((status, answer), (200, json!({"ok": true, "revokedTokens": 1})));
    let owner = Connection::Unix;
    let (status, answer, _) = house
        .call_from(owner, Method::DELETE, "/api/admin/users/root", None, json!({}))
        .await;
    assert_eq!((status, error(&answer)), (400, "cannot delete the last admin"));
}

#[tokio::test]
async fn a_new_passphrase_ends_all_sessions_of_the_user() {
    let house = House::new().await;
    let (root, alice) = (house.token("root", None).await, house.token("alice", None).await);
    let other = house.token("alice", None).await;
    let change = |old: &str, new: &str| json!({"oldPassphrase": old, "newPassphrase": new});
    let path = "/api/account/passphrase";
    assert_eq!(
        house.post(path, &alice, change("correct horse", "short")).await.0,
        400
    );
    let (status, answer) = house.post(path, &alice, change("wrong", "another one")).await;
    assert_eq!((status, error(&answer)), (401, "current passphrase incorrect"));
    let (status, answer) = house
        .post(path, &alice, change("correct horse", "another one"))
        .await;
    assert_eq!((status, answer), (200, json!({"ok": true, "revokedTokens": 2})));
    assert_eq!(house.get("/api/auth/whoami", &other).await.0, 401);
    assert_eq!(house.log_in("alice", "another one").await.0, 200);
    let reset = json!({"newPassphrase": "a third one"});
    let (status, answer) = house
        .post("/api/admin/users/alice/passphrase", &root, reset.clone())
        .await;
    assert_eq!((status, answer), (200, json!({"ok": true, "revokedTokens": 1})));
    assert_eq!(
        house
            .post("/api/admin/users/nobody/passphrase", &root, reset)
            .await
            .0,
        404
    );
    assert_eq!(house.log_in("alice", "a third one").await.0, 200);
}

#[tokio::test]
async fn a_corrupt_file_is_one_clear_error_and_stays_as_it_is() {
    let house = House::new().await;
    let token = house.token("root", None).await;
    let file = house.dir.path().join("data/llmux/v2/tokens.json");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "[{\"tokenId\":").unwrap();
    for (method, path) in [(Method::GET, "/api/auth/whoami"), (Method::POST, "/api/tokens")] {
        let (status, answer, _) = house.call(method, path, Some(&token), json!({})).await;
        assert_eq!((status, &answer["code"]), (500, &"state".into()));
        assert!(
            error(&answer).contains("tokens.json: it is no JSON array (line 1, column 12)"),
            "{answer}"
        );
    }
    assert_eq!(house.log_in("alice", "correct horse").await.0, 500);
    assert_eq!(std::fs::read(&file).unwrap(), b"[{\"tokenId\":");
    let health = ask(&Method::GET, "/health").body(Body::empty()).unwrap();
    assert_eq!(super::status(&house.doors(), health).await, StatusCode::OK);
    std::fs::write(&file, good).unwrap();
    assert_eq!(house.get("/api/auth/whoami", &token).await.0, 200);
}

#[tokio::test]
async fn what_was_done_is_on_record_and_no_secret_with_it() {
    let house = House::new().await;
    let alice = house.token("alice", None).await;
    let (_, answer, _) = house.log_in("alice", "correct horse").await;
    house.log_in("mallory", "a guess!").await;
    house.post("/api/tokens", &alice, json!({"name": "phone"})).await;
    house.get("/api/tokens/x", &alice).await;
    let record = house.dir.path().join("audit.jsonl");
    let read = || std::fs::read_to_string(&record).unwrap_or_default();
    while !read().contains("POST /api/tokens") {
        tokio::task::yield_now().await;
    }
    let lines: Vec<Value> = read()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["who"].as_str().unwrap(),
                line["what"].as_str().unwrap(),
                line["about"].as_str(),
                &line["status"],
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("-", "POST /api/auth/login", Some("alice"), &json!(200)),
            ("-", "POST /api/auth/login", Some("mallory"), &json!(401)),
            ("alice", "POST /api/tokens", Some("alice"), &json!(201)),
        ]
    );
    assert_eq!(lines[0]["address"], "192.0.2.7");
    for secret in [
        "correct horse",
        "a guess!",
        answer["token"].as_str().unwrap(),
        alice.split('.').next_back().unwrap(),
    ] {
        assert!(!read().contains(secret));
    }
}
