//! Under which addresses the network reaches a daemon of this host: its own interfaces, and what Tailscale serves.
//!
//! Looked at when a daemon starts, and when somebody asks; nothing here is kept up to date.

mod tailscale;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use llmux_protocol::api::Endpoint;

pub(crate) use self::tailscale::{Mapping, Tailscale};

/// Interfaces of virtual machines and containers of this host: nobody else is there.
const OF_THIS_HOST: [&str; 5] = ["docker", "br-", "veth", "virbr", "lxc"];

/// Where a daemon that listens at `address` is reached, the best first: over Tailscale, then in the local network, then here.
#[must_use]
pub(crate) fn endpoints(address: SocketAddr, tls: bool, mappings: &[Mapping]) -> Vec<Endpoint> {
    among(&interfaces(), address, tls, mappings)
}

fn among(interfaces: &[Ipv4Addr], address: SocketAddr, tls: bool, mappings: &[Mapping]) -> Vec<Endpoint> {
    let scheme = if tls { "https" } else { "http" };
    let at = |host: &str| format!("{scheme}://{host}:{}", address.port());
    let mut found: Vec<_> = mappings.iter().map(Mapping::endpoint).collect();
    let reached = interfaces
        .iter()
        .copied()
        .filter(|ip| address.ip().is_unspecified() || address.ip() == *ip);
    let (tailnet, lan): (Vec<Ipv4Addr>, Vec<Ipv4Addr>) = reached.partition(|ip| is_tailnet(*ip));
    if !found.iter().any(|endpoint| endpoint.label == tailscale::HTTP) {
        found.extend(
            tailnet
                .first()
                .map(|ip| endpoint(tailscale::HTTP, at(&ip.to_string()))),
        );
    }
    found.extend(lan.iter().map(|ip| endpoint("LAN", at(&ip.to_string()))));
    found.extend(local(address.ip()).map(|host| endpoint("Local", at(&host))));
    if found.is_empty() {
        found.push(endpoint("LAN", format!("{scheme}://{address}")));
    }
    found.sort_by_key(|endpoint| !endpoint.url.starts_with("https://"));
    found
}

/// How this host itself reaches what listens at `ip`.
fn local(ip: IpAddr) -> Option<String> {
    match ip {
        ip if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST => Some("localhost".to_owned()),
        IpAddr::V4(ip) if ip.is_loopback() => Some(ip.to_string()),
        IpAddr::V6(ip) if ip.is_loopback() => Some(format!("[{ip}]")),
        _ => None,
    }
}

/// The addresses that others can reach, without those of networks inside this host.
fn interfaces() -> Vec<Ipv4Addr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let outward = all.into_iter().filter(|found| {
        !found.is_loopback()
            && !found.is_link_local()
            && !OF_THIS_HOST.iter().any(|name| found.name.starts_with(name))
    });
    outward
        .filter_map(|found| match found.ip() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
        .collect()
}

/// Whether an address is of 100.64.0.0/10, which tailnets use.
fn is_tailnet(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && (64..128).contains(&second)
}

fn endpoint(label: &str, url: String) -> Endpoint {
    Endpoint {
        label: label.to_owned(),
        url,
    }
}

/// What a person should know of the network of a host that is a guest of Windows.
#[must_use]
pub(crate) fn wsl() -> Option<&'static str> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    wsl_word(&kernel)
}

fn wsl_word(kernel: &str) -> Option<&'static str> {
    kernel.to_lowercase().contains("microsoft").then_some(
        "this is WSL2: Windows reaches the daemon at localhost; other devices reach it over Tailscale, or with \
         networkingMode=mirrored in .wslconfig",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 5);
    const TAILNET: Ipv4Addr = Ipv4Addr::new(100, 101, 102, 103);

    fn urls(address: &str, tls: bool, mappings: &[Mapping]) -> Vec<String> {
        let found = among(&[LAN, TAILNET], address.parse().unwrap(), tls, mappings);
        let text = |endpoint: &Endpoint| format!("{} {}", endpoint.label, endpoint.url);
        found.iter().map(text).collect()
    }

    #[test]
    fn only_addresses_that_are_listened_at_are_named() {
        assert_eq!(
            urls("0.0.0.0:3001", false, &[]),
            [
                "Tailscale HTTP http://100.101.102.103:3001",
                "LAN http://192.168.1.5:3001",
                "Local http://localhost:3001"
            ]
        );
        assert_eq!(
            urls("127.0.0.1:3001", false, &[]),
            ["Local http://localhost:3001"]
        );
        assert_eq!(
            urls("127.9.0.1:3001", true, &[]),
            ["Local https://127.9.0.1:3001"]
        );
        assert_eq!(urls("[::1]:80", false, &[]), ["Local http://[::1]:80"]);
        assert_eq!(
            urls("192.168.1.5:3001", false, &[]),
            ["LAN http://192.168.1.5:3001"]
        );
        assert_eq!(urls("[fd00::5]:3001", false, &[]), ["LAN http://[fd00::5]:3001"]);
    }

    #[test]
    fn windows_is_named_by_its_kernel() {
        assert!(wsl_word("5.15.153.1-microsoft-standard-WSL2\n").is_some());
        assert_eq!(wsl_word("6.1.0-18-amd64\n"), None);
    }
}
