//! A client that writes requests as bytes: what a server must bear is not what a library sends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::Value;

use crate::lab::Lab;

/// A connection of either kind.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// Where requests go.
#[derive(Clone)]
pub enum Api {
    Unix(String),
    Tcp(String),
}

/// An answer's head, and its body if it was read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?} {}", self.text()))
    }

    /// Its JSON, if it has this status.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The code of a failure, if it has this status and the one shape of failures.
    #[track_caller]
    pub fn fails(&self, status: u16) -> String {
        let error = self.is(status);
        assert_eq!(error["ok"], false, "{error}");
        assert!(
            error["error"].as_str().is_some_and(|text| !text.is_empty()),
            "{error}"
        );
        error["code"].as_str().expect("a code").to_owned()
    }
}

impl Api {
    /// The daemon's Unix socket.
    pub fn of(lab: &Lab) -> Self {
        Self::Unix(lab.status()["socket"].as_str().expect("text").to_owned())
    }

    /// The lab's place in the network.
    pub fn network(lab: &Lab) -> Self {
        Self::Tcp(format!("{}:3001", lab.host()))
    }

    fn connect(&self) -> Box<dyn Wire> {
        let patience = Some(Duration::from_mins(1));
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).expect("the daemon listens");
                stream.set_read_timeout(patience).expect("a time-out");
                Box::new(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).expect("the daemon listens");
                stream.set_read_timeout(patience).expect("a time-out");
                Box::new(stream)
            }
        }
    }

    /// Sends bytes and reads the answer; none if the connection ends first.
    pub fn raw(&self, request: &[u8]) -> Option<Answer> {
        let mut wire = self.connect();
        // What refuses a long body may have answered before all of it is sent.
        let _ = wire.write_all(request);
        let mut reader = BufReader::new(wire);
        let (status, headers) = head(&mut reader)?;
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if let Some(length) = answer
            .header("content-length")
            .and_then(|length| length.parse().ok())
        {
            let mut body = vec![0; length];
            // The answer to HEAD tells a length and has no body.
            if reader.read_exact(&mut body).is_ok() {
                answer.body = body;
            }
        } else {
            let _ = reader.read_to_end(&mut answer.body);
        }
        Some(answer)
    }

    #[track_caller]
    pub fn call(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let request = request(method, path, headers, body);
        self.raw(&request)
            .unwrap_or_else(|| panic!("{method} {path} was not answered"))
    }

    /// Asks for an upgrade; says the status, and closes the connection.
    #[track_caller]
    pub fn upgrade(&self, path: &str, headers: &[&str]) -> u16 {
        let mut wire = self.connect();
        wire.write_all(&request_with("GET", path, headers, b"", "upgrade"))
            .expect("sent");
        head(&mut BufReader::new(wire)).expect("an answer").0
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], b"")
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body)
    }

    /// Sends JSON.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call(
            method,
            path,
            &["content-type: application/json"],
            body.to_string().as_bytes(),
        )
    }

    /// Opens a stream of server-sent events.
    #[track_caller]
    pub fn events(&self, path: &str, headers: &[&str]) -> Events {
        let mut wire = self.connect();
        wire.write_all(&request_kept("GET", path, headers, b""))
            .expect("sent");
        let mut reader = BufReader::new(wire);
        let (status, headers) = head(&mut reader).expect("an answer");
        assert_eq!(status, 200, "{path}");
        let is_stream = |(name, value): &(String, String)| {
            name == "content-type" && value.starts_with("text/event-stream")
        };
        assert!(headers.iter().any(is_stream), "{headers:?}");
        Events(reader)
    }
}

fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    request_with(method, path, headers, body, "close")
}

fn request_kept(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    request_with(method, path, headers, body, "keep-alive")
}

fn request_with(method: &str, path: &str, headers: &[&str], body: &[u8], connection: &str) -> Vec<u8> {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost:3001\r\nconnection: {connection}\r\n");
    for header in headers {
        head = head + header + "\r\n";
    }
    if !body.is_empty() {
        head = head + "content-length: " + &body.len().to_string() + "\r\n";
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

fn head(reader: &mut impl BufRead) -> Option<(u16, Vec<(String, String)>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Some((status, headers));
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

/// A stream of server-sent events.
pub struct Events(BufReader<Box<dyn Wire>>);

/// One event; a comment is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sent {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Events {
    /// The next event.
    #[track_caller]
    pub fn next(&mut self) -> Sent {
        let mut sent = Sent::default();
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("id", id)) => id.clone_into(&mut sent.id),
                Some(("event", name)) => name.clone_into(&mut sent.name),
                Some(("data", data)) => sent.data = serde_json::from_str(data).expect("JSON"),
                _ if line.is_empty() && !sent.data.is_null() => return sent,
                _ => {}
            }
        }
    }

    /// The next event for which this holds.
    #[track_caller]
    pub fn until(&mut self, mut holds: impl FnMut(&Sent) -> bool) -> Sent {
        loop {
            let sent = self.next();
            if holds(&sent) {
                return sent;
            }
        }
    }

    /// Reads to its end, which comes in time.
    #[track_caller]
    pub fn ends(mut self) {
        std::io::copy(&mut self.0, &mut std::io::sink()).expect("it ends");
    }

    /// The next line of a chunked body, without what says how long the chunks are.
    #[track_caller]
    pub fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).expect("something comes in time");
            assert!(read > 0, "the stream ended");
            let line = line.trim_end_matches(['\r', '\n']).to_owned();
            let is_length = !line.is_empty() && line.len() < 8 && line.bytes().all(|c| c.is_ascii_hexdigit());
            if !is_length {
                return line;
            }
        }
    }
}
