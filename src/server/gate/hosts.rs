//! Which `Host` and `Origin` a request may have.
//!
//! A page of another site can make a browser send requests here: under its own name, which it lets resolve to our address (then
//! `Host` is a name we don't know), or under ours (then `Origin` is not us).

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

/// The names under which the daemon is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    names: Arc<RwLock<Vec<String>>>,
}

/// Why a request is not for us, or not from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It has no `Host` that could be read.
    Unreadable,
    /// Its `Host` is a name that is not ours.
    Host,
    /// Its `Origin` is another site.
    Origin,
}

impl Hosts {
    /// Knows the loopback's names, and `names`: this host's, its tailnet's, and what the configuration allows. A name
    /// that begins with `*.` stands for all below it.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let hosts = Self::default();
        hosts.adopt(names);
        hosts
    }

    /// Knows these from now on, and no more those of before.
    pub(crate) fn adopt(&self, names: impl IntoIterator<Item = String>) {
        let names = names.into_iter().map(|name| plain(&name));
        *self.names.write().unwrap_or_else(PoisonError::into_inner) =
            names.filter(|name| !name.is_empty()).collect();
    }

    /// Judges a request's `Host` and `Origin`. No `Origin` is no browser's request, or one to which cookies' rules apply.
    pub(super) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = host(uri, headers).ok_or(Foreign::Unreadable)?;
        if !self.is_ours(host.host()) {
            return Err(Foreign::Host);
        }
        match headers.get_all(header::ORIGIN).iter().collect::<Vec<_>>()[..] {
            [] => Ok(()),
            [origin] if is_same(origin, &host) => Ok(()),
            _ => Err(Foreign::Origin),
        }
    }

    fn names(&self) -> RwLockReadGuard<'_, Vec<String>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ours(&self, host: &str) -> bool {
        // No resolver stands between an address and us: only a name can be made to lead here.
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return true;
        }
        let host = plain(host);
        host == "localhost"
            || host.ends_with(".localhost")
            || self.names().iter().any(|name| match name.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .is_some_and(|below| below.ends_with('.') && below.len() > 1),
                None => *name == host,
            })
    }
}

/// A name in lower case without the root's dot.
fn plain(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// The one `Host`: of the request line if it is there, as RFC 9112 has it.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = match headers.get_all(header::HOST).iter().collect::<Vec<_>>()[..] {
        [host] => authority(host.to_str().ok()?)?,
        _ => return None,
    };
    match uri.authority() {
        Some(asked) if asked.host().eq_ignore_ascii_case(named.host()) => Some(named),
        Some(_) => None,
        None => Some(named),
    }
}

/// A host and perhaps a port; nothing that looks like more.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@') && !authority.host().is_empty()).then_some(authority)
}

/// Whether an origin is the host that the request is for. The scheme is not compared: a proxy may have taken TLS off.
fn is_same(origin: &HeaderValue, host: &Authority) -> bool {
    let Some((scheme, rest)) = origin.to_str().ok().and_then(|text| text.split_once("://")) else {
        return false;
    };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let Some(origin) = authority(rest) else {
        return false;
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
    plain(origin.host()) == plain(host.host()) && port(&origin) == port(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(host: &[&str], origin: &[&str]) -> Result<(), Foreign> {
        let hosts = Hosts::new([
            "Box".to_owned(),
            "box.tail1234.ts.net.".to_owned(),
            "*.lab.example".to_owned(),
        ]);
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(header::HOST, host.parse().unwrap());
        }
        for origin in origin {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        hosts.judge(&Uri::from_static("/api/sessions"), &headers)
    }

    #[test]
    fn only_names_of_this_host_are_answered() {
        for host in [
            "localhost",
            "localhost:3001",
            "LOCALHOST.:3001",
            "app.localhost",
            "127.0.0.1:3001",
            "[::1]:3001",
            "100.101.102.103",
            "box:3001",
            "BOX",
            "box.tail1234.ts.net",
            "a.lab.example",
        ] {
            assert_eq!(judge(&[host], &[]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "box.evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "lab.example",
            "evil-lab.example",
            ".lab.example",
            "other.tail1234.ts.net",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(judge(&[host], &[]), Err(Foreign::Host), "{host}");
        }
    }

    #[test]
    fn a_host_that_is_none_is_a_bad_request() {
        for host in [
            &[][..],
            &["a b"],
            &["box", "box"],
            &["box@evil.example"],
            &["box/x"],
            &[""],
        ] {
            assert_eq!(judge(host, &[]), Err(Foreign::Unreadable), "{host:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        let uri = Uri::from_static("http://evil.example/api/sessions");
        assert_eq!(Hosts::default().judge(&uri, &headers), Err(Foreign::Unreadable));
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        for (host, origin) in [
            ("box:3001", "http://box:3001"),
            ("box:3001", "https://BOX:3001"),
            ("box", "https://box"),
            ("box:443", "https://box"),
            ("[::1]:3001", "http://[::1]:3001"),
        ] {
            assert_eq!(judge(&[host], &[origin]), Ok(()), "{host} {origin}");
        }
        for (host, origin) in [
            ("box:3001", "http://evil.example"),
            ("box:3001", "http://box:8080"),
            ("box:3001", "http://box"),
            ("box", "null"),
            ("box", "file://"),
            ("box", "https://box.evil.example"),
            ("box", "chrome-extension://box"),
            ("box", "https://box@evil.example"),
            ("localhost:3001", "http://127.0.0.1:3001"),
        ] {
            assert_eq!(judge(&[host], &[origin]), Err(Foreign::Origin), "{host} {origin}");
        }
        assert_eq!(
            judge(&["box"], &["https://box", "https://box"]),
            Err(Foreign::Origin)
        );
    }
}
