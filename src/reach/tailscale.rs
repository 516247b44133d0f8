//! What Tailscale serves of this host: `tailscale serve status --json`.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    process::{Output, Stdio},
    time::Duration,
};

use llmux_protocol::api::Endpoint;
use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use super::endpoint;

pub(super) const HTTPS: &str = "Tailscale HTTPS";
pub(super) const HTTP: &str = "Tailscale HTTP";

/// How long Tailscale may take to answer: a daemon that starts waits for it.
const ANSWERS_WITHIN: Duration = Duration::from_millis(1500);

/// What Tailscale says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tailscale {
    /// It is not installed.
    Absent,
    /// It is, and can't say what it serves, for this reason.
    Silent(String),
    /// What it serves; perhaps nothing.
    Serves(Serving),
}

/// All that Tailscale serves, whatever for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Serving {
    #[serde(rename = "TCP")]
    tcp: BTreeMap<String, Port>,
    web: BTreeMap<String, Site>,
    /// What `tailscale serve` serves in terminals, by its session.
    foreground: BTreeMap<String, Serving>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Port {
    #[serde(rename = "HTTPS")]
    https: bool,
    #[serde(rename = "HTTP")]
    http: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Site {
    handlers: BTreeMap<String, Handler>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Handler {
    proxy: String,
}

/// An address of the tailnet that leads to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// The name in the tailnet.
    pub(crate) host: String,
    port: u16,
    https: bool,
}

impl Tailscale {
    /// Asks it, for at most 1.5 s. Cancel safe.
    pub(crate) async fn ask() -> Self {
        let output = Command::new("tailscale")
            .args(["serve", "status", "--json"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        match timeout(ANSWERS_WITHIN, output).await {
            Ok(Ok(output)) => Self::read(&output),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Self::Absent,
            Ok(Err(error)) => Self::Silent(error.to_string()),
            Err(_) => Self::Silent("it does not answer".to_owned()),
        }
    }

    fn read(output: &Output) -> Self {
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default().trim();
            return Self::Silent(if first.is_empty() {
                output.status.to_string()
            } else {
                first.to_owned()
            });
        }
        match serde_json::from_slice(&output.stdout) {
            Ok(serving) => Self::Serves(serving),
            Err(error) => Self::Silent(format!("its answer can't be read: {error}")),
        }
    }

    /// What leads to a daemon that listens at `address`.
    #[must_use]
    pub(crate) fn mappings(&self, address: SocketAddr) -> Vec<Mapping> {
        match self {
            Self::Serves(serving) => serving.mappings(address),
            Self::Absent | Self::Silent(_) => Vec::new(),
        }
    }
}

impl Serving {
    fn mappings(&self, address: SocketAddr) -> Vec<Mapping> {
        let sites = self.web.iter().filter(|(_, site)| {
            let root = site.handlers.get("/");
            root.is_some_and(|handler| leads_to(&handler.proxy, address))
        });
        let mut found: Vec<_> = sites.filter_map(|(place, _)| self.mapping(place)).collect();
        found.extend(
            self.foreground
                .values()
                .flat_map(|serving| serving.mappings(address)),
        );
        found
    }

    fn mapping(&self, place: &str) -> Option<Mapping> {
        let (host, number) = place.rsplit_once(':')?;
        let port = self.tcp.get(number)?;
        (port.https || port.http).then_some(Mapping {
            host: host.to_owned(),
            port: number.parse().ok()?,
            https: port.https,
        })
    }
}

impl Mapping {
    /// The address itself.
    #[must_use]
    pub(crate) fn endpoint(&self) -> Endpoint {
        let (label, scheme, usual) = if self.https {
            (HTTPS, "https", 443)
        } else {
            (HTTP, "http", 80)
        };
        let url = if self.port == usual {
            format!("{scheme}://{}", self.host)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        };
        endpoint(label, url)
    }
}

/// Whether a proxy's target, such as `http://127.0.0.1:3001`, is what listens at `address`.
fn leads_to(proxy: &str, address: SocketAddr) -> bool {
    let Some((_, target)) = proxy.split_once("://") else {
        return false;
    };
    let Some((host, port)) = target.trim_end_matches('/').rsplit_once(':') else {
        return false;
    };
    let here = match host.trim_matches(['[', ']']) {
        "localhost" => address.ip().is_loopback() || address.ip().is_unspecified(),
        ip => ip
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip == address.ip() || (ip.is_loopback() && address.ip().is_unspecified())),
    };
    here && port.parse() == Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{
        "TCP": {"443": {"HTTPS": true}, "8080": {"HTTP": true}, "8443": {"HTTPS": true}, "22": {"TCPForward": "x"}},
        "Web": {
            "box.tail1234.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3001"}}},
            "box.tail1234.ts.net:8080": {"Handlers": {"/": {"Proxy": "http://localhost:3001/"}}},
            "box.tail1234.ts.net:8443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:9"}, "/x": {"Proxy": "http://127.0.0.1:3001"}}}
        },
        "AllowFunnel": {"box.tail1234.ts.net:443": true},
        "Foreground": {"abc": {
            "TCP": {"10000": {"HTTPS": true}},
            "Web": {"box.tail1234.ts.net:10000": {"Handlers": {"/": {"Proxy": "https+insecure://127.0.0.1:3001"}}}}
        }}
    }"#;

    fn urls(status: &str, address: &str) -> Vec<String> {
        let serving: Serving = serde_json::from_str(status).unwrap();
        let found = serving.mappings(address.parse().unwrap());
        found.iter().map(|mapping| mapping.endpoint().url).collect()
    }

    #[test]
    fn every_port_that_leads_to_the_daemons_root_is_found() {
        assert_eq!(
            urls(STATUS, "0.0.0.0:3001"),
            [
                "https://box.tail1234.ts.net",
                "http://box.tail1234.ts.net:8080",
                "https://box.tail1234.ts.net:10000"
            ]
        );
        assert_eq!(urls(STATUS, "127.0.0.1:9"), ["https://box.tail1234.ts.net:8443"]);
        assert!(urls(STATUS, "0.0.0.0:300").is_empty());
        // The proxy goes to the loopback, where nobody listens.
        assert!(urls(STATUS, "192.168.1.5:3001").is_empty());
        assert!(urls("{}", "0.0.0.0:3001").is_empty());
    }

    #[test]
    fn an_answer_of_another_shape_is_silence() {
        let output = |text: &str| Output {
            status: std::process::ExitStatus::default(),
            stdout: text.into(),
            stderr: Vec::new(),
        };
        assert_eq!(
            Tailscale::read(&output("{}")),
            Tailscale::Serves(Serving::default())
        );
        for text in ["", "[]x", "{\"Web\": 3}"] {
            assert!(
                matches!(Tailscale::read(&output(text)), Tailscale::Silent(_)),
                "{text}"
            );
        }
    }
}
