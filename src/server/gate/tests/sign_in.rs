//! Sign-in, accounts, users, tokens, pairing: the contract's shapes and status codes, and no secret in any answer.

use super::*;

impl House {
    /// Asks over the network, with a token if there is one; says the status, the answer and its cookie.
    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        sent: Value,
    ) -> (u16, Value, String) {
        self.call_from(tcp(false), method, path, token, sent).await
    }

    async fn call_from(
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

    async fn post(&self, path: &str, token: &str, sent: Value) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::POST, path, Some(token), sent).await;
        (status, answer)
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::GET, path, Some(token), json!({})).await;
        (status, answer)
    }

    async fn delete(&self, path: &str, token: &str) -> (u16, Value) {
        let (status, answer, _) = self.call(Method::DELETE, path, Some(token), json!({})).await;
        (status, answer)
    }

    async fn log_in(&self, username: &str, passphrase: &str) -> (u16, Value, String) {
        let sent = json!({"username": username, "passphrase": passphrase});
        self.call(Method::POST, "/api/auth/login", None, sent).await
    }
}

fn error(answer: &Value) -> &str {
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
async fn only_an_admin_makes_tokens_for_others() {
    let house = House::new().await;
    let alice = house.token("alice", None).await;
    for path in ["/api/tokens", "/api/pairing"] {
        let (status, refused) = house.post(path, &alice, json!({"username": "root"})).await;
        assert_eq!(
            (status, error(&refused)),
            (403, "only an admin makes tokens for others")
        );
        assert!(refused["hint"].as_str().unwrap().contains("ask an admin"));
    }
}

#[tokio::test]
async fn tokens_have_the_contracts_shapes_and_belong_to_somebody() {
    let house = House::new().await;
    let (root, alice) = (house.token("root", None).await, house.token("alice", None).await);
    let wish = json!({"name": "phone", "pairingOrigin": "http://box:3001/", "username": "alice"});
    let (status, made) = house.post("/api/tokens", &alice, wish).await;
    assert_eq!(
        (status, &made["ok"], &made["token"]["name"]),
        (201, &true.into(), &"phone".into())
    );
    assert_eq!(made["token"]["username"], "alice");
    let value = made["value"].as_str().unwrap();
    let (id, secret) = value.strip_prefix("sas_").unwrap().split_once('.').unwrap();
    assert_eq!(
        (id.len(), secret.len(), id),
        (16, 43, made["token"]["id"].as_str().unwrap())
    );
    assert!(
        made["pairingUrl"]
            .as_str()
            .unwrap()
            .starts_with("http://box:3001/#token=sas%5F")
    );
    assert!(made["qrSvg"].as_str().unwrap().contains("<svg"));
    for (wish, status) in [
        (json!({"expiresAt": "soon"}), 400),
        (json!({"expiresAt": "2020-01-01T00:00:00Z"}), 400),
        (json!({"pairingOrigin": "javascript:alert(1)"}), 400),
        (json!({"scopes": []}), 400),
        (json!({"scopes": [{"sessions": "*", "actions": ["fly"]}]}), 400),
        (json!({"username": "nobody"}), 404),
    ] {
        assert_eq!(
            house.post("/api/tokens", &root, wish.clone()).await.0,
            status,
            "{wish}"
        );
    }
    let (_, all) = house.get("/api/tokens", &root).await;
    assert_eq!(
        (&all["me"], all["tokens"].as_array().unwrap().len()),
        (&json!({"username": "root", "admin": true}), 3)
    );
    assert_eq!(all["users"][1], json!({"username": "alice", "admin": false}));
    assert_eq!(
        house.get("/api/tokens?all=false", &root).await.1["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let (_, own) = house.get("/api/tokens", &alice).await;
    assert!(
        own.get("users").is_none() && own["tokens"].as_array().unwrap().len() == 2,
        "{own}"
    );
    assert!(!all.to_string().to_lowercase().contains("hash") && !all.to_string().contains(secret));
    let root_id = all["tokens"][0]["id"].as_str().unwrap();
    let path = |id: &str| format!("/api/tokens/{id}");
    let name = json!({"name": ""});
    for (method, id, token, sent, status, said) in [
        (Method::PATCH, root_id, &alice, &name, 403, "forbidden"),
        (Method::PATCH, "x", &root, &name, 404, "no token with id \"x\""),
        (
            Method::PATCH,
            id,
            &alice,
            &json!({}),
            400,
            "name must be a string",
        ),
        (
            Method::DELETE,
            root_id,
            &alice,
            &name,
            403,
            "cannot revoke tokens owned by another user",
        ),
        (Method::DELETE, "x", &root, &name, 404, "token not found"),
    ] {
        let (found, answer, _) = house.call(method, &path(id), Some(token), sent.clone()).await;
        assert_eq!((found, error(&answer)), (status, said));
    }
    let (status, renamed, _) = house.call(Method::PATCH, &path(id), Some(&root), name).await;
    assert_eq!((status, &renamed["token"]["name"]), (200, &"".into()));
    let (status, revoked) = house.delete(&path(id), &alice).await;
    assert_eq!((status, &revoked["ok"]), (200, &true.into()));
    assert_eq!(
        house.delete("/api/tokens", &alice).await.1,
        json!({"ok": true, "removed": 1})
    );
    house.token("bob", None).await;
    assert_eq!(
        house.delete("/api/tokens?user=bob", &root).await.1,
        json!({"ok": true, "removed": 1, "before": 2})
    );
    assert_eq!(
        house.delete("/api/tokens", &root).await.1,
        json!({"ok": true, "removed": 1, "before": 1})
    );
}

#[tokio::test]
async fn a_limited_token_or_one_of_version_1_reaches_no_account() {
    let house = House::new().await;
    let all = Some(scope("*", &Action::ALL));
    let limited = house.token("root", all).await;
    let table = auth_routes::routes::<Auth>();
    for (method, path, need) in table.entries().filter(|(_, _, need)| *need == Need::Account) {
        let path = filled(path, false);
        let (status, answer, _) = house.call(method.clone(), &path, Some(&limited), json!({})).await;
        assert_eq!(status, 403, "{method} {path} {need:?} {answer}");
        let (status, answer, _) = house.call(method.clone(), &path, Some(V1), json!({})).await;
        assert_eq!(
            (status, error(&answer)),
            (401, "authentication required"),
            "{method} {path}"
        );
    }
    assert_eq!(
        house.get("/api/auth/whoami", &limited).await.1["scopes"][0]["sessions"],
        "*"
    );
    let (status, answer) = house.post("/api/auth/logout", V1, json!({})).await;
    assert_eq!((status, error(&answer)), (401, "authentication required"));
    assert_eq!(
        house.get("/api/auth/whoami", V1).await.1["actions"],
        json!(["watch"])
    );
}

#[tokio::test]
async fn a_pairing_code_signs_one_device_in_once() {
    let house = House::new().await;
    let alice = house.token("alice", None).await;
    let (status, offer) = house
        .post("/api/pairing", &alice, json!({"origin": "https://box"}))
        .await;
    let code = offer["code"].as_str().unwrap();
    assert_eq!(status, 200);
    assert_eq!(
        offer["url"].as_str().unwrap(),
        format!(
            "https://box/#pair={}",
            utf8_percent_encode(code, NON_ALPHANUMERIC)
        )
    );
    let pair = json!({"code": code, "deviceName": "phone"});
    let (status, answer, cookie) = house
        .call(Method::POST, "/api/auth/pair", None, pair.clone())
        .await;
    assert_eq!(
        (status, &answer["username"], &answer["tokenName"]),
        (200, &"alice".into(), &"phone".into())
    );
    assert!(cookie.starts_with("llmux_session=sas_"));
    let (status, answer, _) = house.call(Method::POST, "/api/auth/pair", None, pair).await;
    assert_eq!((status, error(&answer)), (401, "invalid or expired pairing code"));
}

#[tokio::test]
async fn the_old_deep_link_signs_in_with_a_token_of_either_version() {
    let house = House::new().await;
    let alice = house.token("alice", None).await;
    for (token, name) in [(alice.as_str(), "llmux_session"), (V1, "llmuxd_token")] {
        let (status, answer, cookie) = house
            .call(Method::POST, "/api/auth", None, json!({"token": token}))
            .await;
        assert_eq!((status, answer), (200, json!({"ok": true})));
        assert!(cookie.starts_with(&format!("{name}={token}; ")), "{cookie}");
        let request = ask(&Method::GET, "/api/auth/whoami")
            .header(header::COOKIE, format!("{name}={token}"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(super::status(&house.real(), request).await, StatusCode::OK);
    }
    let (status, answer, cookie) = house
        .call(Method::POST, "/api/auth", None, json!({"token": "sas_no.good"}))
        .await;
    assert_eq!(
        (status, error(&answer), cookie.as_str()),
        (401, "invalid token", "")
    );
}

#[tokio::test]
async fn a_ticket_opens_one_websocket_once() {
    let house = House::new().await;
    let limited = house.token("alice", Some(scope("dev-*", &[Action::Watch]))).await;
    let (status, _) = house
        .post("/api/ws-ticket", &limited, json!({"session": "main"}))
        .await;
    assert_eq!(status, 403);
    let (status, ticket) = house
        .post("/api/ws-ticket", &limited, json!({"session": "dev-1"}))
        .await;
    let ticket = ticket["ticket"].as_str().unwrap();
    assert_eq!(status, 200);
    let sockets = Routes::<()>::new()
        .route("/ws/{name}", get(on_session(Action::Watch), || async { "in" }))
        .route("/api/x/{name}", get(on_session(Action::Watch), || async { "in" }));
    let router = house.behind(sockets.guarded(&house.gate(), &CancellationToken::new()));
    let upgrade = |path: &str| ask(&Method::GET, path).body(Body::empty()).unwrap();
    let with = |path: &str, ticket: &str| {
        let mut request = upgrade(path);
        let offer = format!("llmux.v1, ticket.{ticket}").parse().unwrap();
        request
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, offer);
        request
    };
    // It is none on another path, or in a URL; there it is not spent either.
    assert_eq!(super::status(&router, with("/api/x/dev-1", ticket)).await, 401);
    let in_url = upgrade(&format!("/ws/dev-1?ticket={ticket}"));
    assert_eq!(super::status(&router, in_url).await, 401);
    assert_eq!(super::status(&router, with("/ws/dev-1", ticket)).await, 200);
    assert_eq!(super::status(&router, with("/ws/dev-1", ticket)).await, 401);
    let (_, ticket) = house
        .post("/api/ws-ticket", &limited, json!({"session": "dev-1"}))
        .await;
    let other = with("/ws/dev-2", ticket["ticket"].as_str().unwrap());
    assert_eq!(super::status(&router, other).await, 403);
    // A token in a URL is no credential, of whichever version.
    for token in [limited.as_str(), V1] {
        for path in [
            format!("/ws/dev-1?token={token}"),
            format!("/ws/dev-1?ticket={token}"),
            format!("/api/x/dev-1?token={token}"),
        ] {
            assert_eq!(super::status(&router, upgrade(&path)).await, 401, "{path}");
        }
    }
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
