//! Where a daemon is: at a Unix socket, or at a URL.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{Uri, header::HeaderValue, http::uri::Authority};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    ClientError,
    tls::{self, Trust},
};

/// How long a connection over the network may take to be there, TLS included.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Where a daemon is.
#[derive(Debug, Clone)]
pub enum Target {
    /// At a Unix socket of this host.
    Unix(PathBuf),
    /// Over the network.
    Remote(Arc<Remote>),
}

/// A daemon over the network.
pub struct Remote {
    url: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// The value of `Host`.
    authority: HeaderValue,
    /// What every path begins with.
    base: String,
    /// The value of `Authorization`.
    credential: Option<HeaderValue>,
}

impl fmt::Debug for Remote {
    /// Shows all but the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A connection of any kind.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Target {
    /// Reads `http(s)://HOST[:PORT][/BASE]` or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// [`ClientError::BadServer`] if it is none of both, or names no usable trust.
    pub fn read(text: &str, token: Option<&str>, trust: &Trust) -> Result<Self, ClientError> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Unix(path.into())),
            None => Ok(Self::Remote(Arc::new(Remote::new(text, token, trust)?))),
        }
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Wire>, ClientError> {
        match self {
            Self::Unix(socket) => Ok(Box::new(unix(socket).await?)),
            Self::Remote(remote) => remote.connect().await,
        }
    }

    /// What it means that an exchange failed.
    pub(super) fn broken(&self, source: hyper::Error) -> ClientError {
        match self {
            Self::Remote(remote) if source.is_parse() => ClientError::NotHttp {
                url: remote.url.clone(),
                source,
            },
            _ => ClientError::Broken(source),
        }
    }

    /// The value of `Host`, what every path begins with, and the value of `Authorization`.
    pub(super) fn heading(&self) -> (HeaderValue, &str, Option<&HeaderValue>) {
        match self {
            Self::Unix(_) => (HeaderValue::from_static("localhost"), "", None),
            Self::Remote(remote) => (remote.authority.clone(), &remote.base, remote.credential.as_ref()),
        }
    }
}

impl Remote {
    fn new(url: &str, token: Option<&str>, trust: &Trust) -> Result<Self, ClientError> {
        let bad = |why: &'static str| ClientError::BadServer {
            url: url.to_owned(),
            why: why.to_owned(),
        };
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|_| bad("it is not written as a URL"))?;
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("a user name or a password has no place in it"));
        }
        if uri.query().is_some() {
            return Err(bad("a query has no place in it"));
        }
        let port = port(authority).ok_or_else(|| bad("the port must be 1 to 65535"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let (tls, usual) = match uri.scheme_str() {
            Some("http") => match trust.named_by() {
                None => (None, 80),
                Some(what) => {
                    let url = url.trim().to_owned();
                    return Err(ClientError::NeedsTls { what, url });
                }
            },
            Some("https") => {
                let name =
                    ServerName::try_from(host.to_owned()).map_err(|_| bad("its host is no host name"))?;
                (Some((TlsConnector::from(tls::config(trust)?), name)), 443)
            }
            _ => return Err(bad("it begins with neither http://, https:// nor unix:")),
        };
        Ok(Self {
            url: url.trim().trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            port: port.unwrap_or(usual),
            tls,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| bad("its host is no host name"))?,
            base: uri.path().trim_end_matches('/').to_owned(),
            credential: token.map(bearer).transpose()?,
        })
    }

    async fn connect(&self) -> Result<Box<dyn Wire>, ClientError> {
        timeout(CONNECT_WITHIN, self.dial())
            .await
            .unwrap_or_else(|_| Err(self.unreachable(io::ErrorKind::TimedOut.into())))
    }

    async fn dial(&self) -> Result<Box<dyn Wire>, ClientError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|source| self.unreachable(source))?;
        let _ = stream.set_nodelay(true);
        let Some((tls, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        match tls.connect(name.clone(), stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(source) => Err(ClientError::Tls {
                url: self.url.clone(),
                source,
            }),
        }
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url.clone(),
            source,
        }
    }
}

/// The port, if there is one; `None` for what is none. `Authority` itself takes a port that is too large, or empty, for no port.
#[expect(clippy::option_option, reason = "to be without one is no fault")]
fn port(authority: &Authority) -> Option<Option<u16>> {
    match authority.as_str().strip_prefix(authority.host())? {
        "" => Some(None),
        text => {
            let digits = text.strip_prefix(':')?;
            let port = digits.parse().ok().filter(|port| *port != 0)?;
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some(Some(port))
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, ClientError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| ClientError::BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn unix(socket: &Path) -> Result<UnixStream, ClientError> {
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoDaemon {
            socket: socket.to_owned(),
            source,
        },
        _ => ClientError::Socket {
            socket: socket.to_owned(),
            source,
        },
    };
    let stream = UnixStream::connect(socket).await.map_err(fail)?;
    let owner = stream.peer_cred().map_err(fail)?.uid();
    if !is_trusted(owner, rustix::process::geteuid().as_raw()) {
        let why = format!("user {owner} listens there");
        return Err(fail(io::Error::new(io::ErrorKind::PermissionDenied, why)));
    }
    Ok(stream)
}

/// Whether a daemon of user `owner` may serve user `own`.
fn is_trusted(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Result<Remote, ClientError> {
        Remote::new(url, Some("sas_a.b"), &Trust::default())
    }

    #[test]
    fn a_url_is_read_whole() {
        for (url, host, port, base, authority) in [
            ("http://box:3001/", "box", 3001, "", "box:3001"),
            ("http://[::1]:3001", "::1", 3001, "", "[::1]:3001"),
            ("http://box/llmux/", "box", 80, "/llmux", "box"),
            ("http://[::1]", "::1", 80, "", "[::1]"),
            ("http://box:65535", "box", 65535, "", "box:65535"),
        ] {
            let read = remote(url).unwrap();
            assert_eq!(
                (
                    read.host.as_str(),
                    read.port,
                    read.base.as_str(),
                    read.authority.to_str().unwrap()
                ),
                (host, port, base, authority)
            );
        }
    }

    #[test]
    fn what_is_no_url_of_a_daemon_says_why() {
        for (url, why) in [
            ("box:3001", "neither http"),
            ("ftp://box", "neither http"),
            ("http://", "not written as a URL"),
            ("http://user:secret@box", "has no place"),
            ("http://box?token=x", "query"),
            ("/path", "names no host"),
            // None of these is port 80, where somebody else would be told the token.
            ("http://box:99999", "the port must be 1 to 65535"),
            ("http://box:", "the port must be 1 to 65535"),
            ("http://[::1]:/llmux", "the port must be 1 to 65535"),
            ("http://box:0", "the port must be 1 to 65535"),
        ] {
            let said = remote(url).unwrap_err().to_string();
            assert!(said.contains(why), "{url}: {said}");
        }
    }

    #[test]
    fn a_certificate_can_be_named_only_where_there_is_one() {
        let pin = Trust {
            pin: Some(format!("sha256:{}", "0f".repeat(32))),
            ..Trust::default()
        };
        let ca_file = Trust {
            ca_file: Some("/a".into()),
            ..Trust::default()
        };
        for (trust, what) in [
            (&pin, "--pin (LLMUX_PIN)"),
            (&ca_file, "--ca-file (LLMUX_CA_FILE)"),
        ] {
            let said = Remote::new("http://box:1", None, trust).unwrap_err().to_string();
            assert_eq!(said, format!("{what} needs https://, not http://box:1"));
        }
        assert!(Remote::new("https://box:1", None, &pin).is_ok());
        assert!(Target::read("unix:/s", None, &pin).is_ok());
    }

    #[test]
    fn a_credential_is_not_shown() {
        let shown = format!(
            "{:?}",
            Target::read("http://box", Some("sas_a.b"), &Trust::default()).unwrap()
        );
        assert!(shown.contains("http://box") && !shown.contains("sas_"), "{shown}");
        assert!(matches!(
            Target::read("http://box", Some("a\nb"), &Trust::default()),
            Err(ClientError::BadToken)
        ));
    }

    #[test]
    fn another_users_daemon_is_not_trusted() {
        assert!(is_trusted(1000, 1000) && is_trusted(0, 1000) && is_trusted(0, 0));
        assert!(!is_trusted(1001, 1000) && !is_trusted(1000, 0));
    }
}
