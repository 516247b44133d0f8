//! The network: whether the port is to be had, and what Tailscale does.

use std::{io, net::TcpListener};

use llmux_protocol::api::DaemonStatus;

use super::{because, finding::Findings};
use crate::{
    cli::context::Context,
    config::Config,
    daemon,
    reach::{self, Tailscale},
};

const NETWORK: &str = "network";
const TAILSCALE: &str = "tailscale";

pub(super) async fn look(
    context: &Context,
    config: &Config,
    status: Option<&DaemonStatus>,
    findings: &mut Findings,
) {
    let address = match daemon::address(None, &context.env, config) {
        Ok(address) => address,
        Err(error) => {
            let fix = error.hint().unwrap_or_default();
            return findings.error(NETWORK, because(&error), fix);
        }
    };
    let served = status.and_then(|status| status.network.as_ref());
    match (TcpListener::bind(address), served) {
        (_, Some(network)) => findings.ok(NETWORK, format!("served at {}", network.url)),
        (Ok(_), None) => findings.ok(NETWORK, format!("{address} is free for `llmux server start`")),
        (Err(source), None) => {
            let in_use = source.kind() == io::ErrorKind::AddrInUse;
            let error = daemon::DaemonError::Port { address, source };
            let fix = error.hint().unwrap_or_default();
            if in_use {
                findings.warn(NETWORK, because(&error), fix);
            } else {
                findings.error(NETWORK, because(&error), fix);
            }
        }
    }
    if let Some(word) = reach::wsl() {
        findings.note(NETWORK, word);
    }
    match Tailscale::ask().await {
        Tailscale::Absent => {}
        Tailscale::Silent(why) => findings.warn(
            TAILSCALE,
            format!("it is installed and does not say what it serves: {why}"),
            "see what `tailscale status` says",
        ),
        serves @ Tailscale::Serves(_) => {
            let mappings = serves.mappings(address);
            for endpoint in mappings.iter().map(reach::Mapping::endpoint) {
                findings.ok(TAILSCALE, format!("serves {}", endpoint.url));
            }
            if mappings.is_empty() {
                findings.note(
                    TAILSCALE,
                    format!(
                        "serves nothing of llmux; `tailscale serve --bg {}` would, with HTTPS",
                        address.port()
                    ),
                );
            }
        }
    }
}
