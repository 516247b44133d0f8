//! Web Push, against a push service of the test's own that reads what only the device can (RFC 8291, RFC 8292).

use std::{
    any::Any,
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Child,
    sync::mpsc,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, EphemeralPrivateKey},
    hmac::{HMAC_SHA256, Key, sign},
    rand::SystemRandom,
    signature::{self, ECDSA_P256_SHA256_FIXED},
};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client::IntoClientRequest};

use crate::{
    http::{Answer, Api},
    lab::{Lab, eventually, signal, until},
};

const AUTH: [u8; 16] = *b"sixteen secrets!";

/// A push service, and the messages that it took.
struct Service {
    url: String,
    taken: mpsc::Receiver<Taken>,
}

/// A message as it came.
struct Taken {
    head: HashMap<String, String>,
    body: Vec<u8>,
}

impl Service {
    /// One that answers each message with the next of these, and then with the last.
    fn start(lab: &Lab, answers: &'static [u16]) -> Self {
        let listener = TcpListener::bind((lab.host(), 0)).unwrap();
        let url = format!("http://{}/device", listener.local_addr().unwrap());
        let (tell, taken) = mpsc::sync_channel(16);
        thread::spawn(move || {
            let mut answers = answers.iter().copied();
            let mut answer = 201;
            for stream in listener.incoming().flatten() {
                answer = answers.next().unwrap_or(answer);
                if tell.send(take(stream, answer)).is_err() {
                    return;
                }
            }
        });
        Self { url, taken }
    }

    fn next(&self) -> Taken {
        self.taken
            .recv_timeout(Duration::from_secs(30))
            .expect("a message comes")
    }

    /// The session that the next message is about, for a device.
    fn reads(&self, device: Device) -> Value {
        device.read(&self.next().body)
    }
}

fn take(mut stream: TcpStream, answer: u16) -> Taken {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.by_ref().lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("POST /device HTTP/1.1"));
    let head: HashMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let mut body = vec![0; head["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(
        stream,
        "HTTP/1.1 {answer} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    Taken { head, body }
}

/// A device's key; it reads one message.
struct Device(EphemeralPrivateKey);

impl Device {
    fn new() -> Self {
        Self(EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap())
    }

    fn key(&self) -> String {
        BASE64.encode(self.0.compute_public_key().unwrap())
    }

    /// Decrypts as RFC 8291 has it, by HMAC alone.
    fn read(self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (record, rest) = rest.split_at(4);
        assert_eq!((record, rest[0]), (&4096_u32.to_be_bytes()[..], 65));
        let (public, sealed) = rest[1..].split_at(65);
        let own = self.0.compute_public_key().unwrap();
        let theirs = agreement::UnparsedPublicKey::new(&ECDH_P256, public);
        let input = agreement::agree_ephemeral(self.0, &theirs, |secret| {
            let info = [b"WebPush: info\0", own.as_ref(), public].concat();
            hkdf(&AUTH, secret, &info)
        })
        .unwrap();
        let key = hkdf(salt, &input, b"Content-Encoding: aes128gcm\0");
        let nonce = hkdf(salt, &input, b"Content-Encoding: nonce\0");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
        let mut text = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
        let text = key.open_in_place(nonce, Aad::empty(), &mut text).unwrap();
        let text = text.strip_suffix(&[2]).expect("the mark of the last record");
        serde_json::from_slice(text).unwrap()
    }
}

/// The first 32 bytes of HKDF-SHA-256.
fn hkdf(salt: &[u8], secret: &[u8], info: &[u8]) -> Vec<u8> {
    let extracted = sign(&Key::new(HMAC_SHA256, salt), secret);
    let expand = Key::new(HMAC_SHA256, extracted.as_ref());
    sign(&expand, &[info, &[1]].concat()).as_ref().to_vec()
}

/// A daemon in the network, with a user.
struct House {
    lab: Lab,
    daemon: Child,
    bearer: String,
    token: String,
}

impl House {
    fn new(more: &str) -> Self {
        let mut lab = Lab::new();
        lab.set("LLMUX_PASSPHRASE", "a long enough phrase");
        let config = format!("notifications: {{services: ['{}']{more}}}\n", lab.host());
        lab.config(&config);
        lab.llmux(["user", "create", "ana", "--admin"]).ok();
        let mut daemon = lab.spawn(["server", "start"]);
        until("it serves", || {
            assert!(daemon.try_wait().unwrap().is_none(), "it ended");
            lab.daemon() == Some(daemon.id())
        });
        let made = lab.llmux(["token", "create", "--username", "ana"]).ok();
        let token = made.lines().nth(2).unwrap().trim().to_owned();
        Self {
            bearer: format!("authorization: Bearer {token}"),
            token: token["sas_".len()..].split('.').next().unwrap().to_owned(),
            lab,
            daemon,
        }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = [self.bearer.as_str(), "content-type: application/json"];
        Api::network(&self.lab).call(method, path, &headers, body.as_bytes())
    }

    /// Has a new device told instead of the one before.
    fn subscribe(&self, service: &Service, ended: bool) -> Device {
        let device = Device::new();
        let keys = json!({ "p256dh": device.key(), "auth": BASE64.encode(AUTH) });
        let wish = json!({ "endpoint": service.url, "keys": keys, "ended": ended });
        self.call("PUT", "/api/push/subscription", &wish).is(200);
        device
    }

    /// Opens a session's terminal, and says so often whether a person has it before their eyes.
    fn view(&self, name: &str, looks: &[bool]) -> WebSocket<TcpStream> {
        let address = format!("{}:3001", self.lab.host());
        let mut request = format!("ws://{address}/ws/{name}").into_client_request().unwrap();
        let (_, bearer) = self.bearer.split_once(": ").unwrap();
        for (key, value) in [("authorization", bearer), ("sec-websocket-protocol", "llmux.v1")] {
            request.headers_mut().insert(key, value.parse().unwrap());
        }
        let (mut socket, _) = tungstenite::client(request, TcpStream::connect(address).unwrap()).unwrap();
        for visible in looks {
            let look = json!({ "type": "look", "visible": visible });
            socket.send(Message::text(look.to_string())).unwrap();
        }
        // The refusal of this shows that the rest was heard.
        socket.send(Message::text("{}")).unwrap();
        while !matches!(socket.read().unwrap(), Message::Text(text) if text.contains("bad_request")) {}
        socket
    }

    fn asks(&self, name: &str) {
        self.lab
            .llmux(["session", "prompt", name, "--async", "[[ask]] touch a file"])
            .ok();
        until("it asks", || {
            self.lab.session(name).unwrap()["activity"]["state"] == "blocked"
        });
    }

    fn answer(&self, name: &str) {
        self.lab.llmux(["session", "answer", name, "yes"]).ok();
        until("it asks no more", || {
            self.lab.session(name).unwrap()["activity"]["state"] == "ready"
        });
    }
}

impl Drop for House {
    fn drop(&mut self) {
        signal(self.daemon.id(), "TERM");
        let _ = self.daemon.wait();
    }
}

#[test]
fn a_device_is_told_what_an_agent_asks_and_nobody_else_can_read_it() {
    let house = House::new("");
    let service = Service::start(&house.lab, &[201]);
    house.lab.start("demo", "worker", "");
    let device = house.subscribe(&service, false);
    house.asks("worker");
    let taken = service.next();
    let said = |name: &str| taken.head[name].as_str();
    assert_eq!(
        (said("content-encoding"), said("urgency"), said("ttl")),
        ("aes128gcm", "high", "14400")
    );
    assert!(!said("topic").contains("worker"));
    assert!(!String::from_utf8_lossy(&taken.body).contains("worker"));
    proves_who_sends(said("authorization"), &house, &service);
    let message = device.read(&taken.body);
    let dialog = &house.lab.session("worker").unwrap()["activity"]["dialog"];
    assert_eq!(
        (
            &message["kind"],
            &message["session"],
            &message["dialog"],
            &message["text"]
        ),
        (
            &json!("blocked"),
            &json!("worker"),
            &dialog["id"],
            &dialog["question"]
        )
    );
    assert_eq!(message["options"][0], dialog["options"][0]["label"]);
    // What it is told is enough to answer, as the service worker does.
    let choice = json!({ "choice": "1", "dialog": message["dialog"] });
    house.call("POST", "/api/sessions/worker/answer", &choice).is(200);
    // The end of a turn is told to those alone who asked for it.
    until("the turn has ended", || {
        house.lab.session("worker").unwrap()["activity"]["state"] == "ready"
    });
    let device = house.subscribe(&service, true);
    house
        .lab
        .llmux(["session", "prompt", "worker", "hello", "--wait"])
        .ok();
    let message = service.reads(device);
    assert_eq!(
        (&message["kind"], &message["text"]),
        (&json!("ended"), &json!("hello"))
    );
}

/// The word in `Authorization` is signed by the key that devices subscribe with, for this service, and not for long.
fn proves_who_sends(word: &str, house: &House, service: &Service) {
    let (token, key) = word.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let view = house.call("GET", "/api/push", &Value::Null).is(200);
    assert_eq!(
        (&view["publicKey"], &view["enabled"]),
        (&json!(key), &json!(true))
    );
    let (said, signed) = token.rsplit_once('.').unwrap();
    signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, BASE64.decode(key).unwrap())
        .verify(said.as_bytes(), &BASE64.decode(signed).unwrap())
        .unwrap();
    let claims = BASE64.decode(said.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], service.url.strip_suffix("/device").unwrap());
}

#[test]
fn what_a_person_looks_at_is_not_told() {
    let house = House::new("");
    let service = Service::start(&house.lab, &[201]);
    for name in ["seen", "read", "unseen"] {
        house.lab.start("demo", name, "");
    }
    let device = house.subscribe(&service, false);
    let terminal = house.view("seen", &[true]);
    let chat = Api::network(&house.lab).events(
        "/api/sessions/read/transcript/stream?looks=true",
        &[&house.bearer],
    );
    // A page in the background is no viewer.
    let behind = house.view("unseen", &[true, false]);
    assert_eq!(house.lab.session("unseen").unwrap()["viewers"], 1);
    for name in ["seen", "read", "unseen"] {
        house.asks(name);
    }
    assert_eq!(service.reads(device)["session"], "unseen");
    for (name, page) in [
        ("seen", Box::new(terminal) as Box<dyn Any>),
        ("read", Box::new(chat)),
    ] {
        house.answer(name);
        let device = house.subscribe(&service, false);
        drop(page);
        // The daemon hears of it a moment later: whoever asks sooner is still looked at.
        let message = eventually("it is told again", || {
            house.asks(name);
            let taken = service.taken.recv_timeout(Duration::from_secs(3)).ok();
            if taken.is_none() {
                house.answer(name);
            }
            taken
        });
        assert_eq!(device.read(&message.body)["session"], name);
    }
    drop(behind);
}

#[test]
fn a_device_that_is_gone_or_signed_out_is_told_nothing() {
    let house = House::new(", details: false");
    let service = Service::start(&house.lab, &[503, 410, 201]);
    let subscribed = || house.call("GET", "/api/push", &Value::Null).is(200)["subscribed"].clone();
    assert_eq!(subscribed(), Value::Null);
    house.lab.start("demo", "d", "");
    let device = house.subscribe(&service, false);
    assert_eq!(subscribed(), json!({ "blocked": true, "ended": false }));
    house.asks("d");
    // The service is busy at first; it is tried again.
    let message = service.reads(device);
    assert_eq!(
        (&message["kind"], message.get("text"), message.get("options")),
        (&json!("blocked"), None, None)
    );
    service.next();
    eventually("it is forgotten", || subscribed().is_null().then_some(()));
    house.answer("d");
    // One whose token is revoked is not told, though it is still known.
    house.subscribe(&service, false);
    house.lab.llmux(["token", "revoke", &house.token, "--yes"]).ok();
    house.asks("d");
    assert!(service.taken.recv_timeout(Duration::from_secs(4)).is_err());
}

#[test]
fn a_user_cant_make_the_daemon_send_anything_elsewhere() {
    let house = House::new("");
    let keys = json!({ "p256dh": Device::new().key(), "auth": BASE64.encode(AUTH) });
    let wish = |endpoint: &str, keys: &Value| json!({ "endpoint": endpoint, "keys": keys });
    let put = |body: &Value| house.call("PUT", "/api/push/subscription", body);
    for endpoint in [
        "https://evil.example/x",
        "http://127.0.0.1:3001/api/daemon/stop",
        "nothing",
    ] {
        assert_eq!(
            put(&wish(endpoint, &keys)).fails(400),
            "bad_request",
            "{endpoint}"
        );
    }
    let here = format!("http://{}:1/x", house.lab.host());
    let short = json!({ "p256dh": "BA", "auth": "AA" });
    assert_eq!(put(&wish(&here, &short)).fails(400), "bad_request");
    // The owner has no device.
    let by_socket = Api::of(&house.lab).send("PUT", "/api/push/subscription", &wish(&here, &keys));
    assert_eq!(by_socket.status, 401, "{}", by_socket.text());
    house.lab.config("notifications: {push: false}\n");
    until("it is off", || put(&wish(&here, &keys)).status == 403);
}
