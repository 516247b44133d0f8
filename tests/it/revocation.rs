//! What lasts longer than a request ends with the credential it came with.

use std::{net::TcpStream, time::Duration};

use tungstenite::{Message, WebSocket, client::IntoClientRequest};

use crate::{
    lab::Lab,
    users::{Network, with_users},
};

/// A user's new token: its id and its value.
fn token(lab: &Lab, username: &str) -> (String, String) {
    let made = lab
        .llmux(["token", "create", "--username", username, "--json"])
        .json();
    let value = made["value"].as_str().unwrap().to_owned();
    let id = value.strip_prefix("sas_").unwrap().split_once('.').unwrap().0;
    (id.to_owned(), value)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn watch(lab: &Lab, token: &str) -> WebSocket<TcpStream> {
    let mut request = "ws://localhost:3001/ws/one".into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", bearer(token).parse().unwrap());
    headers.insert("sec-websocket-protocol", "llmux.v1".parse().unwrap());
    let stream = TcpStream::connect((lab.host(), 3001)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    tungstenite::client(request, stream).expect("it is let in").0
}

/// Reads to the goodbye; returns its code.
fn closes(viewer: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        if let Message::Close(frame) = viewer.read().expect("a goodbye comes in time") {
            return frame.expect("it says why").code.into();
        }
    }
}

/// Types and sees it.
fn is_there(viewer: &mut WebSocket<TcpStream>, text: &str) {
    viewer.send(Message::binary(text.as_bytes().to_vec())).unwrap();
    let mut seen = String::new();
    while !seen.contains(text) {
        match viewer.read().expect("its echo comes in time") {
            Message::Binary(message) => seen += &String::from_utf8_lossy(&message[9..]),
            Message::Close(frame) => panic!("{frame:?}"),
            _ => {}
        }
    }
}

#[test]
fn viewers_and_streams_end_with_the_token_or_user_that_they_came_with_and_others_go_on() {
    let lab = with_users();
    let network = Network::serve(&lab);
    lab.start("shell", "one", "-c 'exec cat'");
    let ((phone_id, phone), (_, laptop), (_, root)) =
        (token(&lab, "alice"), token(&lab, "alice"), token(&lab, "root"));
    let streams = |token: &str| {
        let header = format!("authorization: {}", bearer(token));
        network.api().events("/api/events", &[&header])
    };
    let mut viewers = [&phone, &laptop, &root].map(|token| watch(&lab, token));
    let [on_phone, on_laptop, roots] = &mut viewers;
    let [phones, laptops, mut rest] = [&phone, &laptop, &root].map(|token| streams(token));
    is_there(on_phone, "hello");

    lab.llmux(["token", "revoke", &phone_id, "--yes"]).ok();
    assert_eq!(closes(on_phone), 1008);
    phones.ends();
    is_there(on_laptop, "still here");

    lab.llmux(["user", "delete", "alice", "--yes"]).ok();
    assert_eq!(closes(on_laptop), 1008);
    laptops.ends();
    is_there(roots, "so am I");
    lab.start("shell", "two", "");
    rest.until(|sent| sent.data["session"]["name"] == "two");
}

#[test]
fn a_ticket_is_worth_nothing_once_the_token_that_it_was_made_with_is_revoked() {
    let lab = with_users();
    let network = Network::serve(&lab);
    lab.start("shell", "one", "-c 'exec cat'");
    let ((phone_id, phone), (_, laptop)) = (token(&lab, "alice"), token(&lab, "alice"));
    let tickets = [&phone, &laptop].map(|token| {
        let headers = [
            "content-type: application/json",
            &format!("authorization: {}", bearer(token)),
        ];
        let body = br#"{"session": "one"}"#;
        let made = network
            .api()
            .call("POST", "/api/ws-ticket", &headers, body)
            .is(200);
        made["ticket"].as_str().unwrap().to_owned()
    });
    lab.llmux(["token", "revoke", &phone_id, "--yes"]).ok();
    let [phones, laptops] = tickets.map(|ticket| {
        let protocols = format!("sec-websocket-protocol: llmux.v1, ticket.{ticket}");
        let headers = [
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
            &protocols,
        ];
        network.api().upgrade("/ws/one", &headers)
    });
    assert_eq!((phones, laptops), (401, 101));
}

#[test]
fn what_is_open_on_a_session_ends_when_its_name_becomes_one_that_may_not_be_watched() {
    let lab = with_users();
    let network = Network::serve(&lab);
    lab.start("shell", "one", "-c 'exec cat'");
    let limited = |scope: &str| {
        let args = [
            "token",
            "create",
            "--username",
            "alice",
            "--scope",
            scope,
            "--json",
        ];
        let made = lab.llmux(args).json();
        made["value"].as_str().unwrap().to_owned()
    };
    let (narrow, wide) = (limited("one:watch,type"), limited("*:watch,type"));
    let mut viewers = [&narrow, &wide].map(|token| watch(&lab, token));
    let [narrow, wide] = &mut viewers;
    is_there(narrow, "hello");
    lab.llmux(["session", "edit", "one", "--name", "uno"]).ok();
    assert_eq!(closes(narrow), 1008);
    is_there(wide, "still here");
    drop(network);
}
