//! Every route, every kind of caller, and what other sites and strangers try.

use std::{fmt::Write, net::SocketAddr};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response, StatusCode, header},
    middleware::from_fn_with_state,
};
use llmux_protocol::api::{Action, Secret, TokenRequest, TokenScope, UserRequest};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::{
    auth::{Auth, Identity},
    server::{auth as auth_routes, routes},
};

/// A token of version 1, and its record: made by `sas_` and 43 characters.
const V1: &str = "sas_abcdefgh0123456789012345678901234567890123456";

/// A daemon's gate with users, tokens and nothing behind it.
struct House {
    dir: tempfile::TempDir,
    auth: Auth,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let v1 = json!({"version": 1, "tokens": [{"id": "abcdefgh", "token": V1, "createdAt": "2025-01-01T00:00:00.000Z"}]});
        std::fs::write(dir.path().join("auth.json"), v1.to_string()).unwrap();
        let auth = Auth::in_dir(dir.path());
        for (username, admin) in [("root", true), ("alice", false), ("bob", false)] {
            let user = UserRequest {
                username: username.to_owned(),
                name: username.to_owned(),
                passphrase: Secret::new("correct horse"),
                admin,
            };
            auth.create_user(&Identity::Owner, user).await.unwrap();
        }
        Self { dir, auth }
    }

    async fn token(&self, username: &str, scopes: Option<Vec<TokenScope>>) -> String {
        let wish = TokenRequest {
            username: Some(username.to_owned()),
            scopes,
            ..TokenRequest::default()
        };
        let minted = self.auth.mint(&Identity::Owner, wish).await.unwrap();
        minted.value.expose().to_owned()
    }

    fn gate(&self) -> Gate {
        let hosts = Hosts::new(["box".to_owned()]);
        Gate::new(self.auth.clone(), hosts, |id| async move {
            (id == "turn").then(|| "dev-1".to_owned())
        })
    }

    /// All routes' doors.
    fn doors(&self) -> Router {
        self.behind(routes().hollow().guarded(&self.gate(), &CancellationToken::new()))
    }

    /// The routes of sign-in, users and tokens, with what is behind them.
    fn real(&self) -> Router {
        let guarded = auth_routes::routes::<Auth>().guarded(&self.gate(), &CancellationToken::new());
        self.behind(guarded.with_state(self.auth.clone()))
    }

    fn behind(&self, router: Router) -> Router {
        router
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(from_fn_with_state(self.gate(), guard))
    }
}

fn tcp(tls: bool) -> Connection {
    Connection::Tcp {
        peer: SocketAddr::from(([192, 0, 2, 7], 4711)),
        tls,
    }
}

fn ask(method: &Method, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "box:3001")
        .header(header::CONTENT_TYPE, "application/json")
}

async fn send(router: &Router, from: Connection, request: Request<Body>) -> Response<Body> {
    router
        .clone()
        .layer(Extension(from))
        .oneshot(request)
        .await
        .unwrap()
}

async fn status(router: &Router, request: Request<Body>) -> StatusCode {
    send(router, tcp(false), request).await.status()
}

async fn body(response: Response<Body>) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

fn scope(sessions: &str, actions: &[Action]) -> Vec<TokenScope> {
    vec![TokenScope {
        sessions: sessions.to_owned(),
        actions: actions.to_vec(),
    }]
}

/// A route's path with a session of the `dev-*` tokens, or another.
fn filled(path: &str, dev: bool) -> String {
    path.replace("{name}", if dev { "dev-1" } else { "main" })
        .replace("{id}", if dev { "turn" } else { "other" })
        .replace("{username}", "bob")
}

#[tokio::test]
async fn each_route_lets_in_whom_the_matrix_says() {
    let house = House::new().await;
    let scoped = house
        .token("root", Some(scope("dev-*", &[Action::Watch, Action::Prompt])))
        .await;
    let callers = [
        ("none", None),
        ("v1", Some(V1.to_owned())),
        ("user", Some(house.token("alice", None).await)),
        ("admin", Some(house.token("root", None).await)),
    ];
    let doors = house.doors();
    let mut matrix = format!(
        "{:<50} {:>5} {:>5} {:>5} {:>5} {:>6} {:>6} {:>5}\n",
        "", "none", "v1", "user", "admin", "dev-*", "others", "owner"
    );
    for (method, path, _) in routes().entries() {
        let mut row = format!("{:<6} {path:<43}", method.as_str());
        let mut cell = |status: StatusCode, width: usize| {
            let text = if status.is_success() {
                "in".to_owned()
            } else {
                status.as_str().to_owned()
            };
            let _ = write!(row, " {text:>width$}");
        };
        for (_, token) in &callers {
            let mut request = ask(method, &filled(path, false));
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            cell(status(&doors, request.body(Body::empty()).unwrap()).await, 5);
        }
        for dev in [true, false] {
            let request =
                ask(method, &filled(path, dev)).header(header::AUTHORIZATION, format!("Bearer {scoped}"));
            cell(status(&doors, request.body(Body::empty()).unwrap()).await, 6);
        }
        let request = ask(method, &filled(path, false)).body(Body::empty()).unwrap();
        cell(send(&doors, Connection::Unix, request).await.status(), 5);
        matrix += &(row + "\n");
    }
    insta::assert_snapshot!("privileges", matrix);
}

#[tokio::test]
async fn without_the_gate_or_a_connections_kind_nobody_gets_in() {
    let house = House::new().await;
    let request = || ask(&Method::GET, "/api/sessions").body(Body::empty()).unwrap();
    let unknown = house.doors().oneshot(request()).await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
    let ungated = routes()
        .hollow()
        .guarded(&house.gate(), &CancellationToken::new());
    assert_eq!(
        send(&ungated, Connection::Unix, request()).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_strange_host_or_origin_is_refused_on_every_route_whoever_asks() {
    let house = House::new().await;
    let token = house.token("root", None).await;
    let doors = house.doors();
    for (method, path, _) in routes().entries() {
        for (name, value, expected) in [
            ("host", "evil.example", StatusCode::FORBIDDEN),
            ("host", "a b", StatusCode::BAD_REQUEST),
            ("origin", "http://evil.example", StatusCode::FORBIDDEN),
            ("origin", "null", StatusCode::FORBIDDEN),
        ] {
            let mut request = ask(method, &filled(path, true))
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .body(Body::empty())
                .unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(
                status(&doors, request).await,
                expected,
                "{method} {path} {name}: {value}"
            );
        }
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let house = House::new().await;
    let token = house.token("root", None).await;
    let doors = house.doors();
    let changing = routes();
    let changing = changing.entries().filter(|(method, _, need)| {
        *method != Method::GET && !matches!(need, Need::Open | Need::SignIn | Need::Owner)
    });
    for (method, path, _) in changing {
        let request = |headers: &[(&str, &str)]| {
            let mut request = ask(method, &filled(path, true))
                .header(header::COOKIE, format!("llmux_session={token}"))
                .body(Body::from("{}"))
                .unwrap();
            for (name, value) in headers {
                let name: header::HeaderName = name.parse().unwrap();
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            request
        };
        let own = ("origin", "http://box:3001");
        for (headers, expected) in [
            (&[][..], StatusCode::FORBIDDEN),
            (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
            (&[("sec-fetch-site", "same-site")], StatusCode::FORBIDDEN),
            (&[("sec-fetch-site", "none")], StatusCode::FORBIDDEN),
            (
                &[own, ("content-type", "text/plain")],
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            (
                &[own, ("content-type", "application/x-www-form-urlencoded")],
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            (&[own], StatusCode::OK),
            (&[("sec-fetch-site", "same-origin")], StatusCode::OK),
        ] {
            assert_eq!(
                status(&doors, request(headers)).await,
                expected,
                "{method} {path} {headers:?}"
            );
        }
    }
    // Nor can a site sign its visitor in as somebody else.
    let mut login = ask(&Method::POST, "/api/auth/login")
        .body(Body::from("{}"))
        .unwrap();
    login
        .headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(status(&doors, login).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_upgrade_by_cookie_needs_an_origin() {
    let house = House::new().await;
    let token = house.token("alice", None).await;
    let doors = house.doors();
    let upgrade = |origin: Option<&str>| {
        let mut request = ask(&Method::GET, "/api/sessions/dev-1/output")
            .header(header::COOKIE, format!("llmux_session={token}"))
            .header(header::UPGRADE, "websocket");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(status(&doors, upgrade(None)).await, StatusCode::FORBIDDEN);
    assert_eq!(
        status(&doors, upgrade(Some("http://evil.example"))).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(&doors, upgrade(Some("http://box:3001"))).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let house = House::new().await;
    let real = house.real();
    for path in ["/api/auth/login", "/api/setup", "/api/auth", "/api/auth/pair"] {
        let request = ask(&Method::POST, path)
            .body(Body::from(vec![b' '; (64 << 10) + 1]))
            .unwrap();
        assert_eq!(
            status(&real, request).await,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{path}"
        );
    }
    // One that does not say how long it is ends where the limit is.
    let request = ask(&Method::POST, "/api/auth/login")
        .body(Body::new(Endless))
        .unwrap();
    assert_eq!(status(&real, request).await, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A body of blanks without an end.
struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        let blanks = bytes::Bytes::from_static(&[b' '; 4096]);
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(blanks))))
    }
}

#[tokio::test]
async fn requests_that_once_ended_the_daemon_are_refused() {
    let house = House::new().await;
    let (doors, real) = (house.doors(), house.real());
    let get = |path: &str| ask(&Method::GET, path).body(Body::empty()).unwrap();
    let token = house.token("alice", None).await;
    let signed = |path: &str| {
        let request = ask(&Method::GET, path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(status(&doors, get("//")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&doors, signed("//")).await, StatusCode::NOT_FOUND);
    let request = ask(&Method::GET, "/api/sessions")
        .header(header::COOKIE, "llmux_session=%")
        .body(Body::empty())
        .unwrap();
    assert_eq!(status(&doors, request).await, StatusCode::UNAUTHORIZED);
    for path in [
        "/api/sessions/%",
        "/api/sessions/%/screen",
        "/api/sessions/%ff",
        "/session/%",
    ] {
        let status = status(&doors, signed(path)).await;
        assert!(
            status.is_client_error() || status.is_success(),
            "{path}: {status}"
        );
    }
    for text in ["", "null", "[]", "{", "\"x\"", "{\"username\":7}", "\u{0}"] {
        for path in ["/api/auth/login", "/api/setup", "/api/auth", "/api/auth/pair"] {
            let request = ask(&Method::POST, path).body(Body::from(text)).unwrap();
            let status = status(&real, request).await;
            assert!(
                [
                    StatusCode::BAD_REQUEST,
                    StatusCode::UNAUTHORIZED,
                    StatusCode::TOO_MANY_REQUESTS
                ]
                .contains(&status),
                "{path} {text}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_pages_safe() {
    let house = House::new().await;
    let doors = house.doors();
    let mut evil = ask(&Method::GET, "/health").body(Body::empty()).unwrap();
    evil.headers_mut()
        .insert(header::HOST, "evil.example".parse().unwrap());
    for request in [
        ask(&Method::GET, "/health").body(Body::empty()).unwrap(),
        ask(&Method::GET, "/nowhere").body(Body::empty()).unwrap(),
        evil,
    ] {
        let answer = send(&doors, tcp(false), request).await;
        let get = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let policy = get("content-security-policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(get("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(get("referrer-policy").as_deref(), Some("no-referrer"));
        assert_eq!(get("strict-transport-security"), None);
    }
    // Other programs of this host are under its names too, without TLS.
    let request = ask(&Method::GET, "/health").body(Body::empty()).unwrap();
    let answer = send(&doors, tcp(true), request).await;
    assert!(!answer.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
}

#[tokio::test]
async fn a_person_without_a_session_is_sent_to_sign_in_and_only_back_to_us() {
    let house = House::new().await;
    let doors = house.doors();
    for (path, back) in [
        ("/session/a", "%2Fsession%2Fa"),
        ("//evil.example/x", "%2F"),
        ("/\\evil", "%2F"),
    ] {
        let Ok(request) = ask(&Method::GET, path)
            .header(header::ACCEPT, "text/html,*/*")
            .body(Body::empty())
        else {
            continue;
        };
        let answer = send(&doors, tcp(false), request).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        assert_eq!(
            answer.headers()[header::LOCATION],
            format!("/login?returnTo={back}")
        );
    }
    let api = ask(&Method::GET, "/api/sessions").header(header::ACCEPT, "text/html");
    assert_eq!(
        status(&doors, api.body(Body::empty()).unwrap()).await,
        StatusCode::UNAUTHORIZED
    );
}

mod sign_in;
mod tokens;
