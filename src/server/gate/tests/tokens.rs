//! Tokens, pairing codes and tickets: the contract's shapes and status codes, and no secret in any answer.

use super::{sign_in::error, *};

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
