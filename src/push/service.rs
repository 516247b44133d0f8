//! Push services: which are used, and handing a message to one.

use std::{io, net::IpAddr, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use tokio_util::task::AbortOnDropHandle;

use crate::dial;

/// How long a service may take for a message.
const DEADLINE: Duration = Duration::from_secs(20);
/// The longest address of a device.
const MAX_ADDRESS: usize = 2048;

/// Where a service takes messages for one device.
pub(super) struct Address {
    uri: Uri,
    host: String,
    port: u16,
    is_encrypted: bool,
}

impl Address {
    /// Reads an address, if it is one of these services'. Only the loopback may be reached without encryption.
    pub(super) fn read(text: &str, services: &[String]) -> Option<Self> {
        let uri: Uri = text.parse().ok().filter(|_| text.len() <= MAX_ADDRESS)?;
        let authority = uri.authority().filter(|all| !all.as_str().contains('@'))?;
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let is_here = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_here => false,
            _ => return None,
        };
        let is_used = services.iter().any(|service| match service.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => *service == host,
        });
        let port = authority
            .port_u16()
            .unwrap_or(if is_encrypted { 443 } else { 80 });
        is_used.then_some(Self {
            uri,
            host,
            port,
            is_encrypted,
        })
    }

    /// What the daemon's word is for.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |all| all.as_str());
        format!("{scheme}://{authority}")
    }

    /// Hands a message over; gives what the service answers.
    pub(super) async fn post(&self, head: &[(&str, String)], body: Vec<u8>) -> io::Result<StatusCode> {
        timeout(DEADLINE, self.deliver(head, body))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn deliver(&self, head: &[(&str, String)], body: Vec<u8>) -> io::Result<StatusCode> {
        let tls = self.is_encrypted.then(|| self.tls()).transpose()?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let stream = dial::encrypt(stream, tls.as_ref()).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // A failure of the connection is also that of the request on it.
        let _connection = AbortOnDropHandle::new(tokio::spawn(async {
            connection.await.unwrap_or_default();
        }));
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |all| all.as_str());
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, authority);
        let request = head
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, value));
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(answer.status())
    }

    fn tls(&self) -> io::Result<dial::Tls> {
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let config = dial::system_tls().map_err(io::Error::other)?;
        Ok((TlsConnector::from(config), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Notifications;

    #[test]
    fn only_known_services_are_used_and_only_encrypted() {
        let services = Notifications::default().services;
        for good in [
            "https://fcm.googleapis.com/fcm/send/a:b",
            "https://updates.push.services.mozilla.com/wpush/v2/x",
            "https://web.push.apple.com/x",
        ] {
            assert!(Address::read(good, &services).is_some(), "{good}");
        }
        for bad in [
            "http://fcm.googleapis.com/x",
            "https://fcm.googleapis.com@evil.example/x",
            "https://fcm.googleapis.com.evil.example/x",
            "https://push.apple.com/x",
            "https://127.0.0.1/x",
            "http://127.0.0.1:3001/api/daemon/stop",
            "https://xpush.apple.com/",
            "file:///etc/passwd",
            "",
        ] {
            assert!(Address::read(bad, &services).is_none(), "{bad}");
        }
        let here = ["127.0.0.1".to_owned(), "box.example".to_owned()];
        let address = Address::read("http://127.0.0.1:8080/a?b", &here).unwrap();
        assert_eq!(address.origin(), "http://127.0.0.1:8080");
        assert!(Address::read("http://box.example/a", &here).is_none());
    }
}
