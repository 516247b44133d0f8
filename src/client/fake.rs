//! A daemon for tests: it answers what it is told to.

use std::path::PathBuf;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    task::JoinHandle,
};

/// Answers each connection once with `answer`, then closes it; returns the requests' texts.
pub(crate) fn serve(listener: UnixListener, answers: &'static [&'static str]) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") && !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            seen.push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        seen
    })
}

/// Serves `answers`, one a connection, at a socket of its own.
pub(crate) fn daemon(answers: &[String]) -> (tempfile::TempDir, PathBuf, JoinHandle<Vec<String>>) {
    let (dir, socket) = place();
    let answers: Vec<&'static str> = answers.iter().map(|text| &*text.clone().leak()).collect();
    let server = serve(UnixListener::bind(&socket).unwrap(), answers.leak());
    (dir, socket, server)
}

/// An answer that ends with the connection.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}")
}

pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    (dir, socket)
}
